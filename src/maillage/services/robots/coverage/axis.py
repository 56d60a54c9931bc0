"""The middle line of strips of floor: the medial axis of the floor where it lies in them, as lines between its forks.

The Voronoi diagram of points along the walls has its edges in the middle between them (Brandt and Algazi, "Continuous
skeleton computation by Voronoi diagram", CVGIP 55, 1992); those of its edges that lie in the strips are kept.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi, cKDTree
from shapely import MultiPolygon

from maillage.services.robots.coverage.model import Points

SAMPLE = 0.4
"""How far apart the points along the walls are, in widths: they are half a width or more from the middle."""
SAME = 0.02
"""Voronoi vertices nearer than this part of the width are one: four points on one circle give two vertices or one."""


def middle_lines(floor: MultiPolygon, strips: MultiPolygon, width_m: float, spur_m: float) -> list[Points]:
    """Lines that share their end points where three or more meet. Dead ends shorter than ``spur_m`` at a fork are
    left out."""
    walls = shapely.get_coordinates(shapely.segmentize(floor.boundary, SAMPLE * width_m))
    if strips.is_empty or len(walls) < 4:
        return []
    diagram = Voronoi(np.unique(walls.round(9), axis=0))
    shapely.prepare(strips)
    inside = shapely.contains_xy(strips, diagram.vertices)
    edges = np.asarray(diagram.ridge_vertices)
    edges = edges[(edges >= 0).all(axis=1)]
    edges = edges[inside[edges].all(axis=1)]
    if not len(edges):
        return []
    places, ends = _as_one(diagram.vertices, edges, SAME * width_m)
    graph: dict[int, list[int]] = {}
    for one, other in np.unique(np.sort(ends, axis=1), axis=0).tolist():
        if one != other:
            graph.setdefault(one, []).append(other)
            graph.setdefault(other, []).append(one)
    _prune(graph, places, spur_m)
    return [places[chain] for chain in _chains(graph)]


def _as_one(vertices: Points, edges: NDArray[np.intp], within_m: float) -> tuple[Points, NDArray[np.intp]]:
    """The vertices that edges use, and the edges between them, with near vertices as one."""
    used, ends = np.unique(edges, return_inverse=True)
    places = vertices[used]
    same = np.arange(len(used))
    for one, other in sorted(cKDTree(places).query_pairs(within_m)):
        same[other] = min(same[other], same[one])
    return places, same[ends.reshape(edges.shape)]


def _prune(graph: dict[int, list[int]], places: Points, spur_m: float) -> None:
    """Take short dead ends away, at each fork the shortest first, until none is left."""
    while True:
        spurs = []
        for chain in _chains(graph):
            free = [len(graph[end]) == 1 for end in (chain[0], chain[-1])]
            if free[0] != free[1] and (length := length_of(places[chain])) < spur_m:
                spurs.append((length, chain if free[0] else chain[::-1]))
        cut: set[int] = set()
        for _, chain in sorted(spurs):
            if chain[-1] not in cut:
                cut.add(chain[-1])
                for one, other in pairwise(chain):
                    graph[one].remove(other)
                    graph[other].remove(one)
        for lonely in [node for node, others in graph.items() if not others]:
            del graph[lonely]
        if not cut:
            return


def _chains(graph: dict[int, list[int]]) -> Iterator[list[int]]:
    """The ways between forks and dead ends, then the rings without any."""
    gone: set[tuple[int, int]] = set()
    forks = [node for node in sorted(graph) if len(graph[node]) != 2]
    for start in (*forks, *sorted(graph)):
        for first in graph[start]:
            if (start, first) in gone:
                continue
            chain = [start, first]
            while len(graph[chain[-1]]) == 2 and chain[-1] != start:
                one, other = graph[chain[-1]]
                chain.append(other if one == chain[-2] else one)
            for step in pairwise(chain):
                gone.update((step, step[::-1]))
            yield chain


def length_of(points: Points) -> float:
    """The length of a way, in metres."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0
