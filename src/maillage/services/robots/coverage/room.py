"""The room that a robot is in: where its centre may be, and what its brush can touch from there."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Point, Polygon

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.model import Floor, Points, Robot, polygons

GIVE_M = 0.0003
"""The robot may come this much nearer to an obstacle than its radius, so that it passes where it just fits."""
ARC_M = 0.0003
"""How far a chord may cut into the arc round a corner. With GIVE_M, ROUNDING_M and what ``course`` leaves out of
straight ways, the path stays within 1 mm of the radius."""
ROUNDING_M = 0.0001
SNAP_M = 0.05
"""A place this far from where the robot's centre can be counts as that place."""


def quarter(radius_m: float, tolerance_m: float) -> int:
    """Segments of a quarter circle whose chords lie within a tolerance of it."""
    if tolerance_m >= radius_m:
        return 2
    return max(2, math.ceil(math.pi / 4 / math.acos(1 - tolerance_m / radius_m)))


class Room:
    """One connected part of a floor for a robot.

    ``free`` is where its centre may be: the floor less ``radius_m`` all round. Of several such parts it is the one
    nearest to ``at``, or the largest. ``reachable`` is what a disc as wide as the brush touches from there: for a
    radius of half the width the morphological opening of the floor. Invalid where the robot fits nowhere or ``at`` is
    not in a part.
    """

    def __init__(
        self, floor: Floor, robot: Robot, at: tuple[float, float] | None = None, at_field: str = "dock"
    ) -> None:
        self.robot = robot
        inset = floor.area.buffer(-(robot.radius_m - GIVE_M), quad_segs=quarter(robot.radius_m, ARC_M))
        found = polygons(inset)
        if not found:
            raise Invalid("floor", _too_small(floor, robot))
        if at is None:
            self.free: Polygon = max(found, key=lambda part: part.area)
        else:
            self.free = _nearest(found, floor, at, at_field, robot.radius_m)
        shapely.prepare(self.free)
        self.floor: MultiPolygon = MultiPolygon([part for part in polygons(floor.area) if part.intersects(self.free)])
        self._around = self.free.buffer(ROUNDING_M)
        shapely.prepare(self._around)
        touched = self.free.buffer(robot.half_m, quad_segs=quarter(robot.half_m, ARC_M))
        self.reachable: MultiPolygon = MultiPolygon(polygons(touched.intersection(self.floor)))
        self.unreachable: MultiPolygon = MultiPolygon(polygons(floor.area.difference(touched)))

    def place(self, at: tuple[float, float], field: str) -> Points:
        """The place nearest to ``at`` where the centre can be; Invalid where that is not near, or in another room."""
        on_it, _ = shapely.get_coordinates(shapely.shortest_line(self.free, Point(at)))
        if np.hypot(*(on_it - at)) > 2 * self.robot.radius_m:
            raise Invalid(field, f"the robot can't come to ({at[0]:g}, {at[1]:g}), nor near it, from the room it is in")
        place: Points = on_it
        return place

    def allows(self, points: Points) -> bool:
        """Whether the centre may drive this way."""
        return bool(self._around.covers(shapely.linestrings(points)))

    def allow_straight(self, starts: Points, ends: Points) -> NDArray[np.bool_]:
        """Which of the straight ways from each start to its end the centre may drive."""
        allowed: NDArray[np.bool_] = shapely.covers(self._around, shapely.linestrings(np.stack((starts, ends), axis=1)))
        return allowed


def _nearest(found: list[Polygon], floor: Floor, at: tuple[float, float], field: str, radius_m: float) -> Polygon:
    place = Point(at)
    if not floor.area.buffer(SNAP_M).covers(place):
        raise Invalid(field, f"({at[0]:g}, {at[1]:g}) is not on the floor; name a place on it, in its own metres")
    part = min(found, key=lambda part: part.distance(place))
    if part.distance(place) > 2 * radius_m:
        raise Invalid(field, f"the robot can't stand at ({at[0]:g}, {at[1]:g}), nor within {2 * radius_m:g} m of it")
    return part


def _too_small(floor: Floor, robot: Robot) -> str:
    widest = max(2 * shapely.maximum_inscribed_circle(part).length for part in polygons(floor.area))
    return (
        f"is too small for the robot: its widest place is {widest:.2f} m, and the robot takes {2 * robot.radius_m:g} m;"
        " are these metres?"
    )
