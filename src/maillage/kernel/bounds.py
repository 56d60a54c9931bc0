"""Upper bounds of what may fit where, and the mask made of them: which sites need not be looked at.

A bound is the most that is free at any instant of a day, per kind and class of curve. A grant only lowers what is free,
so a bound stays true until capacity is given back; then it is forgotten. So grants pay nothing for the search, and the
mask never hides a site that has room.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from maillage.kernel.geo import FloatArray, IndexArray
from maillage.kernel.times import DAY_S

DAYS_BOUND = 31
"""Days of an interval for which bounds are kept; an ask over years is masked by its first month and checked exactly."""
MASKS_KEPT = 64
FILL_AT_ONCE = 128
"""Bounds made with each mask until a day's are complete: no search has to wait for the whole chain."""
REMADE_AFTER = 64
"""Bounds learnt since a mask was made that make it worth making anew. It held all the while, only less tightly."""
_UNKNOWN = np.iinfo(np.int64).max

BoolArray = NDArray[np.bool_]
MostRoom = Callable[[int, str, int, int, bool], int]
"""(site number, kind, start, end, spot) -> the most that is free at any instant; -1 where there is no such pool."""
_MaskName = tuple[tuple[tuple[str, int], ...], bool, int, int]


class Mask:
    """The sites that may have room (``alive``; their numbers and unit vectors), and by reason those that have none."""

    __slots__ = ("alive", "hidden", "learnt", "numbers", "vectors", "version")

    def __init__(
        self, version: int, learnt: int, alive: BoolArray, vectors: FloatArray, hidden: dict[str, BoolArray]
    ) -> None:
        self.version = version
        self.learnt = learnt
        self.alive = alive
        self.numbers: IndexArray = np.flatnonzero(alive)
        self.vectors = vectors[self.numbers]
        self.hidden = hidden


class _DayBounds:
    """Of one kind, class of curve and day: a bound per site, and how many sites have been gone through."""

    __slots__ = ("filled", "most")

    def __init__(self, sites: int) -> None:
        self.most = np.full(sites, _UNKNOWN, np.int64)
        self.filled = 0


class Bounds:
    """What searches have learnt about the sites at ``vectors`` (unit vectors, one a site)."""

    def __init__(self, vectors: FloatArray, most_room: MostRoom) -> None:
        self._vectors = vectors
        self._sites = len(vectors)
        self._most_room = most_room
        self._days: dict[str, dict[tuple[bool, int], _DayBounds]] = {}
        self._version = 0
        self._learnt = 0
        self._masks: dict[_MaskName, Mask] = {}

    def learn(self, number: int, kind: str, quantity: int, spot: bool, start: int, end: int) -> None:
        """Note, after a check failed for ``quantity``, what is known of that site on the days of the interval."""
        for day, bounds in self._of(kind, spot, start, end):
            if bounds.most[number] >= quantity:
                self._note(bounds, number, kind, spot, day)

    def forget(self, number: int, kinds: Iterable[str]) -> None:
        """Capacity of these kinds was given back or added at a site."""
        for kind in kinds:
            for bounds in self._days.get(kind, {}).values():
                if bounds.most[number] != _UNKNOWN:
                    bounds.most[number] = _UNKNOWN
                    self._version += 1

    def last_mask(self, needs: dict[str, int], spot: bool, start: int, end: int) -> Mask | None:
        """The last mask made for these needs and days. It may hide a site that has room by now (see ``holds``)."""
        return self._masks.get(_name(needs, spot, start, end)) if self._masks else None

    def holds(self, mask: Mask) -> bool:
        """Whether all that a mask hides is still known to be full: nothing was forgotten since it was made."""
        return mask.version == self._version

    def mask(self, needs: dict[str, int], spot: bool, start: int, end: int) -> Mask:
        """The mask for these needs, made of all that is known by now."""
        self._fill(needs, spot, start, end)
        name = _name(needs, spot, start, end)
        made = self._masks.get(name)
        if made is not None and self.holds(made) and self._learnt - made.learnt < REMADE_AFTER:
            return made
        alive = np.ones(self._sites, np.bool_)
        hidden: dict[str, BoolArray] = {}
        for kind, quantity in needs.items():
            absent, full = np.zeros(self._sites, np.bool_), np.zeros(self._sites, np.bool_)
            for _, bounds in self._of(kind, spot, start, end):
                absent |= bounds.most < 0
                full |= bounds.most < quantity
            hidden[f"no_pool:{kind}"] = absent & alive
            hidden[f"full:{kind}"] = full & ~absent & alive
            alive &= ~full
        if len(self._masks) >= MASKS_KEPT:
            self._masks.clear()
        mask = self._masks[name] = Mask(self._version, self._learnt, alive, self._vectors, hidden)
        return mask

    def _fill(self, needs: dict[str, int], spot: bool, start: int, end: int) -> None:
        left = FILL_AT_ONCE
        for kind in needs:
            for day, bounds in self._of(kind, spot, start, end):
                last = min(bounds.filled + left, self._sites)
                for number in range(bounds.filled, last):
                    if bounds.most[number] == _UNKNOWN:
                        self._note(bounds, number, kind, spot, day)
                left -= last - bounds.filled
                bounds.filled = last

    def _note(self, bounds: _DayBounds, number: int, kind: str, spot: bool, day: int) -> None:
        most = self._most_room(number, kind, day * DAY_S, (day + 1) * DAY_S, spot)
        if most != bounds.most[number]:
            bounds.most[number] = most
            self._learnt += 1

    def _of(self, kind: str, spot: bool, start: int, end: int) -> list[tuple[int, _DayBounds]]:
        known = self._days.setdefault(kind, {})
        found = []
        for day in _days(start, end):
            bounds = known.get((spot, day))
            if bounds is None:
                bounds = known[spot, day] = _DayBounds(self._sites)
            found.append((day, bounds))
        return found


def _name(needs: dict[str, int], spot: bool, start: int, end: int) -> _MaskName:
    days = _days(start, end)
    return tuple(needs.items()), spot, days.start, days.stop


def _days(start: int, end: int) -> range:
    first = start // DAY_S
    return range(first, min((end - 1) // DAY_S + 1, first + DAYS_BOUND))
