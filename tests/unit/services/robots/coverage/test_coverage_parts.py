"""The parts that a plan is put together from, one by one."""

import math

import numpy as np
import pytest
from shapely import MultiPolygon, box, union_all

from maillage.services.robots.coverage.axis import length_of, middle_lines
from maillage.services.robots.coverage.figures import turns_of
from maillage.services.robots.coverage.laps import laps_of
from maillage.services.robots.coverage.links import Pass, cut, runs_of
from maillage.services.robots.coverage.loops import Loops
from maillage.services.robots.coverage.model import Points, Robot
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.twins import without_twins
from tests.unit.services.robots.coverage.coverage_floors import floor_from

SQUARE = np.array([(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)], np.float64)


def ring(points: Points) -> Pass:
    return Pass(cut(points, 0.5, closed=True), "swath", True)


def test_links_are_of_one_length_and_keep_the_corners() -> None:
    links = cut(SQUARE, 0.7, closed=True)
    assert len(links) == 23
    assert [length_of(link) for link in links] == pytest.approx([16 / 23] * 23)
    whole = np.vstack([links[0][:1], *(link[1:] for link in links)])
    assert whole[0].tolist() == whole[-1].tolist() == [0, 0]
    assert {(4, 0), (4, 4), (0, 4)} <= set(map(tuple, whole.tolist()))


def test_a_straight_way_is_cut_at_its_own_points_once() -> None:
    links = cut(np.array([(0, 0), (1, 0), (1, 0), (2, 0)], np.float64), 1.0, closed=False)
    assert [link.tolist() for link in links] == [[[0, 0], [1, 0]], [[1, 0], [2, 0]]]


def test_laps_of_a_hall_are_one_width_apart_and_leave_its_middle() -> None:
    found = laps_of(Room(floor_from(box(0, 0, 10, 4.6)), Robot(width_m=1.0, radius_m=0.5)))
    assert [lap.level for lap in found.laps] == [0, 1]
    assert [length_of(lap.points) for lap in found.laps] == pytest.approx([25.2, 17.2], abs=0.1)
    middle = max((part for core in found.cores for part in core.geoms), key=lambda part: part.area)
    assert middle.bounds == pytest.approx((2, 2, 8, 2.6), abs=0.05)


def test_the_middle_of_crossing_corridors_is_a_cross() -> None:
    corridors = union_all([box(0, 4, 10, 6), box(4, 0, 6, 10)])
    lines = middle_lines(MultiPolygon([corridors]), MultiPolygon([corridors.buffer(-0.5)]), 1.0, 1.0)
    long = [line for line in lines if length_of(line) > 1]
    assert len(long) == 4
    assert all(math.dist(line[end], (5, 5)) < 0.2 for line, end in ((line, _near(line)) for line in long))
    assert sum(map(length_of, long)) == pytest.approx(17, abs=1.5)  # at its ends it may turn into a corner


def test_a_lap_beside_another_is_left_out_as_far_as_may_be_spared() -> None:
    outer, inner = ring(SQUARE), ring(SQUARE * 0.98 + 0.04)
    kept, spared = without_twins([outer, inner], 10.0, 1.0, 0.12)
    assert [len(one.links) for one in kept] == [len(outer.links)]
    assert spared == pytest.approx(0.04 * 16, rel=0.1)
    kept, spared = without_twins([outer, inner], 0.1, 1.0, 0.12)
    assert [len(one.links) for one in kept] == [len(outer.links), len(inner.links)]
    assert spared == 0


def test_a_gap_over_the_beginning_of_a_lap_makes_one_run() -> None:
    lap = ring(SQUARE)
    kept = np.ones(len(lap.links), np.bool_)
    kept[:5] = kept[-4:] = False
    (run,) = runs_of(lap, kept)
    assert not run.closed
    assert len(run.links) == len(lap.links) - 9
    assert run.links[0][0].tolist() == lap.links[5][0].tolist()


@pytest.mark.parametrize(("gaps", "runs"), [([3, 4], [32]), ([3, 4, 5, 10], [29]), ([3, 4, 5, 8, 9, 10], [24])])
def test_short_gaps_are_driven_and_short_runs_are_not(gaps: list[int], runs: list[int]) -> None:
    lap = ring(SQUARE)
    kept = np.ones(len(lap.links), np.bool_)
    kept[gaps] = False
    assert [len(run.links) for run in runs_of(lap, kept)] == runs


def test_an_exchange_makes_one_loop_of_two() -> None:
    loops = Loops()
    rings = []
    for shift in (0.0, 1.0):
        corners = [(shift * 3 + x, y) for x, y in ((0, 0), (2, 0), (2, 2), (0, 2))]
        stations = [loops.station(corner) for corner in corners]
        rings.append(
            [
                loops.join(stations[n], stations[(n + 1) % 4], np.array([corners[n], corners[(n + 1) % 4]]), "swath")
                for n in range(4)
            ]
        )
    assert loops.members() == [0, 0, 0, 0, 1, 1, 1, 1]
    right, left = loops.part(rings[0][1]), loops.part(rings[1][3])
    for one, other in ((right.one, left.other), (right.other, left.one)):
        loops.join(one, other, np.array([loops.places[one], loops.places[other]]), "swath")
    assert set(loops.members()) == {0}
    walked = loops.walk(0)
    assert sorted(station for station, _, _ in walked) == list(range(8))
    for (_, way, _), (_, after, _) in zip(walked, [*walked[1:], walked[0]], strict=True):
        assert way[-1].tolist() == after[0].tolist()


@pytest.mark.parametrize(
    ("path", "turns", "turned"),
    [
        ([(0, 0), (5, 0)], 0, 0),
        ([(0, 0), (5, 0), (5, 5)], 1, math.pi / 2),
        ([(0, 0), (5, 0), (5, 0.3), (0, 0.3)], 1, math.pi),
        ([(0, 0), (5, 0), (5, 3), (0, 3)], 2, math.pi),
        ([(0, 0), (5, 0), (10, 1)], 0, 0),
        ([(0, 0), (5, 0), (5, 0), (0, 0)], 1, math.pi),
        ([(10 * math.cos(n / 50), 10 * math.sin(n / 50)) for n in range(300)], 0, 0),
    ],
)
def test_turns_are_changes_of_direction_within_a_width_of_way(
    path: list[tuple[float, float]], turns: int, turned: float
) -> None:
    count, angle = turns_of(np.array(path, np.float64), 0.7)
    assert (count, angle) == (turns, pytest.approx(turned))


def _near(line: Points) -> int:
    return 0 if math.dist(line[0], (5, 5)) < math.dist(line[-1], (5, 5)) else -1
