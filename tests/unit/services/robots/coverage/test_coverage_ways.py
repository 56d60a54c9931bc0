"""Shortest ways in a room, and loose ends paired so that their ways are short."""

import itertools
import math

import numpy as np
import pytest
from shapely import Point, box, union_all

from maillage.services.robots.coverage.model import Floor, Robot
from maillage.services.robots.coverage.pairing import pair_up
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.ways import Ways
from tests.unit.services.robots.coverage.coverage_floors import floor_from

ROBOT = Robot(width_m=0.6, radius_m=0.3)


def room_of(floor: Floor) -> Room:
    return Room(floor, ROBOT)


def length(way: np.ndarray | None) -> float:
    assert way is not None
    return float(np.hypot(*np.diff(way, axis=0).T).sum())


def test_where_nothing_stands_between_the_way_is_straight() -> None:
    way = Ways(room_of(floor_from(box(0, 0, 10, 6)))).way(np.array([1.0, 1.0]), np.array([9.0, 5.0]))
    assert way is not None
    assert way.tolist() == [[1, 1], [9, 5]]


def test_round_a_shelf_the_shorter_side_is_taken() -> None:
    room = room_of(floor_from(box(0, 0, 10, 10).difference(box(3, 4, 7, 5))))
    way = Ways(room).way(np.array([4.0, 2.0]), np.array([4.0, 7.0]))
    assert room.allows(np.asarray(way))
    assert length(way) == pytest.approx(2 * math.dist((4, 2), (2.7, 3.7)) + 1.6, rel=0.01)


def test_round_a_pillar_the_way_hugs_its_circle() -> None:
    room = room_of(floor_from(box(0, 0, 10, 10).difference(Point(5, 5).buffer(1))))
    way = Ways(room).way(np.array([1.0, 5.0]), np.array([9.0, 5.0]))
    radius = 1 + ROBOT.radius_m
    tangent = math.sqrt(4**2 - radius**2)
    assert room.allows(np.asarray(way))
    assert length(way) == pytest.approx(2 * tangent + 2 * radius * math.asin(radius / 4), rel=0.01)


def test_a_door_as_wide_as_the_robot_is_passed() -> None:
    floor = floor_from(union_all([box(0, 0, 5, 5), box(5.2, 0, 10, 5), box(4.9, 2, 5.3, 2.6)]))
    way = Ways(room_of(floor)).way(np.array([1.0, 4.0]), np.array([9.0, 4.0]))
    assert length(way) == pytest.approx(2 * math.dist((1, 4), (5, 2.3)), rel=0.05)


def test_a_way_through_a_maze_is_found() -> None:
    walls = union_all([box(2 * n, 0 if n % 2 else 1, 2 * n + 0.2, 9 if n % 2 else 10) for n in range(1, 8)])
    room = room_of(floor_from(box(0, 0, 16, 10).difference(walls)))
    way = Ways(room).way(np.array([1.0, 5.0]), np.array([15.0, 5.0]))
    assert room.allows(np.asarray(way))
    assert 7 * 8 < length(way) < 75


def test_lengths_are_those_of_the_ways() -> None:
    ways = Ways(room_of(floor_from(box(0, 0, 10, 10).difference(box(3, 4, 7, 5)))))
    places = np.random.default_rng(2).uniform(0.5, 9.5, (12, 2))
    places = places[(np.abs(places - [5, 4.5]) > [2.4, 0.9]).any(axis=1)]
    pairs = np.array(list(itertools.combinations(range(len(places)), 2)))
    for (one, other), found in zip(pairs.tolist(), ways.lengths(places, pairs), strict=True):
        assert found == pytest.approx(length(ways.way(places[one], places[other])))


@pytest.mark.parametrize("seed", range(12))
def test_ends_are_paired_as_all_pairings_tried_would_tell_or_nearly(seed: int) -> None:
    ways = Ways(room_of(floor_from(box(0, 0, 20, 10).difference(box(4, 4.5, 16, 5.5)))))
    rng = np.random.default_rng(seed)
    places = np.column_stack((rng.uniform(1, 19, 8), np.where(rng.random(8) < 0.5, 2.0, 8.0)))
    pairs = pair_up(places, ways)
    assert sorted(end for pair in pairs for end in pair) == list(range(8))
    every = np.array(list(itertools.combinations(range(8), 2)))
    away = {tuple(pair): found for pair, found in zip(every.tolist(), ways.lengths(places, every), strict=True)}
    best = min(sum(away[pair] for pair in pairing) for pairing in all_pairings(list(range(8))))
    assert sum(away[pair] for pair in pairs) <= 1.15 * best + 1e-9


def all_pairings(ends: list[int]) -> list[list[tuple[int, int]]]:
    if not ends:
        return [[]]
    first, *rest = ends
    return [[(first, other), *more] for other in rest for more in all_pairings([end for end in rest if end != other])]
