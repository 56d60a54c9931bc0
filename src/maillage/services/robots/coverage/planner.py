"""From a floor to a plan: passes, one way through all of them, and what is left."""

import math

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.building import build_loops
from maillage.services.robots.coverage.course import (
    Course,
    begin_and_end_at,
    begin_anywhere,
    begin_at,
    end_at,
    loop_course,
    straightened,
)
from maillage.services.robots.coverage.figures import figures_of
from maillage.services.robots.coverage.joining import Joining
from maillage.services.robots.coverage.links import SPARE
from maillage.services.robots.coverage.measure import missed_by, visible
from maillage.services.robots.coverage.mending import LEAST, mend
from maillage.services.robots.coverage.model import (
    SPEED_M_S,
    TARGET,
    WIDTH_M,
    CoveragePlan,
    Floor,
    Points,
    Robot,
    Segment,
    polygons,
)
from maillage.services.robots.coverage.passes import passes_of
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.ways import Ways

SIZE_MIN_M, SIZE_MAX_M = 0.1, 5.0
"""Widths of brushes; robots have half of that as radius, or more."""
SPARES = (SPARE, SPARE / 3, SPARE / 12)
"""Passes are spared less and less until LEAST is covered: a corridor a little wider than the brush needs two."""
PATH_KM_MAX = 150
"""The longest path that is planned: 100,000 m2 with a brush of 0.7 m take 143 km."""
Place = tuple[float, float]


def plan_floor(
    floor: Floor,
    width_m: float = WIDTH_M,
    radius_m: float | None = None,
    *,
    dock: Place | None = None,
    start: Place | None = None,
    speed_m_s: float = SPEED_M_S,
    target: float = TARGET,
    done: shapely.Geometry | None = None,
) -> CoveragePlan:
    """A path over the room of ``floor`` that the dock or the start is in, or its largest.

    With ``dock`` the path begins and ends there, with ``start`` it only begins there; of both it begins at the start
    and ends at the dock. With neither it begins and ends where that saves most. ``radius_m`` is half the width unless
    given. ``done`` is floor that is clean already (``Coverage.covered``): passes that would clean nothing else are
    left out, and the path is empty where nothing is left. Invalid for a robot that does not fit, a place off the
    floor, or a floor so large for the brush that the path would be longer than PATH_KM_MAX. The same floor gives the
    same plan.
    """
    robot = make_robot(width_m, radius_m, speed_m_s)
    if not 0 < target <= 1:
        raise Invalid("target", f"{target!r} is not a share above 0 and at most 1")
    field, at = ("start", start) if start is not None else ("dock", dock)
    room = Room(floor, robot, at, field)
    if room.reachable.area / width_m > PATH_KM_MAX * 1_000:
        raise Invalid(
            "width",
            f"{width_m:g} m would take a path of {room.reachable.area / width_m / 1_000:,.0f} km over this floor;"
            f" at most {PATH_KM_MAX} km are planned: are these metres? Else plan it in parts",
        )
    begin = None if at is None else room.place(at, field)
    end = None if dock is None else room.place(dock, "dock")
    ways = Ways(room)
    done = None if done is None else MultiPolygon(polygons(shapely.make_valid(done).intersection(room.reachable)))
    todo = None if done is None else MultiPolygon(polygons(room.reachable.difference(done)))
    if todo is not None and todo.area <= (1 - target) * room.reachable.area:
        return _plan(floor, room, np.empty((0, 2)), (), missed_by(room, [], done), done, target)
    for spare in SPARES:
        course = _course(room, ways, begin, end, todo, spare)
        course, missed = mend(course, room, missed_by(room, [course.points], done), target)
        if sum(part.area for part in missed) <= (1 - min(target, LEAST)) * room.reachable.area:
            break
    path, segments = straightened(course)
    return _plan(floor, room, path, segments, missed, done, target)


def plan_left(plan: CoveragePlan, covered: shapely.Geometry, at: Place, dock: Place | None = None) -> CoveragePlan:
    """What is left of a plan that was broken off: from where the robot stands over the floor that is not ``covered``
    (``Coverage.covered``) yet, and to the dock where there is one. Its figures count the whole floor, ``ratio`` and
    ``overlap_share`` what was left. The path is empty where enough is covered."""
    robot = plan.robot
    return plan_floor(
        plan.floor,
        robot.width_m,
        robot.radius_m,
        start=at,
        dock=dock,
        speed_m_s=robot.speed_m_s,
        target=plan.target,
        done=covered,
    )


def _course(
    room: Room, ways: Ways, begin: Points | None, end: Points | None, todo: MultiPolygon | None, spare: float
) -> Course:
    """The way through all passes that clean something."""
    passes = passes_of(room, todo, spare)
    if passes:
        loops = build_loops(passes, ways)
        Joining(loops, room, ways).run()
        course = loop_course(loops)
    else:  # spots alone: the way there is a step aside from where it begins
        here = room.free.representative_point() if begin is None else shapely.points(begin)
        course = Course(np.vstack([shapely.get_coordinates(here)] * 2), ["transit"])
    if begin is not None and end is not None:
        same = bool((begin == end).all())
        return begin_and_end_at(course, begin, ways) if same else end_at(begin_at(course, begin, ways), end, ways)
    return begin_anywhere(course) if begin is None else begin_at(course, begin, ways)


def _plan(
    floor: Floor,
    room: Room,
    path: Points,
    segments: tuple[Segment, ...],
    missed: list[Polygon],
    done: MultiPolygon | None,
    target: float,
) -> CoveragePlan:
    return CoveragePlan(
        floor=floor,
        robot=room.robot,
        target=target,
        path=tuple(map(tuple, path.tolist())),
        segments=segments,
        figures=figures_of(room, sum(part.area for part in missed), path, segments, 0.0 if done is None else done.area),
        missed=visible(missed),
        unreachable=visible(polygons(room.unreachable)),
    )


def make_robot(width_m: float, radius_m: float | None, speed_m_s: float) -> Robot:
    """Invalid for what is no robot; the radius is half the width unless given."""
    radius_m = width_m / 2 if radius_m is None else radius_m
    for field, value, least, most, unit in (
        ("width", width_m, SIZE_MIN_M, SIZE_MAX_M, "m"),
        ("radius", radius_m, SIZE_MIN_M / 2, SIZE_MAX_M, "m"),
        ("speed", speed_m_s, 0.01, 10.0, "m/s"),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise Invalid(field, f"{value:g} is not a number from {least:g} to {most:g} ({unit})")
    if radius_m < width_m / 2 - 1e-9:
        raise Invalid(
            "radius",
            f"{radius_m:g} m is less than half the width, {width_m / 2:g} m: the brush would touch what the robot"
            " passes; the radius is that of the robot with all it carries",
        )
    return Robot(width_m=width_m, radius_m=radius_m, speed_m_s=speed_m_s)
