"""One find under way: which sites it checks, in which order, and what it says of those that it passes over."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from maillage.kernel.asks import Ask, Near
from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import chord_of_km, km_of_chord, unit_vector
from maillage.kernel.latency import reach_km
from maillage.kernel.leases import charge_micro
from maillage.kernel.ledger import Ledger
from maillage.kernel.network_paths import Routed
from maillage.kernel.sites import lacking
from maillage.kernel.times import FOREVER

if TYPE_CHECKING:
    from maillage.kernel.find import Finder

FIRST_LOOK = 3
"""Nearest sites checked before anything else, per match wanted."""
WASTED = 4
"""When more than one check in so many failed, a mask is made for the next ask of the sort."""
SPARSE = 8
"""When fewer than one site in so many may have room, the mask goes first."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """A site that can meet the ask, as of now."""

    site: str
    distance_km: float


class Found:
    """``matches``, nearest first, but before them the site that serves the device; and on demand why nearer sites were
    passed over. ``routed`` is what the network's paths said, where the ask named a device."""

    __slots__ = ("_search", "matches", "routed")

    def __init__(self, matches: list[Match], search: "Search") -> None:
        self.matches = matches
        self.routed: Routed | None = None
        self._search = search

    @property
    def passed_over(self) -> dict[str, int]:
        """How many sites nearer than the last match (or within reach, when there were too few) were passed over, by
        reason: ``full:cpu``, ``closed:visit``, ``no_pool:gpu``, ``attributes``, ``price``."""
        return self._search.reasons()


