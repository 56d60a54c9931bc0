"""Plans of floors, measured again on a raster that shares no code with the planner."""

import math

import numpy as np
import pytest
from shapely import LineString, Point, Polygon, box, union_all
from shapely.geometry.base import BaseGeometry

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.model import CoveragePlan, Floor
from maillage.services.robots.coverage.planner import plan_floor
from tests.unit.services.robots.coverage.coverage_floors import (
    DRAWN,
    RADIUS_M,
    SUPERMARKET,
    WIDTH_M,
    floor_from,
    floor_of,
    rings_of,
)
from tests.unit.services.robots.coverage.coverage_raster import Measured, measured

HALL = box(0, 0, 20, 12)


def again(plan: CoveragePlan) -> Measured:
    """The plan's path measured on the raster; the floor has one room."""
    return measured(rings_of(plan.floor.area), list(plan.path), plan.robot.width_m, plan.robot.radius_m)


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_floor_is_covered_on_a_short_way_that_stays_on_it(name: str) -> None:
    found = measured(DRAWN[name], list(plan_floor(floor_of(DRAWN[name])).path), WIDTH_M, RADIUS_M)
    assert found.covered >= 0.985
    assert found.ratio <= 1.13
    assert found.gap_m >= RADIUS_M - 0.001


def test_the_figures_are_those_of_the_raster() -> None:
    plan = plan_floor(floor_of(SUPERMARKET))
    found = again(plan)
    assert plan.figures.covered_share == pytest.approx(found.covered, abs=0.003)
    assert plan.figures.reachable_m2 == pytest.approx(found.reachable_m2, rel=0.003)
    assert plan.figures.ratio == pytest.approx(found.ratio, rel=0.003)
    assert plan.figures.covered_m2 + plan.figures.missed_m2 == pytest.approx(plan.figures.reachable_m2)
    assert plan.figures.floor_m2 == pytest.approx(22.7 * 19.6 - 7 * 0.9 * 14.0, rel=1e-3)
    assert plan.figures.unreachable_m2 < 0.5  # corners alone


def test_segments_follow_each_other_and_laps_along_walls_are_headland() -> None:
    plan = plan_floor(floor_of(SUPERMARKET), dock=(1.0, 1.0))
    assert plan.segments[0].first == 0
    assert plan.segments[-1].last == len(plan.path) - 1
    for one, other in zip(plan.segments, plan.segments[1:], strict=False):
        assert one.last == other.first
        assert one.kind != other.kind
    lengths = {
        kind: sum(
            LineString(plan.path[each.first : each.last + 1]).length for each in plan.segments if each.kind == kind
        )
        for kind in ("headland", "swath", "transit")
    }
    assert lengths["headland"] == pytest.approx(2 * (22.0 + 18.9) + 7 * (2 * 14.9 + 2.2), rel=0.15)
    assert lengths["transit"] == pytest.approx(plan.figures.transit_m)
    assert sum(lengths.values()) == pytest.approx(plan.figures.path_m)


def test_the_same_floor_gives_the_same_plan() -> None:
    one, other = (plan_floor(floor_of(DRAWN["circle"])) for _ in range(2))
    assert one.path == other.path
    assert one.segments == other.segments


def test_where_a_robot_is_larger_than_its_brush_the_walls_stay_out_of_reach() -> None:
    plan = plan_floor(floor_from(HALL), width_m=0.5, radius_m=0.4)
    found = again(plan)
    assert found.gap_m >= 0.399
    assert found.covered >= 0.985
    assert plan.figures.unreachable_m2 == pytest.approx(2 * (20 + 12) * 0.15, rel=0.05)


@pytest.mark.parametrize("start", [None, (18.9, 11.0)])
def test_a_path_comes_back_to_the_dock_it_began_at(start: tuple[float, float] | None) -> None:
    plan = plan_floor(floor_of(SUPERMARKET), dock=(1.0, 1.0), start=start)
    assert plan.path[0] == pytest.approx(start or (1.0, 1.0))
    assert plan.path[-1] == pytest.approx((1.0, 1.0))
    assert again(plan).gap_m >= RADIUS_M - 0.001
    assert again(plan).covered >= 0.985


