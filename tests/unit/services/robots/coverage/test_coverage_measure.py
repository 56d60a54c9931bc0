"""What a driven path has covered, and the plan of what is left."""

import math

import pytest
from shapely import MultiPolygon, box

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.measure import measure_coverage
from maillage.services.robots.coverage.planner import plan_floor, plan_left
from tests.unit.services.robots.coverage.coverage_floors import CIRCLE, SUPERMARKET, floor_from, floor_of

HALL = floor_from(box(0, 0, 10, 6))


def test_one_pass_covers_its_width() -> None:
    found = measure_coverage(HALL, [[(1, 3), (9, 3)]], 1.0, 0.5)
    assert found.covered_m2 == pytest.approx(8 + math.pi * 0.25, rel=0.01)
    assert found.path_m == 8
    assert found.share == pytest.approx(found.covered_m2 / found.reachable_m2)
    assert found.missed.area == pytest.approx(found.missed_m2)
    assert found.covered.area == pytest.approx(found.covered_m2)
    assert len(found.missed.geoms) == 1


def test_a_stretch_driven_twice_counts_once_and_one_of_a_point_is_a_disc() -> None:
    once = measure_coverage(HALL, [[(1, 3), (9, 3)]], 1.0, 0.5)
    twice = measure_coverage(HALL, [[(1, 3), (9, 3)], [(9, 3), (1, 3)], []], 1.0, 0.5)
    assert twice.covered_m2 == pytest.approx(once.covered_m2)
    assert twice.path_m == 16
    assert measure_coverage(HALL, [[(5, 3)]], 1.0, 0.5).covered_m2 == pytest.approx(math.pi * 0.25, rel=0.01)


def test_what_was_driven_off_the_floor_counts_for_nothing() -> None:
    found = measure_coverage(HALL, [[(-5, 3), (20, 3)]], 1.0, 0.5)
    assert found.covered_m2 == pytest.approx(10, rel=0.01)
    assert found.path_m == 25
    assert measure_coverage(HALL, [[(50, 50), (60, 50)]], 1.0, 0.5).share == pytest.approx(0, abs=1e-9)


def test_nothing_driven_covers_nothing() -> None:
    found = measure_coverage(HALL, [], 1.0, 0.5)
    assert (found.share, found.path_m) == (pytest.approx(0, abs=1e-9), 0)
    assert found.missed_m2 == pytest.approx(found.reachable_m2)


def test_a_place_that_is_no_number_is_refused() -> None:
    with pytest.raises(Invalid, match="driven: has a place that is not two finite numbers"):
        measure_coverage(HALL, [[(1, 3), (math.nan, 3)]], 1.0, 0.5)


def test_a_place_tells_which_room_is_measured() -> None:
    floor = floor_from(box(0, 0, 10, 6).union(box(20, 0, 23, 3)))
    assert measure_coverage(floor, [], 1.0, 0.5, at=(21, 1)).reachable_m2 == pytest.approx(9, abs=0.3)
    assert measure_coverage(floor, [], 1.0, 0.5).reachable_m2 == pytest.approx(60, abs=0.3)


def test_a_plan_driven_as_planned_covers_what_it_says() -> None:
    plan = plan_floor(floor_of(CIRCLE))
    found = measure_coverage(plan.floor, [plan.path], 0.7, 0.35)
    assert found.share == pytest.approx(plan.figures.covered_share, abs=1e-4)
    assert found.path_m == pytest.approx(plan.figures.path_m)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_is_left_of_a_plan_is_driven_once(share: float) -> None:
    plan = plan_floor(floor_of(SUPERMARKET))
    driven = plan.path[: int(share * len(plan.path))]
    before = measure_coverage(plan.floor, [driven], 0.7, 0.35)
    left = plan_left(plan, before.covered, driven[-1], dock=(1, 1))
    assert left.path[0] == pytest.approx(driven[-1], abs=0.001)
    assert left.path[-1] == pytest.approx((1, 1))
    after = measure_coverage(plan.floor, [driven, left.path], 0.7, 0.35)
    assert after.share >= 0.985
    assert after.share == pytest.approx(left.figures.covered_share, abs=1e-3)
    assert before.path_m + left.figures.path_m <= 1.15 * plan.figures.path_m + 25  # and the way home


def test_nothing_is_left_of_a_plan_that_was_driven() -> None:
    plan = plan_floor(floor_of(CIRCLE))
    covered = measure_coverage(plan.floor, [plan.path], 0.7, 0.35).covered
    left = plan_left(plan, covered, plan.path[-1])
    assert (left.path, left.segments, left.figures.path_m, left.figures.ratio) == ((), (), 0, 0)
    assert left.figures.covered_share >= 0.99


def test_a_corner_left_out_is_gone_to_and_nothing_else() -> None:
    plan = plan_floor(HALL)
    left = plan_left(plan, box(0, 0, 10, 6).difference(box(8.5, 4.5, 10, 6)), (1, 1))
    assert left.figures.covered_share >= 0.99
    assert left.figures.path_m < 7.5 * math.sqrt(2) + 2 * 1.5**2 / 0.7 + 3


def test_floor_that_is_clean_elsewhere_changes_nothing() -> None:
    plan = plan_floor(HALL)
    assert plan_floor(HALL, done=MultiPolygon([box(50, 50, 60, 60)])).path == plan.path
