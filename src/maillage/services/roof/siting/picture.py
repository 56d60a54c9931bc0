"""A plan as a picture: all candidates, and the chosen with their catchments."""

import math
from pathlib import Path

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.errors import Invalid
from maillage.kernel.geo import EARTH_RADIUS_KM, FloatArray
from maillage.services.roof.siting.instances.model import Degrees, Instance, Plane
from maillage.services.roof.siting.plan import Plan

SIDE_MAX_PX = 2_000
SIDE_MIN_PX = 200
MARGIN_PX = 24
GROUND, CANDIDATE, CHOSEN, CATCHMENT = (250, 250, 247), (176, 180, 188), (200, 60, 30), (240, 205, 160)


def draw(instance: Instance, plan: Plan, radius_m: float | None, file: Path) -> None:
    """Write a PNG: candidates grey, the chosen red, their catchments behind them where there is a radius.

    Places on the earth are drawn with parallels and meridians evenly apart, true to scale in the middle. Invalid where
    the file does not say where its candidates are; OSError where the picture can't be written.
    """
    from PIL import Image, ImageDraw

    x_m, y_m = _on_a_plane(instance)
    width_m, height_m = max(float(np.ptp(x_m)), 1.0), max(float(np.ptp(y_m)), 1.0)
    scale = (SIDE_MAX_PX - 2 * MARGIN_PX) / max(width_m, height_m)
    size = tuple(max(int(side * scale) + 2 * MARGIN_PX, SIDE_MIN_PX) for side in (width_m, height_m))
    x_px, y_px = (x_m - x_m.min()) * scale + MARGIN_PX, (y_m.max() - y_m) * scale + MARGIN_PX
    image = Image.new("RGB", (size[0], size[1]), GROUND)
    canvas = ImageDraw.Draw(image)
    taken = np.isin(np.array(instance.ids), np.array(plan.chosen))

    def discs(which: BoolArray, radius_px: float, fill: tuple[int, int, int]) -> None:
        for x, y in zip(x_px[which].tolist(), y_px[which].tolist(), strict=True):
            canvas.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), fill=fill)

    if radius_m is not None:
        discs(taken, radius_m * scale, CATCHMENT)
    discs(~taken, 3.0, CANDIDATE)
    discs(taken, 6.0, CHOSEN)
    image.save(file, "PNG")


def require_places(instance: Instance) -> Degrees | Plane:
    """Where the candidates are; Invalid where the file does not say."""
    if instance.places is None:
        raise Invalid("png", "can't be drawn: the file does not say where its candidates are")
    return instance.places


def _on_a_plane(instance: Instance) -> tuple[FloatArray, FloatArray]:
    places = require_places(instance)
    if isinstance(places, Degrees):
        metres = EARTH_RADIUS_KM * 1_000 * math.pi / 180
        middle = math.radians(float(places.lat.min() + places.lat.max()) / 2)
        return places.lon * metres * max(math.cos(middle), 0.01), places.lat * metres
    return places.x_m, places.y_m
