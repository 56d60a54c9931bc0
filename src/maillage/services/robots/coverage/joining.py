"""One loop out of many: the cheapest exchanges first, as Kruskal's tree joins the nearest first."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.loops import Link, Loops
from maillage.services.robots.coverage.model import Kind, Points
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.ways import Ways

BEND_COSTS = 2.0
"""An exchange takes links out; at a bend that leaves a corner unclean, so straight links are preferred by this much."""
BESIDE = 1.3
"""New links up to this many widths long clean what the links taken out would have."""
REACH = (1.7, 3, 6, 12)
"""In widths, how far apart the middles of two links may be that are tried, each time all of them."""
FEW = 24
"""Exchanges tried for two loops at each reach: one of the first works, unless something stands between them."""


class Joining:
    """Loops on their way to become one."""

    def __init__(self, loops: Loops, room: Room, ways: Ways) -> None:
        self._loops = loops
        self._room = room
        self._ways = ways
        self._member = loops.members()
        self._parent = list(range(max(self._member) + 1))
        self._apart = len(self._parent)

    def run(self) -> None:
        for reach in REACH:
            if self._apart > 1:
                self._exchange(reach * self._room.robot.width_m)
        while self._apart > 1:
            self._reach_far()

    def _loop_of(self, station: int) -> int:
        loop = self._member[station]
        while self._parent[loop] != loop:
            self._parent[loop] = self._parent[self._parent[loop]]
            loop = self._parent[loop]
        return loop

    def _unite(self, one: int, other: int) -> None:
        self._parent[self._loop_of(one)] = self._loop_of(other)
        self._apart -= 1

    def _exchange(self, reach_m: float) -> None:
        links = self._loops.links
        for one, other, crossed in self._candidates(reach_m):
            if one not in links or other not in links:
                continue
            a, b = links[one], links[other]
            if self._loop_of(a.one) == self._loop_of(b.one):
                continue
            pairs = [(a.one, b.other), (a.other, b.one)] if crossed else [(a.one, b.one), (a.other, b.other)]
            places = np.array([[self._loops.places[end] for end in pair] for pair in pairs])
            if not self._room.allow_straight(places[:, 0], places[:, 1]).all():
                continue
            self._loops.part(one)
            self._loops.part(other)
            for pair, way in zip(pairs, places, strict=True):
                self._loops.join(*pair, way, self._kind_of(way))
            self._unite(a.one, b.one)
            if self._apart == 1:
                return

    def _kind_of(self, way: Points) -> Kind:
        return "swath" if np.hypot(*(way[1] - way[0])) < BESIDE * self._room.robot.width_m else "transit"

    def _candidates(self, reach_m: float) -> Iterator[tuple[int, int, bool]]:
        """Links of different loops, the cheapest exchange first, and whether it joins them crosswise."""
        numbers = np.array(list(self._loops.links))
        links = list(self._loops.links.values())
        places = np.array(self._loops.places)
        one, other = places[[link.one for link in links]], places[[link.other for link in links]]
        length = np.array([link.length_m for link in links])
        bend = length - np.hypot(*(one - other).T)
        loop = np.array([self._loop_of(link.one) for link in links])
        pairs = cKDTree((one + other) / 2).query_pairs(reach_m, output_type="ndarray")
        a, b = pairs[loop[pairs[:, 0]] != loop[pairs[:, 1]]].T
        along = np.hypot(*(one[a] - one[b]).T) + np.hypot(*(other[a] - other[b]).T)
        across = np.hypot(*(one[a] - other[b]).T) + np.hypot(*(other[a] - one[b]).T)
        cost = np.minimum(along, across) - length[a] - length[b] + BEND_COSTS * (bend[a] + bend[b])
        order = np.lexsort((b, a, cost.round(6)))
        order = order[_first_few(np.sort(np.column_stack((loop[a], loop[b])), axis=1)[order])]
        crossed = across < along
        return zip(numbers[a[order]].tolist(), numbers[b[order]].tolist(), crossed[order].tolist(), strict=True)

    def _reach_far(self) -> None:
        """Join the first loop with the nearest other, by a way there and back round what stands between."""
        places = np.array(self._loops.places)
        loop = np.array([self._loop_of(station) for station in range(len(places))])
        mine, theirs = np.flatnonzero(loop == loop[0]), np.flatnonzero(loop != loop[0])
        away, nearest = cKDTree(places[theirs]).query(places[mine])
        one = int(mine[np.argmin(away)])
        other = int(theirs[nearest[np.argmin(away)]])
        way = self._ways.way(places[one], places[other])
        if way is None:
            raise RuntimeError(f"no way from {places[one]} to {places[other]}, which are in one room")
        a, b = self._loops.first_link(one), self._loops.first_link(other)
        here, there = self._loops.part(a), self._loops.part(b)
        self._loops.join(one, other, way, "transit")
        out, back = _from(here, one), _from(there, other)
        beyond = [here.other if here.one == one else here.one, there.other if there.one == other else there.one]
        self._loops.join(beyond[0], beyond[1], np.vstack((out[::-1], way[1:-1], back)), here.kind)
        self._unite(one, other)


def _from(link: Link, station: int) -> Points:
    return link.points if link.one == station else link.points[::-1]


def _first_few(kinds: "np.typing.NDArray[np.intp]") -> "np.typing.NDArray[np.bool_]":
    """Which rows are among the first FEW of their kind."""
    if not len(kinds):
        return np.zeros(0, np.bool_)
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    order = np.argsort(kind, kind="stable")
    ranked = kind[order]
    begins = np.r_[0, np.flatnonzero(np.diff(ranked)) + 1]
    rank = np.empty(len(kinds), np.intp)
    rank[order] = np.arange(len(kinds)) - np.repeat(begins, np.diff(np.r_[begins, len(kinds)]))
    few: np.typing.NDArray[np.bool_] = rank < FEW
    return few