class Search:
    """One find under way: what it has seen, matched and passed over."""

    __slots__ = (
        "_ahead",
        "_ask",
        "_device",
        "_end",
        "_finder",
        "_last_chord",
        "_ledger",
        "_mask",
        "_passed_over",
        "_place",
        "_reach_chord",
        "_seen",
        "_spot",
        "_start",
        "_vectors",
        "found",
        "is_sparse",
        "reach_km",
        "vector",
    )  # fmt: skip

    def __init__(self, finder: "Finder", ledger: Ledger, ask: Ask, now: int) -> None:
        near = _near(ask)
        start, self._end = ask.interval(now)
        self._start = max(start, now)  # a grant does the same where the last minute was full
        self._finder = finder
        self._ledger = ledger
        self._ask = ask
        self._spot = ask.cls == "spot"
        self._place = near.lat, near.lon
        self._device = near.device
        self._ahead: list[int] = []  # what was checked before its turn, and is not to be checked again
        self.vector = unit_vector(near.lat, near.lon)
        self.reach_km = _reach(near)
        self._reach_chord = _reach_chord(self.reach_km)
        self._vectors = finder.index.vectors  # those of the search: reasons may be asked for after a site was added
        self._seen: list[int] = []
        self._passed_over: dict[str, int] = {}
        self._last_chord = math.inf
        self.found = Found([], self)
        mask = finder.bounds.last_mask(ask.needs, self._spot, self._start, self._end)
        self.is_sparse = mask is not None and len(mask.numbers) * SPARSE < finder.index.count
        self._mask = mask if mask is not None and finder.bounds.holds(mask) else None

    def look_at_serving(self) -> bool:
        """Check the site that serves the device which asks, where one does; True when that meets the ask."""
        if self._device is None:
            return False
        served = self._finder.paths.site_of(self._device)
        if served is None:
            self.found.routed = Routed(self._device)
            return False
        numbers = self._finder.numbers_of(served.site)
        obstacle = self._look_ahead(numbers) if numbers else "is not known here"
        self.found.routed = Routed(self._device, served, obstacle)
        if len(self.found.matches) < self._ask.limit:
            return False
        self._last_chord = -1.0  # whoever is nearer was not looked at, so none of them was passed over
        return True

    def look_at_nearest(self) -> bool:
        """Check the nearest sites: those that are known to be so at once, then as many as the tree gives."""
        index, known = self._finder.index, self._finder.index.certain(*self._place, self.vector)
        if self.look_at(*known):
            return True
        chords, numbers = index.nearest(np.array(self.vector), FIRST_LOOK * self._ask.limit + 1, self.reach_km)
        looked_at = set(known[1])
        rest = [pair for pair in zip(chords.tolist(), numbers.tolist(), strict=True) if pair[1] not in looked_at]
        return self.look_at([chord for chord, _ in rest], [number for _, number in rest])

    def look_at(self, chords: list[float], numbers: list[int]) -> bool:
        """Check sites in this order; True when the ask is met or the next lies out of reach."""
        ids, all_pools, matches = self._finder.ids, self._ledger.pools, self.found.matches
        start, end, spot, limit = self._start, self._end, self._spot, self._ask.limit
        needs = list(self._ask.needs.items())
        if self._ahead:
            rest = [pair for pair in zip(chords, numbers, strict=True) if pair[1] not in self._ahead]
            chords, numbers = [chord for chord, _ in rest], [number for _, number in rest]
        alive = None if self._mask is None else self._mask.alive
        shut = self._finder.shut
        choosy = self._ask.attributes is not None or self._ask.max_price is not None
        for chord, number in zip(chords, numbers, strict=True):
            if chord > self._reach_chord:
                return True
            if alive is not None and not alive[number]:
                continue
            self._seen.append(number)
            if shut is not None and (reason := shut(ids[number])) is not None:
                if reason:
                    self._count(reason)
                continue
            pools = all_pools[ids[number]]
            for kind, quantity in needs:
                pool = pools.get(kind)
                if pool is None or not pool.has_room(start, end, quantity, spot):
                    self._pass_over(number, kind, quantity)
                    break
            else:
                if choosy and not self._suits(number):
                    continue
                distance_km = km_of_chord(chord)
                if distance_km > self.reach_km:
                    return True
                matches.append(Match(ids[number], distance_km))
                if len(matches) >= limit:
                    self._last_chord = chord
                    return True
        return False

    def _look_ahead(self, numbers: list[int]) -> str:
        """Check these out of turn: why none of them can meet the ask, "" where one can."""
        mask, self._mask = self._mask, None  # a mask hides without saying why
        chords = [math.dist(self._vectors[number], self.vector) for number in numbers]
        beyond = self.look_at(chords, numbers)
        self._mask, self._ahead = mask, numbers
        if self.found.matches:
            return ""
        if beyond:
            return "lies beyond the reach asked"
        return f"is passed over: {', '.join(self._passed_over)}" if self._passed_over else "is not offered now"

    def prepare_next(self) -> None:
        """Make a mask for asks like this one if it would have spared checks: the next has it."""
        if self._passed_over and sum(self._passed_over.values()) * WASTED > len(self._seen):
            self._finder.bounds.mask(self._ask.needs, self._spot, self._start, self._end)

    def look_at_masked(self) -> None:
        """Check all sites that may have room, nearest first, in growing portions."""
        mask = self._mask = self._finder.bounds.mask(self._ask.needs, self._spot, self._start, self._end)
        point = np.array(self.vector)
        # The chord's square is 2 - 2 dot: the largest dot is the nearest.
        dots = mask.vectors @ point
        if self._seen:
            dots[np.searchsorted(mask.numbers, [number for number in self._seen if mask.alive[number]])] = -np.inf
        portion = FIRST_LOOK * self._ask.limit + 1
        while True:
            nearest = np.argpartition(dots, -portion)[-portion:] if portion < len(dots) else np.arange(len(dots))
            nearest = nearest[np.argsort(-dots[nearest], kind="stable")]
            nearest = nearest[dots[nearest] >= -1.5]
            apart = mask.vectors[nearest] - point  # chords by difference: for near sites the dot has too few digits
            chords = np.sqrt(np.einsum("ij,ij->i", apart, apart))
            if not len(nearest) or self.look_at(chords.tolist(), mask.numbers[nearest].tolist()):
                return
            dots[nearest] = -np.inf
            portion *= 8

    def reasons(self) -> dict[str, int]:
        """What was passed over by check, and what the mask hid at that time."""
        counts = dict(self._passed_over)
        bound = min(self._last_chord, self._reach_chord, 2.0)
        if self._mask is None or bound < 0:
            return counts
        close = self._vectors @ np.array(self.vector) >= 1 - bound * bound / 2
        close[self._seen] = False
        if self._finder.shut is not None:
            self._count_shut(self._finder.shut, close, counts)
        for reason, hidden in self._mask.hidden.items():
            count = int(np.count_nonzero(hidden & close))
            if count:
                counts[reason] = counts.get(reason, 0) + count
        return counts

    def _count_shut(self, shut: Callable[[str], str | None], close: BoolArray, counts: dict[str, int]) -> None:
        """What is shut is passed over for that, whatever else might be said of it."""
        for number in np.flatnonzero(close).tolist():
            if (reason := shut(self._finder.ids[number])) is not None:
                close[number] = False
                if reason:
                    counts[reason] = counts.get(reason, 0) + 1

    def _pass_over(self, number: int, kind: str, quantity: int) -> None:
        pool = self._ledger.pools[self._finder.ids[number]].get(kind)
        if pool is None:
            self._count(f"no_pool:{kind}")
        elif pool.calendar is not None and pool.room(self._start, self._end, self._spot) >= quantity:
            self._count(f"closed:{kind}")
            return
        else:
            self._count(f"full:{kind}")
        self._finder.bounds.learn(number, kind, quantity, self._spot, self._start, self._end)

    def _suits(self, number: int) -> bool:
        """Attributes and price, looked at last: few asks name them."""
        ask, site = self._ask, self._ledger.sites[self._finder.ids[number]]
        if ask.attributes is not None and lacking(site, ask.attributes):
            self._count("attributes")
            return False
        if ask.max_price is not None:
            pools, pricing = self._ledger.pools[site.id], self._finder.policy.pricing
            per_hour = pricing.per_hour(ask.needs, ask.cls, site, pools, self._start, self._end)
            amount = per_hour if self._end >= FOREVER else charge_micro(per_hour, self._end - self._start)
            if amount > ask.max_price:
                self._count("price")
                return False
        return True

    def _count(self, reason: str) -> None:
        self._passed_over[reason] = self._passed_over.get(reason, 0) + 1


def _near(ask: Ask) -> Near:
    if ask.near is None:
        raise ValueError("a find needs an ask with a place")
    return ask.near


def _reach(near: Near) -> float:
    """How far a site may be, in km; negative when no site can be within the milliseconds asked."""
    reach = math.inf if near.within_km is None else near.within_km
    return reach if near.within_ms is None else min(reach, reach_km(near.within_ms))


def _reach_chord(reach: float) -> float:
    """The chord of a reach, widened by a hair so that a site exactly at it is looked at; never that of nowhere."""
    if reach == math.inf:
        return 2.5
    return chord_of_km(reach) * (1 + 1e-9) + 1e-12 if reach >= 0 else -1.0