def test_a_path_with_a_start_alone_ends_where_it_is_done() -> None:
    plan = plan_floor(floor_of(SUPERMARKET), start=(21.0, 18.0))
    assert plan.path[0] == pytest.approx((21.0, 18.0))
    assert plan.figures.path_m < plan_floor(floor_of(SUPERMARKET), dock=(21.0, 18.0)).figures.path_m
    assert again(plan).covered >= 0.985


def test_a_dock_at_the_wall_is_driven_to_as_near_as_the_robot_comes() -> None:
    plan = plan_floor(floor_from(HALL), dock=(0.0, 6.0))
    assert plan.path[0] == pytest.approx((RADIUS_M, 6.0), abs=0.001)
    assert plan.path[-1] == plan.path[0]


@pytest.mark.parametrize(
    ("area", "ratio"),
    [
        pytest.param(box(0, 0, 10, 0.7), 1.2, id="exactly as wide as the robot: there and not back"),
        pytest.param(box(0, 0, 10, 0.7).union(box(9.3, 0, 10, 8)), 1.5, id="round a corner exactly as wide"),
        pytest.param(box(0, 0, 10, 10).difference(box(0.7, 0.7, 9.3, 9.3)), 1.05, id="round a ring exactly as wide"),
        pytest.param(box(0, 0, 10, 1.4), 1.05, id="two widths"),
        pytest.param(box(0, 0, 10, 1.0), 1.45, id="one width and a half: there and back"),
        pytest.param(Point(0, 0).buffer(8).difference(Point(0, 0).buffer(6)), 1.1, id="an annulus"),
        pytest.param(Point(0, 0).buffer(8).difference(Point(0, 0).buffer(7.25)), 1.95, id="a little too wide for one"),
        pytest.param(box(0, 0, 0.72, 0.72), 0.5, id="hardly larger than the robot"),
        pytest.param(box(0, 0, 2, 2), 1.3, id="three widths square"),
        pytest.param(Polygon([(0, 0), (20, 0), (0, 6)]), 1.15, id="sharp corners"),
        pytest.param(Polygon([(0, 0), (30, 0), (0, 3)]), 1.3, id="a sliver"),
        pytest.param(box(0, 4, 12, 5.5).union(box(5, 0, 6.5, 12)), 1.65, id="corridors that cross"),
        pytest.param(
            union_all([box(0, 0, 20, 3), *(box(2 + n * 3, 3, 4.05 + n * 3, 12) for n in range(6))]),
            1.3,
            id="aisles without an end",
        ),
        pytest.param(
            box(0, 0, 8, 6).union(box(8.2, 0, 14, 6)).union(box(7.9, 2, 8.3, 2.7)), 1.15, id="a door just as wide"
        ),
        pytest.param(
            HALL.difference(union_all([box(4, 4, 6, 6), box(6, 6, 8, 8), box(0, 9, 3, 12), box(10, 0, 11, 7)])),
            1.1,
            id="obstacles touch walls and each other",
        ),
    ],
)
def test_an_odd_floor_is_covered_too(area: BaseGeometry, ratio: float) -> None:
    plan = plan_floor(floor_from(area))
    assert plan.figures.covered_share >= 0.98
    assert plan.figures.ratio <= ratio
    assert area.boundary.distance(LineString(plan.path)) >= RADIUS_M - 0.001
    assert area.contains(LineString(plan.path))
    if area.buffer(-RADIUS_M - 0.1).is_empty:  # cells of 5 cm can't tell where a free way of millimetres leads
        reachable = area.buffer(0.001 - RADIUS_M).buffer(RADIUS_M)
        swept = LineString(plan.path).buffer(RADIUS_M)
        assert swept.intersection(reachable).area >= 0.98 * reachable.area
    else:
        assert again(plan).covered >= 0.978


def test_two_hundred_pillars_are_gone_round() -> None:
    plan = plan_floor(pillars(200, 60.0))
    assert plan.figures.covered_share >= 0.98
    assert plan.figures.ratio <= 1.25
    gap = plan.floor.area.boundary.distance(LineString(plan.path))
    assert gap >= RADIUS_M - 0.001


