"""From a floor to a way for a robot: the path of coverage as waypoints, with what is to be done at them.

Cleaning is switched at waypoints, never on edges: robots do an edge's actions before they drive it, so that one which
is to last as long as the edge would keep them standing for ever. A NaN, or a floor that the robot does not fit on, is
refused by coverage, whose words come through.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import shapely

from maillage.kernel.errors import Invalid
from maillage.services.robots.cleaning.evidence import Area
from maillage.services.robots.cleaning.model import Order
from maillage.services.robots.coverage.measure import brushed
from maillage.services.robots.coverage.model import SPEED_M_S, TARGET, Floor, Points, Robot, Segment
from maillage.services.robots.coverage.planner import make_robot, plan_floor
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.ways import Ways
from maillage.services.robots.model import Action, Facts, Pose, Waypoint
from maillage.services.robots.model import Robot as Unit

WAYPOINTS_MAX = 20_000
"""What missions take."""
SIMPLIFY_M = (0.01, 0.02, 0.05)
"""How far a waypoint may be left out of the way; more where there would be too many of them."""
OFF_ABOVE_M = 10.0
"""A way between two passes over floor that is clean anyway is driven with cleaning off where it is longer: switching
takes time too, and wet floor that nobody needed is a nuisance."""
LACKING_MAX = 0.002
"""Share of the floor that may be left out by driving such ways with cleaning off, where the plan counts on their
brush."""
SWITCH_S = 5.0
"""What one action at a waypoint takes, about."""


class Machine(msgspec.Struct, frozen=True):
    """What planning needs of a robot, in metres and seconds."""

    width_m: float
    radius_m: float
    speed_m_s: float


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way to be driven. ``spans`` are the waypoints (first, last) between which cleaning is on; ``home_s`` is how
    long the way home takes from its farthest place, about."""

    path: tuple[Waypoint, ...]
    spans: tuple[tuple[int, int], ...]
    length_m: float
    time_s: int
    home_s: int


def machine_of(robot: Unit) -> Machine:
    """Of a robot that says how wide it cleans; Invalid for one that does not."""
    if robot.clean_width_m is None:
        raise Invalid("robot", f"{robot.id} has no clean_width_m: it does not clean")
    facts = robot.facts or Facts()
    wide_m = max(robot.clean_width_m, facts.width_m or 0.0)
    made = make_robot(robot.clean_width_m, wide_m / 2, facts.speed_mps or SPEED_M_S)
    return Machine(made.width_m, made.radius_m, made.speed_m_s)


def cleaning_way(
    floor: Floor,
    map_id: str,
    machine: Machine,
    order: Order,
    facts: Facts | None,
    start: Pose | None,
    dock: Pose | None,
    done: Area | None,
) -> Way | None:
    """From where the robot stands over all that is not clean yet, and home; None where nothing is left."""
    clean = geometry_of(done) if done else None
    target = max(TARGET, order.target)
    if order.area is not None:  # what lies outside need not be cleaned: to planning it is clean already
        meant = shapely.make_valid(geometry_of(order.area)).intersection(floor.area)
        target = 1 - (1 - target) * meant.area / floor.area.area
        clean = shapely.union_all([floor.area.difference(meant), *([] if clean is None else [clean])])
    plan = plan_floor(
        floor,
        machine.width_m,
        machine.radius_m,
        start=None if start is None else (start.x, start.y),
        dock=None if dock is None else (dock.x, dock.y),
        speed_m_s=machine.speed_m_s,
        target=target,
        done=clean,
    )
    if not plan.path:
        return None
    points = np.asarray(plan.path, np.float64)
    stretches = _stretches(points, plan.segments, OFF_ABOVE_M)
    if _lacking_m2(points, stretches, machine.width_m, floor, clean) > LACKING_MAX * floor.area.area:
        stretches = [Stretch(True, 0, len(points) - 1)]
    for tolerance_m in SIMPLIFY_M:
        places, spans = _waypoints(points, stretches, tolerance_m)
        if len(places) <= WAYPOINTS_MAX:
            break
    else:
        raise Invalid("floor", f"takes a way of {len(places):,} waypoints; at most {WAYPOINTS_MAX:,} can be driven")
    if not spans:
        return None
    path = _with_actions(places, spans, map_id, order, facts, dock)
    switching_s = SWITCH_S * sum(len(point.actions) for point in path)
    home_s = home_time_s(floor, machine, dock)
    return Way(
        path=path,
        spans=tuple(spans),
        length_m=plan.figures.path_m,
        time_s=round(plan.figures.time_s + switching_s),
        home_s=home_s,
    )


