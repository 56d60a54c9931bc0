"""Whatever the floor: the path stays on it, as far from obstacles as the robot's radius, and covers what can be
reached.

What holds for the way is stated by kind of floor: 1.25 times area / width for shops (half of them stay below 1.11). On
floors of boxes thrown together, and on stars with sharp obstacles, it is 1.3 where there is more than a corridor.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from maillage.services.robots.coverage.floors_made import make_store
from maillage.services.robots.coverage.measure import measure_coverage
from maillage.services.robots.coverage.model import CoveragePlan, Floor
from maillage.services.robots.coverage.planner import plan_floor, plan_left
from tests.unit.services.robots.coverage.coverage_floors import rectilinear, star
from tests.unit.services.robots.coverage.coverage_raster import measured

SEEDS = st.integers(0, 1_000_000)
STORES_RATIO_MAX = 1.25
NASTY_RATIO_MAX = 1.3
SMALL_M2 = 60.0
"""Floors smaller than this may be a corridor or two, in which a whole pass may be for a hand's breadth."""


def require_sound(plan: CoveragePlan) -> None:
    path = LineString(plan.path)
    assert plan.floor.area.boundary.distance(path) >= plan.robot.radius_m - 0.001
    assert plan.floor.area.covers(path)
    assert plan.figures.covered_share >= 0.98
    assert plan.figures.path_m == pytest.approx(path.length)
    ends = [(each.first, each.last) for each in plan.segments]
    assert [first for first, _ in ends] == [0, *(last for _, last in ends[:-1])]
    assert ends[-1][1] == len(plan.path) - 1


def raster_share(plan: CoveragePlan) -> float:
    """Measured on the raster, in the room that the path is in."""
    path = LineString(plan.path)
    (room,) = [part for part in plan.floor.area.geoms if part.covers(path)]
    rings = [list(ring.coords)[:-1] for ring in (room.exterior, *room.interiors)]
    return measured(rings, list(plan.path), plan.robot.width_m, plan.robot.radius_m).covered


@settings(max_examples=20)
@given(seed=SEEDS, area_m2=st.floats(200, 1_200))
def test_a_store_is_covered_on_a_short_way(seed: int, area_m2: float) -> None:
    plan = plan_floor(make_store(seed, area_m2))
    require_sound(plan)
    assert plan.figures.ratio <= STORES_RATIO_MAX


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_floor_of_boxes_is_covered(seed: int) -> None:
    _require_covered(rectilinear(seed))


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_star_with_sharp_obstacles_is_covered(seed: int) -> None:
    _require_covered(star(seed))


@settings(max_examples=6)
@given(seed=SEEDS, width_m=st.floats(0.45, 1.1), beyond_m=st.floats(0, 0.25))
def test_any_robot_covers_what_it_can_reach(seed: int, width_m: float, beyond_m: float) -> None:
    plan = plan_floor(rectilinear(seed), width_m, width_m / 2 + beyond_m)
    require_sound(plan)


@settings(max_examples=6)
@given(seed=SEEDS)
def test_the_raster_finds_the_same_share(seed: int) -> None:
    plan = plan_floor(star(seed))
    assert raster_share(plan) == pytest.approx(plan.figures.covered_share, abs=0.01)


@settings(max_examples=10)
@given(seed=SEEDS, share=st.floats(0.02, 0.97))
def test_a_plan_broken_off_anywhere_is_finished_without_doing_it_again(seed: int, share: float) -> None:
    plan = plan_floor(rectilinear(seed))
    driven = plan.path[: max(2, int(share * len(plan.path)))]
    robot = plan.robot
    at = driven[-1]
    before = measure_coverage(plan.floor, [driven], robot.width_m, robot.radius_m, at=at)
    left = plan_left(plan, before.covered, at)
    after = measure_coverage(plan.floor, [driven, left.path], robot.width_m, robot.radius_m, at=at)
    assert after.share >= 0.98
    assert after.share == pytest.approx(left.figures.covered_share, abs=1e-3)
    if left.path:
        require_sound(left)
        todo_m2 = before.missed_m2
        assert left.figures.path_m <= 2.0 * todo_m2 / robot.width_m + _across(plan.floor)


def _require_covered(floor: Floor) -> None:
    plan = plan_floor(floor)
    require_sound(plan)
    if plan.figures.reachable_m2 > SMALL_M2:
        assert plan.figures.ratio <= NASTY_RATIO_MAX


def _across(floor: Floor) -> float:
    """A way to where it goes on, and some to and fro there."""
    left, bottom, right, top = floor.area.bounds
    return 2 * (right - left + top - bottom)
