"""Floors of shops made up by a seed, and what plans of them are worth."""

import pytest
from shapely import LineString

from maillage.services.robots.coverage.floors_made import make_store
from maillage.services.robots.coverage.planner import plan_floor


def test_the_same_seed_gives_the_same_floor_and_another_another() -> None:
    assert make_store(3).area.equals_exact(make_store(3).area, 0)
    assert not make_store(3).area.equals(make_store(4).area)


@pytest.mark.parametrize("seed", range(12))
def test_a_store_is_one_sound_room_with_shelves(seed: int) -> None:
    floor = make_store(seed, 1_500)
    assert floor.area.is_valid
    (hall,) = floor.area.geoms
    assert len(hall.interiors) >= 6
    left, bottom, right, top = hall.bounds
    assert (right - left) * (top - bottom) == pytest.approx(1_500)
    assert hall.area < 1_400


def test_aisles_are_as_wide_as_asked() -> None:
    (hall,) = make_store(2, 1_000, aisle_m=2.4).area.geoms
    middle = (hall.bounds[1] + hall.bounds[3]) / 2 + 2
    cut = hall.intersection(LineString([(0, middle), (hall.bounds[2], middle)]))
    widths = [part.length for part in cut.geoms]
    assert sum(width == pytest.approx(2.4, abs=0.01) for width in widths) >= len(widths) - 2


@pytest.mark.parametrize("seed", range(6))
def test_a_store_is_covered_on_a_short_way(seed: int) -> None:
    figures = plan_floor(make_store(seed, 600)).figures
    assert figures.covered_share >= 0.98
    assert figures.ratio <= 1.25


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_store_of_ten_thousand_square_metres_is_covered(seed: int) -> None:
    plan = plan_floor(make_store(seed, 10_000), dock=None)
    assert plan.figures.covered_share >= 0.98
    assert plan.figures.ratio <= 1.25
    assert plan.floor.area.boundary.distance(LineString(plan.path)) >= plan.robot.radius_m - 0.001
