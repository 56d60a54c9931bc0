"""Shortest ways of the robot's centre between places of a room: straight where nothing stands between, else round
corners.

A shortest way among polygons bends only at corners that stick into the room (Lozano-Pérez and Wesley, "An algorithm
for planning collision-free paths among polyhedral obstacles", CACM 22, 1979), so a graph of those that see each other
holds it.
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.model import Points, polygons
from maillage.services.robots.coverage.room import Room

Pairs = NDArray[np.intp]
"""Shape (n, 2): two numbers of places."""
EFFORTS = ((16, 0), (40, 0), (120, 0), (120, 24), (120, 400))
"""What is looked at one after the other until all places are joined: ways from each place to so many of the nearest
corners a little off the obstacles, which are few, and right at them, where the robot just fits through."""
CLEAR_M = 0.01
"""How much wider than needed a way passes a corner, so that few corners stand for a round pillar."""


class Ways:
    """Ways through one room. Its corners, and which see each other, are found when they are first needed."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._effort = 0
        self._known: dict[int, tuple[Points, Pairs]] = {}
        self._off: Points | None = None
        self._close: Points | None = None

    def lengths(self, places: Points, pairs: Pairs) -> NDArray[np.float64]:
        """How long the shortest way is between the two places of each pair, in metres."""
        lengths: NDArray[np.float64] = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
        hidden = np.flatnonzero(~self._room.allow_straight(places[pairs[:, 0]], places[pairs[:, 1]]))
        if len(hidden):
            starts, number = np.unique(pairs[hidden, 0], return_inverse=True)
            graph, _, corners = self._graph(places)
            away = dijkstra(graph, directed=False, indices=corners + starts)
            lengths[hidden] = away[number, corners + pairs[hidden, 1]]
        return lengths

    def way(self, start: Points, end: Points) -> Points | None:
        """The shortest way between two places; None where none was found."""
        places = np.vstack((start, end))
        if self._room.allow_straight(places[:1], places[1:])[0]:
            return places
        graph, every, corners = self._graph(places)
        away, before = dijkstra(graph, directed=False, indices=corners, return_predecessors=True)
        if not np.isfinite(away[corners + 1]):
            return None
        way = [corners + 1]
        while way[-1] != corners:
            way.append(int(before[way[-1]]))
        return every[way[::-1]]

    def _graph(self, places: Points) -> tuple[coo_array, Points, int]:
        """Corners and places that see each other, all their positions, and how many of them are corners.

        Where that leaves places apart, more is looked at: other pairs of corners, then other corners. What was needed
        once is used from then on.
        """
        while True:
            corners, seen = self._corners()
            every = np.vstack((corners, places))
            graph = _graph_of(every, np.concatenate((seen, self._seen_from(places, corners))))
            _, part = connected_components(graph, directed=False)
            whole = len(np.unique(part[len(corners) :])) <= 1
            if whole or self._effort == len(EFFORTS) - 1:
                return graph, every, len(corners)
            self._effort += 1

    def _seen_from(self, places: Points, corners: Points) -> Pairs:
        """(place, corner) for the corners that are seen from places; places are numbered after the corners."""
        found = [np.empty((0, 2), np.intp)]
        first = 0
        for kind, near in zip(self._kinds(), EFFORTS[self._effort], strict=True):
            if near and len(kind):
                _, nearest = cKDTree(kind).query(places, min(near, len(kind)))
                to = nearest.ravel()
                here = np.repeat(np.arange(len(places)), len(to) // len(places))
                visible = self._room.allow_straight(places[here], kind[to])
                found.append(np.column_stack((len(corners) + here[visible], first + to[visible])))
            first += len(kind)
        return np.concatenate(found)

    def _kinds(self) -> tuple[Points, Points]:
        """Corners a little off the obstacles, and those right at them where they are looked at."""
        if self._off is None:
            self._off = self._off_the_obstacles()
        if not EFFORTS[self._effort][1]:
            return self._off, np.empty((0, 2))
        if self._close is None:
            self._close = _sticking_in(self._room.free)
        return self._off, self._close

    def _corners(self) -> tuple[Points, Pairs]:
        """The corners that are looked at by now, and the pairs of them that see each other."""
        if self._effort not in self._known:
            corners = np.vstack(self._kinds())
            pairs = self._seen_from(corners, np.empty((0, 2))) if len(corners) else np.empty((0, 2), np.intp)
            self._known[self._effort] = corners, np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
        return self._known[self._effort]

    def _off_the_obstacles(self) -> Points:
        distance = self._room.robot.radius_m + CLEAR_M
        wider = self._room.floor.buffer(-distance, join_style="mitre", mitre_limit=2).simplify(CLEAR_M / 2)
        corners = _sticking_in(wider)
        inside: Points = corners[shapely.contains_xy(self._room.free, corners)]
        return inside


def _sticking_in(area: shapely.Geometry) -> Points:
    """The corners at which the area's border turns away from it."""
    found = [np.empty((0, 2))]
    for part in polygons(area):
        part = shapely.geometry.polygon.orient(part)
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)[:-1]
            before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
            found.append(points[before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] < 0])
    return np.concatenate(found)


def _graph_of(places: Points, pairs: Pairs) -> coo_array:
    lengths = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
    return coo_array((np.maximum(lengths, 1e-9), pairs.T), shape=(len(places), len(places))).tocsr()
