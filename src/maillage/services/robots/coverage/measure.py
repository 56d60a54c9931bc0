"""What a path covers of what can be reached: the same measure for a plan and for what a robot has driven."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.model import Coverage, Floor, Points, Robot, polygons
from maillage.services.robots.coverage.room import Room

SPOT_MIN_M2 = 0.02
"""Spots smaller than this (14 cm square) are counted, and not shown."""
CHUNK = 12
"""Points of a path that are widened at once: many small shapes are united faster than one that crosses itself is
made."""
ROUND = 8
"""Segments of a quarter of the brush's round: its area is less than 1 % too small, never too large."""


def measure_coverage(
    floor: Floor,
    driven: Sequence[Sequence[tuple[float, float]]],
    width_m: float,
    radius_m: float,
    at: tuple[float, float] | None = None,
) -> Coverage:
    """What a robot has covered that drove along ``driven``: stretches with the brush down, each a list of places in
    metres.

    What can be reached is judged from the floor, as for a plan: from the room nearest to ``at``, or the largest. Driven
    floor outside of it (a position is never exact) counts for nothing. Invalid for a place that is no number.
    """
    stretches = [np.asarray(stretch, np.float64).reshape(-1, 2) for stretch in driven if len(stretch)]
    if not all(np.isfinite(stretch).all() for stretch in stretches):
        raise Invalid("driven", "has a place that is not two finite numbers, in metres")
    room = Room(floor, Robot(width_m=width_m, radius_m=radius_m), at, "at")
    missed = missed_by(room, stretches)
    return coverage_of(room, missed, sum(map(length_of, stretches)))


def missed_by(room: Room, stretches: Sequence[Points], done: MultiPolygon | None = None) -> list[Polygon]:
    """What can be reached and a brush that goes along these stretches does not touch; ``done`` was clean before."""
    touched = [brushed(stretch, room.robot.width_m) for stretch in stretches if len(stretch)]
    brush = shapely.union_all([*touched, *([] if done is None else [done])])
    return polygons(room.reachable.difference(brush))


def coverage_of(room: Room, missed: Sequence[Polygon], path_m: float) -> Coverage:
    """The figures that go with what is missed."""
    reachable_m2 = room.reachable.area
    missed_m2 = min(sum(part.area for part in missed), reachable_m2)
    return Coverage(
        covered=MultiPolygon(polygons(room.reachable.difference(shapely.union_all(missed)))),
        missed=visible(missed),
        reachable_m2=reachable_m2,
        covered_m2=reachable_m2 - missed_m2,
        missed_m2=missed_m2,
        share=(reachable_m2 - missed_m2) / reachable_m2,
        path_m=path_m,
    )


def brushed(path: Points, width_m: float) -> shapely.Geometry:
    """What a brush touches whose centre goes along a path."""
    if len(path) == 1:
        return shapely.buffer(shapely.points(path[0]), width_m / 2, quad_segs=ROUND)
    pieces = [shapely.linestrings(path[at : at + CHUNK]) for at in range(0, len(path) - 1, CHUNK - 1)]
    return shapely.union_all(shapely.buffer(pieces, width_m / 2, quad_segs=ROUND))


def visible(parts: Sequence[Polygon]) -> MultiPolygon:
    """Polygons without those too small to see."""
    return MultiPolygon([part for part in parts if part.area >= SPOT_MIN_M2])
