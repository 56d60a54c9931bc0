"""A plan as a picture: the floor, the path coloured along its time, what it misses and what it can't reach."""

import colorsys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from maillage.services.robots.coverage.model import CoveragePlan, polygons

if TYPE_CHECKING:
    from PIL import ImageDraw

SIDE_MAX_PX = 2_000
PIXELS_A_METRE_MAX = 60
MARGIN_PX = 12
WALL, FREE, MISSED, UNREACHABLE = (68, 71, 78), (250, 250, 247), (232, 92, 52), (196, 199, 206)
Colour = tuple[int, int, int]


def draw(plan: CoveragePlan, file: Path) -> None:
    """Write a PNG. The path goes from blue through green to red; its beginning is a ring, its end a disc. OSError
    where the file can't be written."""
    from PIL import Image, ImageDraw

    left, bottom, right, top = plan.floor.area.bounds
    scale = min(PIXELS_A_METRE_MAX, (SIDE_MAX_PX - 2 * MARGIN_PX) / max(right - left, top - bottom))
    size = (int((right - left) * scale) + 2 * MARGIN_PX, int((top - bottom) * scale) + 2 * MARGIN_PX)

    def placed(places: NDArray[np.float64]) -> list[tuple[float, float]]:
        x, y = (places[:, 0] - left) * scale + MARGIN_PX, (top - places[:, 1]) * scale + MARGIN_PX
        return list(zip(x.tolist(), y.tolist(), strict=True))

    image = Image.new("RGB", size, WALL)
    canvas = ImageDraw.Draw(image)
    for colour, areas in ((FREE, plan.floor.area), (UNREACHABLE, plan.unreachable), (MISSED, plan.missed)):
        for part in polygons(areas):
            canvas.polygon(placed(shapely.get_coordinates(part.exterior)), fill=colour)
            for hole in part.interiors:
                canvas.polygon(placed(shapely.get_coordinates(hole)), fill=WALL if colour == FREE else FREE)
    if len(plan.path) > 1:
        path = placed(np.array(plan.path))
        for start, end, colour in zip(path, path[1:], _along_time(np.array(plan.path)), strict=False):
            canvas.line((start, end), fill=colour, width=2)
        _mark(canvas, path[0], filled=False)
        _mark(canvas, path[-1], filled=True)
    image.save(file, "PNG")


def _along_time(path: NDArray[np.float64]) -> Iterable[Colour]:
    """A colour for each step, by how much of the way lies before it."""
    along = np.cumsum(np.hypot(*np.diff(path, axis=0).T))
    for share in (along / along[-1]).tolist():
        red, green, blue = colorsys.hsv_to_rgb(0.66 * (1 - share), 0.85, 0.8)
        yield int(red * 255), int(green * 255), int(blue * 255)


def _mark(canvas: "ImageDraw.ImageDraw", place: tuple[float, float], filled: bool) -> None:
    x, y = place
    canvas.ellipse((x - 6, y - 6, x + 6, y + 6), outline=(0, 0, 0), width=3, fill=(0, 0, 0) if filled else None)
