"""Readings as a picture: a PNG file with a curve, the range around it, and axes that say what they are."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from maillage.kernel.times import DAY_S, HOUR_S, format_time

WIDTH, HEIGHT = 1_200, 480
"""Pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 50, 40, 40
_INK, _GRID, _BAND, _LINE = (40, 44, 52), (225, 228, 232), (178, 212, 240), (20, 100, 180)
_TICKS_S = (60, 300, 900, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S)
_TICKS = 8


class Point(NamedTuple):
    """What was measured at an instant (seconds UTC), or within a step from it on."""

    at: float
    low: float
    mean: float
    high: float


def picture(path: Path, title: str, points: Sequence[Point], start: int, end: int, gap_s: float) -> None:
    """Write the file. Between points that are more than ``gap_s`` apart nothing is drawn: nobody knows what was there.
    OSError where it can't be written."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    bottom, top = _range(points)

    def x(at: float) -> float:
        return _LEFT + (at - start) / (end - start) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    canvas.text((_LEFT, 10), title, fill=_INK, font=font)
    for value in levels(bottom, top):
        canvas.line([(_LEFT, y(value)), (WIDTH - _RIGHT, y(value))], fill=_GRID)
        canvas.text((_LEFT - 8, y(value)), f"{value:g}", fill=_INK, font=font, anchor="rm")
    tick_s = next((each for each in _TICKS_S if (end - start) / each <= _TICKS), _TICKS_S[-1])
    for at in range(-(-start // tick_s) * tick_s, end, tick_s):
        canvas.line([(x(at), _TOP), (x(at), HEIGHT - _BOTTOM)], fill=_GRID)
        text = format_time(at)[:10] if tick_s >= DAY_S else format_time(at)[5:16].replace("T", " ")
        canvas.text((x(at), HEIGHT - _BOTTOM + 8), text, fill=_INK, font=font, anchor="mt")
    for run in _runs(points, gap_s):
        edge = [(x(each.at), y(each.high)) for each in run] + [(x(each.at), y(each.low)) for each in reversed(run)]
        if len(run) > 1:
            canvas.polygon(edge, fill=_BAND)
        canvas.line([(x(each.at), y(each.mean)) for each in run], fill=_LINE, width=2)
        if len(run) == 1:
            canvas.ellipse([x(run[0].at) - 2, y(run[0].mean) - 2, x(run[0].at) + 2, y(run[0].mean) + 2], fill=_LINE)
    image.save(path, "PNG")


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """What the axis goes from and to: a little more than what was measured."""
    low, high = min(point.low for point in points), max(point.high for point in points)
    room = (high - low) * 0.05 or 0.5
    return low - room, high + room


def levels(bottom: float, top: float) -> Iterator[float]:
    """Round values for the axis: some six, a step of 1, 2 or 5 times a power of ten apart."""
    rough = (top - bottom) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    number = math.ceil(bottom / step)
    while number * step <= top:
        yield number * step
        number += 1


def _runs(points: Sequence[Point], gap_s: float) -> Iterator[list[Point]]:
    run: list[Point] = []
    for point in points:
        if run and point.at - run[-1].at > gap_s:
            yield run
            run = []
        run.append(point)
    if run:
        yield run
