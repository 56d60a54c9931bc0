"""A plan as a document: GeoJSON geometries in the floor's own metres, beside their figures."""

from typing import Any

import msgspec
import shapely
from shapely import MultiPolygon

from maillage.services.robots.coverage.model import CoveragePlan

PLACES = 4
"""Decimals of a metre: a tenth of a millimetre."""


def plan_document(plan: CoveragePlan) -> dict[str, Any]:
    """What ``maillage robots plan --json`` prints; the path is the document's only LineString."""
    return {
        "floor": {"name": plan.floor.name, "bounds": [round(each, PLACES) for each in plan.floor.area.bounds]},
        "robot": {
            "width_m": plan.robot.width_m,
            "radius_m": plan.robot.radius_m,
            "speed_m_s": plan.robot.speed_m_s,
        },
        "figures": {
            name: figure if isinstance(figure, int) else round(figure, 6 if "share" in name or name == "ratio" else 3)
            for name, figure in msgspec.to_builtins(plan.figures).items()
        },
        "path": {
            "type": "LineString",
            "coordinates": [[round(x, PLACES), round(y, PLACES)] for x, y in plan.path],
        },
        "segments": [{"kind": segment.kind, "from": segment.first, "to": segment.last} for segment in plan.segments],
        "missed": area_document(plan.missed),
        "unreachable": area_document(plan.unreachable),
    }


def area_document(area: MultiPolygon) -> dict[str, Any]:
    """A MultiPolygon in GeoJSON, to a tenth of a millimetre."""
    return {
        "type": "MultiPolygon",
        "coordinates": [
            [_ring(part.exterior), *(_ring(hole) for hole in part.interiors)] for part in shapely.get_parts(area)
        ],
    }


def _ring(ring: shapely.LinearRing) -> list[list[float]]:
    places: list[list[float]] = shapely.get_coordinates(ring).round(PLACES).tolist()
    return places
