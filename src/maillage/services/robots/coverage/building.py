"""Loops out of passes: laps are loops already, the ends of other passes are joined two and two."""

import numpy as np

from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.links import Pass
from maillage.services.robots.coverage.loops import Loops
from maillage.services.robots.coverage.model import Points
from maillage.services.robots.coverage.pairing import pair_up
from maillage.services.robots.coverage.ways import Ways

Place = tuple[float, float]


def build_loops(passes: list[Pass], ways: Ways) -> Loops:
    """All passes and the ways between their ends, as loops."""
    loops = Loops()
    ends: dict[Place, list[int]] = {}
    for one in passes:
        _add(loops, one, ends)
    odd = [place for place, stations in ends.items() if len(stations) % 2]
    for a, b in pair_up(np.array(odd).reshape(-1, 2), ways):
        _join(loops, ends, odd[a], odd[b], ways)
    for place, stations in ends.items():
        _straight_on(loops, place, stations)
    return loops


def _add(loops: Loops, one: Pass, ends: dict[Place, list[int]]) -> None:
    first = at = loops.station(_place(one.links[0][0]))
    length_m = length_of(one.links[0])  # they are all of one length
    for number, link in enumerate(one.links):
        closing = one.closed and number == len(one.links) - 1
        to = first if closing else loops.station(_place(link[-1]))
        loops.join(at, to, link, one.kind, length_m)
        at = to
    if not one.closed:
        for station in (first, at):
            ends.setdefault(loops.places[station], []).append(station)


def _place(point: Points) -> Place:
    x, y = point.tolist()
    return x, y


def _join(loops: Loops, ends: dict[Place, list[int]], one: Place, other: Place, ways: Ways) -> None:
    """A way without cleaning between two places, with stations on it, so that other loops can join it."""
    way = ways.way(np.array(one), np.array(other))
    if way is None:
        raise RuntimeError(f"no way from {one} to {other}, which are in one room")
    first, last = loops.station(one), loops.station(other)
    loops.join(first, last, way, "transit")
    ends[one].append(first)
    ends[other].append(last)


def _straight_on(loops: Loops, place: Place, stations: list[int]) -> None:
    """Join the ways that meet at a place, each with the one that leads straightest on."""
    here = np.array([place, place])
    headings = {station: loops.direction(station) for station in stations}
    while stations:
        one = stations.pop()
        other = min(stations, key=lambda station: float(headings[one] @ headings[station]))
        stations.remove(other)
        loops.join(one, other, here, "swath")
