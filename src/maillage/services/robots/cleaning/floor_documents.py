"""Floors as they come in and go out: GeoJSON in metres on the robots' map, where robots charge, where they may not
go."""

import math
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from maillage.kernel.documents import ShortText
from maillage.kernel.errors import Invalid
from maillage.kernel.times import format_time
from maillage.services.robots.cleaning.model import FloorRecord

DOCKS_MAX, KEEP_OUT_MAX = 64, 1_000


class DockDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a robot charges: metres, and radians against the map's x axis. ``robot`` is the one that it is for, null
    for any."""

    x: float
    y: float
    theta: float = 0.0
    name: Annotated[str, Meta(max_length=64)] = ""
    robot: ShortText | None = None


class NewFloor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A floor. ``area`` is GeoJSON (Polygon, MultiPolygon, Feature or FeatureCollection): holes, and features with the
    property ``obstacle: true``, are obstacles; ``keep_out`` are Polygons that robots stay out of besides."""

    map_id: Annotated[str, Meta(min_length=1, max_length=64)]
    area: dict[str, Any]
    docks: Annotated[list[DockDocument], Meta(max_length=DOCKS_MAX)] = []
    keep_out: Annotated[list[dict[str, Any]], Meta(max_length=KEEP_OUT_MAX)] = []


class FloorDocument(msgspec.Struct, frozen=True):
    """A floor as it is kept. ``area_m2`` is floor without obstacles, ``reachable_m2`` what a robot's brush can touch of
    it, judged for the site's first robot that cleans, or one of 0.7 m. ``revision`` counts changes."""

    id: str
    site: str
    map_id: str
    area_m2: float
    reachable_m2: float
    revision: int
    created_at: str
    docks: list[DockDocument]
    keep_out: list[dict[str, Any]]
    area: dict[str, Any]


def collected(document: NewFloor) -> bytes:
    """All of it as one GeoJSON FeatureCollection."""
    area = document.area
    kind = area.get("type")
    if kind == "FeatureCollection":
        features = area.get("features")
        if not isinstance(features, list):
            raise Invalid("area", "the FeatureCollection has no list of features")
    elif kind == "Feature":
        features = [area]
    else:
        features = [{"type": "Feature", "properties": {}, "geometry": area}]
    keep_out = [_kept_out(number, shape) for number, shape in enumerate(document.keep_out)]
    return msgspec.json.encode({"type": "FeatureCollection", "features": [*features, *keep_out]})


def check_docks(document: NewFloor) -> None:
    """Invalid for a dock whose place is none."""
    for number, dock in enumerate(document.docks):
        if not all(math.isfinite(value) for value in (dock.x, dock.y, dock.theta)):
            raise Invalid(f"docks[{number}]", "x, y and theta are finite numbers: metres and radians")


def floor_document(floor: FloorRecord) -> FloorDocument:
    """As it goes out."""
    document = msgspec.convert(floor.body, NewFloor)
    return FloorDocument(
        floor.id,
        floor.site,
        document.map_id,
        floor.area_m2,
        floor.reachable_m2,
        floor.revision,
        format_time(floor.created_at),
        document.docks,
        document.keep_out,
        document.area,
    )


def _kept_out(number: int, shape: dict[str, Any]) -> dict[str, Any]:
    if shape.get("type") not in ("Polygon", "MultiPolygon"):
        raise Invalid(f"keep_out[{number}]", f"is a Polygon or MultiPolygon, not {str(shape.get('type'))[:40]!r}")
    return {"type": "Feature", "properties": {"obstacle": True}, "geometry": shape}
