"""A plan as a picture: the chosen roofs with how far each serves, among the others, in the shape of the land."""

import math
from collections.abc import Sequence
from pathlib import Path

from maillage.kernel.geo import EARTH_RADIUS_KM
from maillage.services.roof.catalogue.documents import Point
from maillage.services.roof.catalogue.plan_documents import PlanDocument

SIDE_PX = 1_200
MARGIN_PX, HEAD_PX = 24, 44
NUMBERED_MAX, LABEL_PX = 25, 22
_KM_PER_DEG = math.radians(1) * EARTH_RADIUS_KM
_PAPER, _INK, _OTHER = (255, 255, 255, 255), (40, 44, 52, 255), (176, 181, 190, 255)
_CHOSEN, _FIXED, _REACH = (196, 52, 40, 255), (33, 102, 172, 255), (240, 140, 60, 70)


def draw(plan: PlanDocument, others: Sequence[Point], file: Path) -> None:
    """Write a PNG; ``others`` are latitudes and longitudes of roofs that were not chosen. The first of the plan are
    numbered in its order where there is room for it, fixed ones are blue. OSError where the file can't be written."""
    from PIL import Image, ImageDraw, ImageFont

    map_ = _Map([(roof.lat, roof.lon) for roof in plan.roofs] + list(others), _margin_km(plan))
    image = Image.new("RGBA", (map_.width_px, map_.height_px + HEAD_PX), _PAPER)
    reach = Image.new("RGBA", image.size, (0, 0, 0, 0))
    circles = ImageDraw.Draw(reach)
    for roof in plan.roofs:
        radius_px = max((roof.cell_km or plan.by.catchment_km or 0.0) * map_.px_per_km, 2.0)
        circles.ellipse(_disc(map_.at(roof.lat, roof.lon), radius_px), fill=_REACH)
    image.alpha_composite(reach)
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(size=15)
    for place in others:
        canvas.ellipse(_disc(map_.at(*place), 1.5), fill=_OTHER)
    numbered: list[Point] = []
    for number, roof in enumerate(plan.roofs, 1):
        x, y = map_.at(roof.lat, roof.lon)
        canvas.ellipse(_disc((x, y), 3.0), fill=_FIXED if roof.fixed else _CHOSEN)
        if number <= NUMBERED_MAX and all(math.dist((x, y), other) >= LABEL_PX for other in numbered):
            canvas.text((x + 5, y - 18), str(number), fill=_INK, font=font)
            numbered.append((x, y))
    canvas.text((MARGIN_PX, 14), _title(plan), fill=_INK, font=font)
    image.convert("RGB").save(file, "PNG")


class _Map:
    """Places in degrees to pixels: as wide as the land is at its middle latitude."""

    def __init__(self, places: Sequence[Point], margin_km: float) -> None:
        lats = [lat for lat, _ in places]
        self._middle = places[0][1]
        self._narrow = math.cos(math.radians((min(lats) + max(lats)) / 2))
        easts = [self._east(lon) for _, lon in places]
        self._west = min(easts) - margin_km
        self._north = max(lats) * _KM_PER_DEG + margin_km
        wide = max(easts) + margin_km - self._west
        tall = self._north - min(lats) * _KM_PER_DEG + margin_km
        self.px_per_km = (SIDE_PX - 2 * MARGIN_PX) / max(wide, tall)
        self.width_px = max(round(wide * self.px_per_km) + 2 * MARGIN_PX, SIDE_PX // 2)
        self.height_px = round(tall * self.px_per_km) + 2 * MARGIN_PX

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        x = (self._east(lon) - self._west) * self.px_per_km
        y = (self._north - lat * _KM_PER_DEG) * self.px_per_km
        return x + MARGIN_PX, y + MARGIN_PX + HEAD_PX

    def _east(self, lon: float) -> float:
        """Kilometres from the first place's meridian, the shorter way round."""
        return ((lon - self._middle + 180) % 360 - 180) * _KM_PER_DEG * self._narrow


def _margin_km(plan: PlanDocument) -> float:
    return max([0.5, plan.by.catchment_km or 0.0, *(roof.cell_km or 0.0 for roof in plan.roofs)])


def _disc(at: tuple[float, float], radius_px: float) -> tuple[float, float, float, float]:
    return at[0] - radius_px, at[1] - radius_px, at[0] + radius_px, at[1] + radius_px


def _title(plan: PlanDocument) -> str:
    by = plan.by
    how = f"within {by.catchment_km:g} km" if by.band is None else f"by {by.band}, {by.place}"
    return f"{len(plan.roofs):,} roofs: {plan.people:,} of {plan.population:,} people {how} ({plan.share:.2%})"