def test_a_floor_far_from_its_origin_gives_the_same_figures() -> None:
    near, far = (plan_floor(floor_from(_shifted(HALL, by))) for by in ((0.0, 0.0), (5e5, 4.2e6)))
    assert far.figures.covered_share == pytest.approx(near.figures.covered_share, abs=0.002)
    assert far.figures.path_m == pytest.approx(near.figures.path_m, rel=0.01)


def test_of_several_rooms_the_largest_is_planned_and_the_others_are_told() -> None:
    plan = plan_floor(floor_from(union_all([HALL, box(30, 0, 34, 3), box(40, 0, 41, 0.5)])))
    assert all(x < 20 for x, _ in plan.path)
    assert sorted(round(part.area, 1) for part in plan.unreachable.geoms) == [0.0, 0.0, 0.0, 0.0, 0.5, 12.0]


def test_a_dock_says_which_room_is_meant() -> None:
    plan = plan_floor(floor_from(union_all([HALL, box(30, 0, 34, 3)])), dock=(31, 1))
    assert all(30 < x < 34 for x, _ in plan.path)
    assert plan.figures.reachable_m2 == pytest.approx(11.9, abs=0.1)


def test_a_nook_behind_a_gap_is_told_with_its_area() -> None:
    plan = plan_floor(floor_of(DRAWN["nook"]))
    assert max(part.area for part in plan.unreachable.geoms) == pytest.approx(12.2, abs=0.2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"width_m": math.nan}, "width: nan is not a number from 0.1"),
        ({"width_m": 0.0}, "width: 0 is not a number from 0.1"),
        ({"width_m": 6.0}, "width: 6 is not a number from 0.1 to 5"),
        ({"radius_m": 0.2}, "radius: 0.2 m is less than half the width"),
        ({"radius_m": math.inf}, "radius: inf"),
        ({"speed_m_s": 0.0}, "speed: 0 is not"),
        ({"target": 1.5}, "target: 1.5"),
        ({"width_m": 5.0, "radius_m": 5.0}, "floor: is too small for the robot: its widest place is 8.00 m"),
        ({"dock": (100, 0)}, "dock: (100, 0) is not on the floor"),
        ({"dock": (math.nan, 0)}, "dock: (nan, 0) is not on the floor"),
        ({"start": (-3, 0)}, "start: (-3, 0) is not on the floor"),
        ({"start": (1, 1), "dock": (31, 1)}, "dock: the robot can't come to (31, 1)"),
        ({"dock": (26.2, 0.2)}, "dock: the robot can't stand at (26.2, 0.2)"),
    ],
)
def test_what_can_t_be_planned_is_refused_with_the_reason(words: dict[str, float], said: str) -> None:
    floor = floor_from(union_all([box(0, 0, 20, 8), box(30, 0, 34, 3), box(26, 0, 26.4, 0.4)]))
    with pytest.raises(Invalid) as refused:
        plan_floor(floor, **words)  # type: ignore[arg-type]
    assert said in refused.value.detail


def test_a_floor_that_would_take_too_long_a_path_is_refused() -> None:
    with pytest.raises(Invalid, match="would take a path of 1,000 km"):
        plan_floor(floor_from(box(0, 0, 500, 200)), width_m=0.1)


def pillars(count: int, side_m: float) -> Floor:
    """A square hall with pillars of 0.6 m, at least 2 m between their middles."""
    rng = np.random.default_rng(4)
    places: list[tuple[float, float]] = []
    while len(places) < count:
        place = tuple(rng.uniform(2, side_m - 2, 2).tolist())
        if all(math.dist(place, other) > 2.0 for other in places):
            places.append(place)
    made = [box(x - 0.3, y - 0.3, x + 0.3, y + 0.3) for x, y in places]
    return floor_from(box(0, 0, side_m, side_m).difference(union_all(made)))


def _shifted(area: BaseGeometry, by: tuple[float, float]) -> BaseGeometry:
    from shapely.affinity import translate

    return translate(area, *by)
