"""A raster as a picture that can be read by itself: title, colours and what they mean, a scale, and the stations."""

import colorsys
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maillage.services.roof.coverage.grid import M_PER_DEG
from maillage.services.roof.coverage.raster import Raster

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

MAP_PX = 800
"""The longer side of the map."""
_MARGIN, _HEAD, _KEY, _FOOT = 16, 44, 130, 40
"""Pixels: round the map, for the title above it, for the colours' key at its right, for the scale below it."""
_INK, _PAPER, _NOTHING, _MARK = (40, 44, 52), (255, 255, 255), (233, 235, 238), (214, 40, 40)
_RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Five colours of viridis: as bright as they are high, also in print and to those who can't tell red from green."""
_TICKS = 6
_RANGES = {"share": (0.0, 1.0), "dBm": (-110.0, -50.0), "dB": (-10.0, 30.0)}
"""Of the colours, by unit: the same in every picture, so that pictures can be compared. What lies beyond has the colour
of the end."""
_HUE_STEP = 0.618034
"""The golden section of the circle of hues keeps the colours of numbers that follow each other apart."""


def draw(raster: Raster, title: str, stations: Sequence[tuple[float, float]], file: Path) -> None:
    """Write a PNG of the raster, with stations given as latitudes and longitudes. OSError where it can't be written."""
    from PIL import Image, ImageDraw, ImageFont

    metres_x = raster.step_lon * M_PER_DEG * math.cos(math.radians((raster.north + raster.south) / 2))
    metres_y = raster.step_lat * M_PER_DEG
    wide, tall = raster.values.shape[1] * metres_x, raster.values.shape[0] * metres_y
    scale = MAP_PX / max(wide, tall)
    size = max(1, round(wide * scale)), max(1, round(tall * scale))
    drawn = Image.fromarray(_coloured(raster.values, raster.unit)).resize(size, Image.Resampling.NEAREST)
    font = ImageFont.load_default(size=15)
    width = max(size[0] + _KEY, round(font.getlength(title))) + 2 * _MARGIN
    image = Image.new("RGB", (width, max(size[1], 240) + _HEAD + _FOOT), _PAPER)
    image.paste(drawn, (_MARGIN, _HEAD))
    canvas = ImageDraw.Draw(image)
    canvas.text((_MARGIN, 14), title, fill=_INK, font=font)
    for lat, lon in stations:
        along = (lon - raster.west + 180) % 360 - 180  # it may lie on the other side of the antimeridian
        x = _MARGIN + along / raster.step_lon * metres_x * scale
        y = _HEAD + (raster.north - lat) / raster.step_lat * metres_y * scale
        canvas.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_MARK, outline=_PAPER)
    _scale_bar(canvas, font, (_MARGIN, _HEAD + size[1] + 14), scale, size[0])
    canvas.text((_MARGIN + size[0] - 12, _HEAD + 10), "N", fill=_INK, font=font, anchor="rt")
    _key(canvas, font, (_MARGIN + size[0] + 20, _HEAD + 28), raster.unit)
    image.save(file, "PNG")


def _coloured(values: NDArray[np.float32], unit: str) -> NDArray[np.uint8]:
    known = np.isfinite(values)
    if unit in _RANGES:
        low, high = _RANGES[unit]
        share = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
        stops = np.linspace(0, 1, len(_RAMP))
        colours = np.stack([np.interp(share, stops, channel) for channel in np.array(_RAMP).T], axis=-1)
    else:  # numbers of things, each with a colour of its own
        numbers = np.where(known, values, 0).astype(int)
        table = [colorsys.hsv_to_rgb(number * _HUE_STEP % 1, 0.45, 0.9) for number in range(int(numbers.max()) + 1)]
        colours = np.array(table)[numbers] * 255
    painted: NDArray[np.uint8] = colours.astype(np.uint8)
    painted[~known] = _NOTHING
    return painted


def _key(
    canvas: "ImageDraw.ImageDraw",
    font: "ImageFont.ImageFont | ImageFont.FreeTypeFont",
    corner: tuple[int, int],
    unit: str,
) -> None:
    left, top = corner
    canvas.text((left, top - 22), unit if unit in _RANGES else f"a colour a {unit}", fill=_INK, font=font)
    if unit not in _RANGES:
        return
    low, high = _RANGES[unit]
    tall = 180
    bar = _coloured(np.linspace(high, low, tall, dtype=np.float32)[:, None], unit)[:, 0]
    for row, colour in enumerate(bar.tolist()):
        canvas.line((left, top + row, left + 18, top + row), fill=tuple(colour))
    for tick in range(_TICKS):
        y = top + round(tick / (_TICKS - 1) * (tall - 1))
        value = high + (low - high) * tick / (_TICKS - 1)
        canvas.line((left + 18, y, left + 23, y), fill=_INK)
        canvas.text(
            (left + 28, y), f"{value:.1f}" if unit == "share" else f"{value:.0f}", fill=_INK, font=font, anchor="lm"
        )


def _scale_bar(
    canvas: "ImageDraw.ImageDraw",
    font: "ImageFont.ImageFont | ImageFont.FreeTypeFont",
    begin: tuple[int, int],
    scale: float,
    wide: int,
) -> None:
    """A round length of about a quarter of the map."""
    about = wide / 4 / scale
    power = 10.0 ** math.floor(math.log10(about))
    length_m = max(step * power for step in (1, 2, 5) if step * power <= about)
    x, y = begin
    text = f"{length_m / 1_000:g} km" if length_m >= 1_000 else f"{length_m:g} m"
    end_x = x + round(length_m * scale)
    canvas.line((x, y, end_x, y), fill=_INK, width=3)
    canvas.text((end_x + 8, y), text, fill=_INK, font=font, anchor="lm")
