"""Laps: passes at the robot's radius from walls and obstacles, then at one brush width more each, until nothing is
left.

A lap keeps to the walls whatever their shape, so neighbouring passes lie exactly one width apart everywhere, in
aisles as on open floor; straight passes in one direction do so only between walls of that direction. What laps leave
is what no closed way fits into: strips narrower than two passes between the innermost laps, and the outer sides of
sharp turns (the cores). Held, "On the Computational Geometry of Pocket Machining" (LNCS 500, 1991) compares both
kinds of way.
"""

from typing import NamedTuple

import shapely
from shapely import MultiPolygon

from maillage.services.robots.coverage.model import Points, polygons
from maillage.services.robots.coverage.room import Room, quarter

OVERLAP = 0.003
"""Neighbouring laps overlap by this part of the width, so that rounding leaves no hairlines between them."""
CURVE = 0.012
"""Curves of inner laps may be off by this part of the width; the lap at the walls keeps to a millimetre."""


class Lap(NamedTuple):
    """A closed way; ``level`` 0 goes along a wall or round an obstacle, 1 goes one width further in, and so on."""

    points: Points
    level: int


class Laps(NamedTuple):
    laps: list[Lap]
    cores: list[MultiPolygon]
    """Of each level the floor between its laps and the next ones' that neither brush touches."""


def laps_of(room: Room) -> Laps:
    """All laps of a room, the outermost first."""
    width, half = room.robot.width_m, room.robot.half_m
    step, tolerance = width * (1 - OVERLAP), width * CURVE
    laps: list[Lap] = []
    cores = []
    here, level = MultiPolygon([room.free]), 0
    while not here.is_empty:
        rings = [ring for part in polygons(here) for ring in (part.exterior, *part.interiors)]
        laps += [Lap(shapely.get_coordinates(ring), level) for ring in rings]
        further = _inset(here, step, tolerance)
        left = _inset(here, half, 3 * tolerance)
        cores.append(left.difference(further.buffer(half, quad_segs=8)) if not further.is_empty else left)
        here, level = further, level + 1
    return Laps(laps, cores)


def _inset(area: MultiPolygon, by_m: float, tolerance_m: float) -> MultiPolygon:
    """The area less ``by_m`` all round. Each level is made from the one before: a wall of steps is smooth after the
    first, and neighbouring laps are one width apart however roughly curves are drawn."""
    smaller = area.buffer(-by_m, quad_segs=quarter(by_m, tolerance_m)).simplify(tolerance_m)
    return MultiPolygon(polygons(smaller))
