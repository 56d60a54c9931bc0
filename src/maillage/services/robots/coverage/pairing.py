"""Pairs of loose ends: a closed way leaves a place as often as it comes there, so ends are joined two and two.

The shortest way that drives all passes once more needs the pairs whose ways add up to the least (Edmonds and Johnson,
"Matching, Euler tours and the Chinese postman", Mathematical Programming 5, 1973). Here the nearest are paired first,
and then pairs exchange partners while that helps, which for ends along aisles gives the least or nearly.
"""

import numpy as np
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.model import Points
from maillage.services.robots.coverage.ways import Pairs, Ways

NEAREST = 8
ROUNDS_MAX = 50


def pair_up(places: Points, ways: Ways) -> list[tuple[int, int]]:
    """All places in pairs, as their numbers; there must be an even number of them."""
    if not len(places):
        return []
    _, nearest = cKDTree(places).query(places, min(NEAREST + 1, len(places)))
    one = np.repeat(np.arange(len(places)), nearest.shape[1])
    pairs = np.unique(np.sort(np.column_stack((one, nearest.ravel())), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    lengths = _Lengths(places, ways)
    lengths.learn(pairs)
    mate = _nearest_first(pairs[np.argsort(lengths.known_of(pairs), kind="stable")].tolist(), lengths, len(places))
    near: list[list[int]] = [[] for _ in places]
    for a, b in pairs.tolist():
        near[a].append(b)
        near[b].append(a)
    _exchange(mate, near, lengths)
    return [(a, b) for a, b in enumerate(mate) if a < b]


class _Lengths:
    """Lengths of ways between ends, each worked out once."""

    def __init__(self, places: Points, ways: Ways) -> None:
        self._places = places
        self._ways = ways
        self._known: dict[tuple[int, int], float] = {}

    def learn(self, pairs: Pairs) -> None:
        found = self._ways.lengths(self._places, pairs).tolist()
        self._known.update(zip(map(tuple, pairs.tolist()), found, strict=True))

    def known_of(self, pairs: Pairs) -> Points:
        return np.array([self._known[a, b] for a, b in pairs.tolist()])

    def between(self, a: int, b: int) -> float:
        """The length between two ends; for ends far apart the straight one, which is never more."""
        pair = (a, b) if a < b else (b, a)
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = float(np.hypot(*(self._places[a] - self._places[b])))
        return known


def _nearest_first(pairs: list[list[int]], lengths: _Lengths, count: int) -> list[int]:
    mate = [-1] * count
    for a, b in pairs:
        if mate[a] < 0 and mate[b] < 0:
            mate[a], mate[b] = b, a
    single = [end for end in range(count) if mate[end] < 0]
    while single:
        a = single.pop(0)
        b = min(single, key=lambda other: lengths.between(a, other))
        single.remove(b)
        mate[a], mate[b] = b, a
    return mate


def _exchange(mate: list[int], near: list[list[int]], lengths: _Lengths) -> None:
    """Let two pairs swap partners while the four are nearer to each other then."""
    for _ in range(ROUNDS_MAX):
        changed = False
        for a, others in enumerate(near):
            for b in others:
                c, d = mate[a], mate[b]
                if c == b:
                    continue
                now = lengths.between(a, c) + lengths.between(b, d)
                if lengths.between(a, b) + lengths.between(c, d) < now - 1e-9:
                    mate[a], mate[b], mate[c], mate[d] = b, a, d, c
                    changed = True
        if not changed:
            return
