"""Rent by year as a picture: a PNG file with a bar for each year, what is committed below what renewals would add."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from maillage.faces.cli.sensing_picture import levels

WIDTH, HEIGHT = 1_200, 480
"""Pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 30, 60, 40
_INK, _GRID, _COMMITTED, _RENEWED = (40, 44, 52), (225, 228, 232), (20, 100, 180), (178, 212, 240)
_LABEL = 44
"""Pixels that the name of a year takes."""


class Bar(NamedTuple):
    """A year's rent, in the currency's unit; ``with_renewals`` holds what is committed too."""

    year: str
    committed: float
    with_renewals: float


def picture(path: Path, title: str, bars: Sequence[Bar]) -> None:
    """Write the file, of one bar at least. OSError where it can't be written."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    top = max(bar.with_renewals for bar in bars) * 1.05 or 1.0
    floor = HEIGHT - _BOTTOM

    def y(amount: float) -> float:
        return floor - amount / top * (floor - _TOP)

    canvas.text((_LEFT, 10), title, fill=_INK, font=font)
    for place, colour, text in ((_LEFT, _COMMITTED, "committed"), (_LEFT + 120, _RENEWED, "with all renewals")):
        canvas.rectangle([place, 36, place + 12, 48], fill=colour)
        canvas.text((place + 18, 42), text, fill=_INK, font=font, anchor="lm")
    for amount in levels(0.0, top):
        canvas.line([(_LEFT, y(amount)), (WIDTH - _RIGHT, y(amount))], fill=_GRID)
        canvas.text((_LEFT - 8, y(amount)), f"{amount:,.10g}", fill=_INK, font=font, anchor="rm")
    wide = (WIDTH - _LEFT - _RIGHT) / len(bars)
    each = max(1, round(_LABEL / wide + 0.5))
    for number, bar in enumerate(bars):
        left, right = _LEFT + wide * (number + 0.1), _LEFT + wide * (number + 0.9)
        for amount, colour in ((bar.with_renewals, _RENEWED), (bar.committed, _COMMITTED)):
            if amount > 0:
                canvas.rectangle([left, y(amount), right, floor], fill=colour)
        if number % each == 0:
            canvas.text(((left + right) / 2, floor + 8), bar.year, fill=_INK, font=font, anchor="mt")
    canvas.line([(_LEFT, floor), (WIDTH - _RIGHT, floor)], fill=_INK)
    image.save(path, "PNG")
