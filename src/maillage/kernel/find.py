"""Finding: the nearest sites that can meet an ask, exactly, without looking at all of them.

Nearest first by k-d tree with an exact check of each; where too few of the nearest have room, a coarse mask over all
sites (``bounds``), and an exact check of what passes it. "None" is only said after every site that might have room was
checked.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from maillage.kernel import spans
from maillage.kernel.asks import Ask, Near
from maillage.kernel.bounds import BoolArray, Bounds
from maillage.kernel.events import Expired, Reclaimed, Released, Resized, SiteSet, Voided
from maillage.kernel.geo import SiteIndex, chord_of_km, km_of_chord, unit_vector
from maillage.kernel.latency import reach_km
from maillage.kernel.leases import charge_micro
from maillage.kernel.ledger import Ledger
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Committed
from maillage.kernel.sites import lacking
from maillage.kernel.times import FOREVER

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
    """``matches``, nearest first, and on demand why nearer sites were passed over."""

    __slots__ = ("_search", "matches")

    def __init__(self, matches: list[Match], search: "_Search") -> None:
        self.matches = matches
        self._search = search

    @property
    def passed_over(self) -> dict[str, int]:
        """How many sites nearer than the last match (or within reach, when there were too few) were passed over, by
        reason: ``full:cpu``, ``closed:visit``, ``no_pool:gpu``, ``attributes``, ``price``."""
        return self._search.reasons()


class Finder:
    """Reads a ledger (or a copy of one) that ``source`` gives; must be told of what is committed through ``listen``."""

    def __init__(
        self, source: Callable[[], Ledger], policy: Policy, shut: Callable[[str], str | None] | None = None
    ) -> None:
        """``shut`` says why a site is not to be offered at the moment (empty where that is nobody's business), or None
        where it may be."""
        self._source = source
        self.policy = policy
        self.shut = shut
        self.ledger: Ledger | None = None
        self.ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self.index = SiteIndex([], [])
        self.bounds = Bounds(self.index.vectors, self._most_room)

    def listen(self, committed: Committed) -> None:
        """Forget what is no longer true."""
        ledger = self.ledger
        if ledger is None or ledger is not self._source():  # dropped or rebuilt: the next find starts afresh anyway
            self.ledger = None
            return
        for event in committed.events:
            if isinstance(event, SiteSet):
                self.ledger = None  # positions may have changed: all is made anew at the next find
                return
            if isinstance(event, Resized):
                self.bounds.forget(self._numbers[event.site], (event.kind,))
            elif isinstance(event, Released | Expired | Reclaimed | Voided) and event.lease is not None:
                self.bounds.forget(self._numbers[event.site], ledger.leases[event.lease].needs)

    @spans.spanned("find")
    def find(self, ask: Ask, now: int) -> Found:
        """Up to ``ask.limit`` matches near the ask's place."""
        search = _Search(self, self._fresh_ledger(), ask, now)
        if search.is_sparse or not search.look_at_nearest():
            search.look_at_masked()
        else:
            search.prepare_next()
        return search.found

    @spans.spanned("find")
    def find_many(self, asks: Sequence[Ask], now: int) -> list[Found]:
        """Like find for each, with one walk of the tree for all."""
        ledger = self._fresh_ledger()
        searches = [_Search(self, ledger, ask, now) for ask in asks]
        if searches:
            k = FIRST_LOOK * max(ask.limit for ask in asks) + 1
            chords, numbers = self.index.nearest(np.array([search.vector for search in searches]), k)
            for search, row, ids in zip(searches, chords.tolist(), numbers.tolist(), strict=True):
                if search.is_sparse or not search.look_at(row, ids):
                    search.look_at_masked()
        return [search.found for search in searches]

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[Match]:
        """The nearest sites to a place, whatever they offer."""
        self._fresh_ledger()
        chords, numbers = self.index.nearest(np.array(unit_vector(lat, lon)), max(1, min(limit, self.index.count)))
        pairs = zip(chords.tolist(), numbers.tolist(), strict=True)
        return [Match(self.ids[number], km_of_chord(chord)) for chord, number in pairs if number < self.index.count]

    def _fresh_ledger(self) -> Ledger:
        ledger = self._source()
        if ledger is not self.ledger:
            sites = ledger.sites.values()
            self.ids = [site.id for site in sites]
            self._numbers = {name: number for number, name in enumerate(self.ids)}
            self.index = SiteIndex([site.lat for site in sites], [site.lon for site in sites])
            self.bounds = Bounds(self.index.vectors, self._most_room)
            self.ledger = ledger
        return ledger

    def _most_room(self, number: int, kind: str, start: int, end: int, spot: bool) -> int:
        pool = self._source().pools[self.ids[number]].get(kind)
        return -1 if pool is None else pool.most_room(start, end, spot)


class _Search:
    """One find under way: what it has seen, matched and passed over."""

    __slots__ = (
        "_ask",
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

    def __init__(self, finder: Finder, ledger: Ledger, ask: Ask, now: int) -> None:
        near = _near(ask)
        start, self._end = ask.interval(now)
        self._start = max(start, now)  # a grant does the same where the last minute was full
        self._finder = finder
        self._ledger = ledger
        self._ask = ask
        self._spot = ask.cls == "spot"
        self._place = near.lat, near.lon
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