def way_home(
    floor: Floor, map_id: str, machine: Machine, facts: Facts | None, here: Pose, dock: Pose | None
) -> tuple[Waypoint, ...]:
    """From where a robot stands to its dock, cleaning off at once; without a dock it stays where it is."""
    off = _known(facts, Action(type="stopCleaning", required=False))
    first = Waypoint(x=here.x, y=here.y, map_id=map_id, actions=off)
    if dock is None:
        return (first,)
    robot = _robot(machine)
    room = Room(floor, robot, (here.x, here.y), "start")
    ends = shapely.get_coordinates(
        shapely.shortest_line(room.free, shapely.points([(here.x, here.y), (dock.x, dock.y)]))
    ).reshape(2, 2, 2)[:, 0]
    way = Ways(room).way(ends[:1], ends[1:])
    if way is None:
        raise Invalid("dock", "can't be reached from where the robot stands")
    between = [Waypoint(x=float(x), y=float(y), map_id=map_id) for x, y in way]
    return (first, *between, _dock_point(dock, facts))


def home_time_s(floor: Floor, machine: Machine, dock: Pose | None) -> int:
    """An upper bound for most floors: along both sides of the box round it."""
    if dock is None:
        return 60
    left, bottom, right, top = floor.area.bounds
    return round(float((right - left) + (top - bottom)) / machine.speed_m_s + 60)


def geometry_of(area: Area) -> shapely.MultiPolygon:
    """Polygons from their coordinates."""
    return shapely.MultiPolygon([shapely.Polygon(rings[0], rings[1:]) for rings in area])


def estimated_s(area_m2: float, machine: Machine, home_s: int) -> int:
    """How long it takes to clean so much, about: the path of a good plan is up to a quarter longer than area /
    width."""
    return round(1.25 * area_m2 / machine.width_m / machine.speed_m_s) + home_s


class Stretch(NamedTuple):
    """A piece of a path: whether cleaning is on, and its first and last point."""

    on: bool
    first: int
    last: int


def _waypoints(
    points: Points, stretches: Sequence[Stretch], tolerance_m: float
) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    """The places of a path without those that lie on its way, and the spans of places in which it cleans."""
    places: list[tuple[float, float]] = [(float(points[0][0]), float(points[0][1]))]
    spans: list[tuple[int, int]] = []
    for stretch in stretches:
        line = shapely.LineString(points[stretch.first : stretch.last + 1])
        before = len(places) - 1
        places += [(float(x), float(y)) for x, y in line.simplify(tolerance_m, preserve_topology=False).coords[1:]]
        if stretch.on:
            spans.append((before, len(places) - 1))
    return places, spans


def _stretches(points: Points, segments: Sequence[Segment], off_above_m: float) -> list[Stretch]:
    """From the beginning of a path to its end: short ways over clean floor belong to what they lie between."""
    found: list[Stretch] = []
    for segment in segments:
        on = segment.kind != "transit"
        if not on:
            steps = np.diff(points[segment.first : segment.last + 1], axis=0)
            on = float(np.hypot(*steps.T).sum()) <= off_above_m
        if found and found[-1].on == on:
            found[-1] = Stretch(on, found[-1].first, segment.last)
        else:
            found.append(Stretch(on, segment.first, segment.last))
    return [stretch for stretch in found if stretch.first < stretch.last]


def _lacking_m2(
    points: Points, stretches: Sequence[Stretch], width_m: float, floor: Floor, clean: shapely.Geometry | None
) -> float:
    """How much floor only those stretches would clean that are driven with cleaning off."""
    on, off = (
        [brushed(points[each.first : each.last + 1], width_m) for each in stretches if each.on is wanted]
        for wanted in (True, False)
    )
    if not off:
        return 0.0
    only = shapely.union_all(off).intersection(floor.area).difference(shapely.union_all(on))
    return float(only.area if clean is None else only.difference(clean).area)


def _with_actions(
    places: Sequence[tuple[float, float]],
    spans: Sequence[tuple[int, int]],
    map_id: str,
    order: Order,
    facts: Facts | None,
    dock: Pose | None,
) -> tuple[Waypoint, ...]:
    parameters = {"mode": order.mode, "brush": order.brush, "water": order.water}
    actions: dict[int, list[Action]] = {0: list(_known(facts, Action(type="stopCharging", required=False)))}
    for first, last in spans:
        actions.setdefault(first, []).append(Action(type="startCleaning", parameters=parameters))
        actions.setdefault(last, []).append(Action(type="stopCleaning"))
    path = [
        Waypoint(x=round(x, 4), y=round(y, 4), map_id=map_id, actions=tuple(actions.get(index, ())))
        for index, (x, y) in enumerate(places)
    ]
    return tuple(path) if dock is None else (*path, _dock_point(dock, facts))


def _dock_point(dock: Pose, facts: Facts | None) -> Waypoint:
    charge = _known(facts, Action(type="startCharging", required=False))
    return Waypoint(x=dock.x, y=dock.y, theta=dock.theta, map_id=dock.map_id, actions=charge)


def _known(facts: Facts | None, action: Action) -> tuple[Action, ...]:
    """The action, unless the robot says that it does not know it."""
    return (action,) if facts is None or facts.knows(action.type, "NODE") else ()


def _robot(machine: Machine) -> Robot:
    return Robot(width_m=machine.width_m, radius_m=machine.radius_m, speed_m_s=machine.speed_m_s)
