"""Finding: the nearest sites that can meet an ask, exactly, without looking at all of them.

Nearest first by k-d tree with an exact check of each; where too few of the nearest have room, a coarse mask over all
sites, and an exact check of what passes it. The mask is made of upper bounds ("no more than so much can fit there that
day"), learnt from the checks that failed: a grant only lowers what fits, so a bound stays true until capacity is given
back, and then it is forgotten. So grants pay nothing for the search, the mask never hides a site that has room, and
"none" is only said after every site that might have room was checked.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from maillage.kernel.asks import Ask, Near
from maillage.kernel.events import Expired, Reclaimed, Released, Resized, SiteSet
from maillage.kernel.geo import SiteIndex, chord_of_km, km_of_chord, unit_vector
from maillage.kernel.latency import reach_km
from maillage.kernel.leases import charge_micro
from maillage.kernel.ledger import Ledger
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Committed
from maillage.kernel.sites import Site
from maillage.kernel.times import DAY_S, FOREVER

FIRST_LOOK = 24
"""Nearest sites checked before the mask is asked."""
SPARSE = 8
"""When fewer than one site in so many may have room, the mask goes first."""
DAYS_BOUND = 31
"""Days of an interval for which bounds are kept; an ask over years is decided by its first month and exact checks."""
_UNKNOWN = np.iinfo(np.int64).max


class Match(msgspec.Struct, frozen=True):
    """A site that can meet the ask, as of now."""

    site: str
    distance_km: float


class Found(msgspec.Struct, frozen=True):
    """Matches, nearest first, and how many nearer sites were passed over, by reason (``full:cpu``, ``closed:visit``,
    ``no_pool:gpu``, ``attributes``, ``price``)."""

    matches: list[Match]
    passed_over: dict[str, int]


class Finder:
    """Reads a ledger (or a copy of one) that ``source`` gives; must be told of what is committed through ``listen``."""

    def __init__(self, source: Callable[[], Ledger], policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._ledger: Ledger | None = None
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._index = SiteIndex([], [])
        self._bounds = _Bounds(0)

    def listen(self, committed: Committed) -> None:
        """Forget what is no longer true."""
        ledger = self._ledger
        if ledger is None or ledger is not self._source():  # dropped or rebuilt: the next find starts afresh anyway
            self._ledger = None
            return
        for event in committed.events:
            if isinstance(event, SiteSet):
                self._ledger = None  # positions may have changed: all is made anew at the next find
                return
            if isinstance(event, Resized):
                self._bounds.forget(self._numbers[event.site], (event.kind,))
            elif isinstance(event, Released | Expired | Reclaimed):
                self._bounds.forget(self._numbers[event.site], ledger.leases[event.lease].needs)

    def find(self, ask: Ask, now: int) -> Found:
        """Up to ``ask.limit`` matches near the ask's place."""
        self._refresh()
        near = _near(ask)
        search = _Search(self, ask, now, unit_vector(near.lat, near.lon), _reach(near))
        mask = self._bounds.mask(ask.needs, ask.cls == "spot", search.start, search.end)
        if mask is None or mask.count * SPARSE >= self._index.count:
            k = min(FIRST_LOOK, max(2, 2 * ask.limit))
            if search.look_at_nearest(k) or (k < FIRST_LOOK and search.look_at_nearest(FIRST_LOOK)):
                return search.found()
        search.look_at_masked()
        return search.found()

    def find_many(self, asks: Sequence[Ask], now: int) -> list[Found]:
        """Like find for each, with one walk of the tree for all."""
        self._refresh()
        if not asks:
            return []
        points = [unit_vector(near.lat, near.lon) for near in map(_near, asks)]
        chords, numbers = self._index.nearest(np.asarray(points), FIRST_LOOK)
        answers = []
        for ask, point, row, ids in zip(asks, points, chords.tolist(), numbers.tolist(), strict=True):
            search = _Search(self, ask, now, point, _reach(_near(ask)))
            if not search.look_at(row, ids):
                search.look_at_masked()
            answers.append(search.found())
        return answers

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[Match]:
        """The nearest sites to a place, whatever they offer."""
        self._refresh()
        chords, numbers = self._index.nearest(np.asarray(unit_vector(lat, lon)), max(2, min(limit, self._index.count)))
        pairs = zip(chords.tolist()[:limit], numbers.tolist()[:limit], strict=True)
        return [Match(self._ids[number], km_of_chord(chord)) for chord, number in pairs if number < self._index.count]

    def _refresh(self) -> None:
        ledger = self._source()
        if ledger is self._ledger:
            return
        sites: Iterable[Site] = ledger.sites.values()
        self._ids = [site.id for site in sites]
        self._numbers = {name: number for number, name in enumerate(self._ids)}
        self._index = SiteIndex([site.lat for site in sites], [site.lon for site in sites])
        self._bounds = _Bounds(len(self._ids))
        self._ledger = ledger


class _Search:
    """One find under way: what it has seen, matched and passed over."""

    def __init__(self, finder: Finder, ask: Ask, now: int, point: tuple[float, float, float], reach_km: float) -> None:
        self.start, self.end = ask.interval(now)
        self._ask = ask
        self._spot = ask.cls == "spot"
        self._needs = tuple(ask.needs.items())
        self._ledger = finder._source()
        self._policy = finder._policy
        self._ids = finder._ids
        self._index = finder._index
        self._bounds = finder._bounds
        self._point = point
        self._reach_km = reach_km
        self._reach_chord = chord_of_km(reach_km) * (1 + 1e-9) + 1e-12 if reach_km >= 0 else -1.0
        self._seen: set[int] = set()
        self._matches: list[Match] = []
        self._passed_over: dict[str, int] = {}
        self._masked: dict[str, NDArray[np.bool_]] = {}
        self._last_chord = math.inf

    def found(self) -> Found:
        if self._masked:
            self._count_masked()
        return Found(self._matches, self._passed_over)

    def look_at_nearest(self, k: int) -> bool:
        """Check the k nearest; True when the ask is met or no site is left within reach."""
        chords, numbers = self._index.nearest(np.asarray(self._point), k)
        return self.look_at(chords.tolist(), numbers.tolist())

    def look_at(self, chords: list[float], numbers: list[int]) -> bool:
        """Check sites in this order; True when the ask is met or the next lies out of reach."""
        for chord, number in zip(chords, numbers, strict=True):
            if chord > self._reach_chord:
                return True
            if number in self._seen:
                continue
            self._seen.add(number)
            reason = self._why_not(number)
            if reason is not None:
                self._passed_over[reason] = self._passed_over.get(reason, 0) + 1
                continue
            distance_km = km_of_chord(chord)
            if distance_km > self._reach_km:
                return True
            self._matches.append(Match(self._ids[number], distance_km))
            if len(self._matches) >= self._ask.limit:
                self._last_chord = chord
                return True
        return False

    def look_at_masked(self) -> None:
        """Check all sites that may have room, nearest first, in growing portions."""
        mask = self._bounds.mask(self._ask.needs, self._spot, self.start, self.end)
        if mask is None:
            numbers = np.arange(self._index.count)
        else:
            numbers, self._masked = mask.numbers, mask.hidden
        # The chord's square is 2 - 2 dot: largest dot first is nearest first.
        dots = self._index.vectors[numbers] @ np.asarray(self._point)
        if self._reach_chord < 2.0:
            within = dots >= 1 - self._reach_chord * abs(self._reach_chord) / 2 - 1e-12
            numbers, dots = numbers[within], dots[within]
        portion = 4 * self._ask.limit + len(self._seen)
        while True:
            nearest = np.argpartition(-dots, portion)[:portion] if portion < len(dots) else np.arange(len(dots))
            nearest = nearest[np.argsort(-dots[nearest], kind="stable")]
            vectors = self._index.vectors[numbers[nearest]]
            chords = np.sqrt(((vectors - np.asarray(self._point)) ** 2).sum(axis=1))
            if self.look_at(chords.tolist(), numbers[nearest].tolist()) or portion >= len(dots):
                return
            portion *= 8

    def _why_not(self, number: int) -> str | None:
        site_id = self._ids[number]
        pools = self._ledger.pools[site_id]
        for kind, quantity in self._needs:
            pool = pools.get(kind)
            if pool is None:
                self._bounds.learn_absent(number, kind)
                return f"no_pool:{kind}"
            if not pool.has_room(self.start, self.end, quantity, self._spot):
                if pool.room(self.start, self.end, self._spot) >= quantity:
                    return f"closed:{kind}"
                self._bounds.learn(number, kind, quantity, self._spot, self.start, self.end, pool.most_room)
                return f"full:{kind}"
        site = self._ledger.sites[site_id]
        wanted = self._ask.attributes
        if wanted is not None and any(site.attributes.get(name) != value for name, value in wanted.items()):
            return "attributes"
        if self._ask.max_price is not None:
            per_hour = self._policy.pricing.per_hour(self._ask.needs, self._ask.cls, site, pools, self.start, self.end)
            amount = per_hour if self.end >= FOREVER else charge_micro(per_hour, self.end - self.start)
            if amount > self._ask.max_price:
                return "price"
        return None

    def _count_masked(self) -> None:
        """Count what the mask hid nearer than the last match (or within reach, when there were too few)."""
        bound = min(self._last_chord, self._reach_chord, 2.0)
        if bound < 0:
            return
        close = self._index.vectors @ np.asarray(self._point) >= 1 - bound * bound / 2
        close[list(self._seen)] = False
        for reason, hidden in self._masked.items():
            count = int(np.count_nonzero(hidden & close))
            if count:
                self._passed_over[reason] = self._passed_over.get(reason, 0) + count


class _Mask(msgspec.Struct, frozen=True):
    """Sites that may have room, and by reason those that surely have none."""

    version: int
    numbers: NDArray[np.intp]
    count: int
    hidden: dict[str, NDArray[np.bool_]]


class _Bounds:
    """Upper bounds of what may fit, per kind, class of curve, day and site, in thousandths."""

    MASKS_KEPT = 64

    def __init__(self, sites: int) -> None:
        self._sites = sites
        self._arrays: dict[str, dict[tuple[bool, int], NDArray[np.int64]]] = {}
        self._absent: dict[str, NDArray[np.bool_]] = {}
        self._version = 0
        self._masks: dict[tuple[tuple[tuple[str, int], ...], bool, int, int], _Mask] = {}

    def learn(
        self,
        number: int,
        kind: str,
        quantity: int,
        spot: bool,
        start: int,
        end: int,
        most_room: Callable[[int, int, bool], int],
    ) -> None:
        """Note, for each day of a failed check, the most that fits at any instant of that day."""
        arrays = self._arrays.setdefault(kind, {})
        for day in _days(start, end):
            array = arrays.get((spot, day))
            if array is None:
                array = arrays[spot, day] = np.full(self._sites, _UNKNOWN, np.int64)
            if array[number] >= quantity:
                most = most_room(day * DAY_S, (day + 1) * DAY_S, spot)
                if most != array[number]:
                    array[number] = most
                    self._version += 1

    def learn_absent(self, number: int, kind: str) -> None:
        absent = self._absent.get(kind)
        if absent is None:
            absent = self._absent[kind] = np.zeros(self._sites, np.bool_)
        if not absent[number]:
            absent[number] = True
            self._version += 1

    def forget(self, number: int, kinds: Iterable[str]) -> None:
        for kind in kinds:
            for array in self._arrays.get(kind, {}).values():
                array[number] = _UNKNOWN
            if kind in self._absent:
                self._absent[kind][number] = False
        self._version += 1

    def mask(self, needs: dict[str, int], spot: bool, start: int, end: int) -> _Mask | None:
        """Who may have room for all needs; None when nothing is known that would exclude anybody."""
        days = _days(start, end)
        name = (tuple(needs.items()), spot, days.start, days.stop)
        mask = self._masks.get(name)
        if mask is not None and mask.version == self._version:
            return mask
        alive = np.ones(self._sites, np.bool_)
        hidden: dict[str, NDArray[np.bool_]] = {}
        for kind, quantity in needs.items():
            absent = self._absent.get(kind)
            if absent is not None:
                hidden[f"no_pool:{kind}"] = absent & alive
                alive &= ~absent
            known = self._arrays.get(kind, {})
            for day in days:
                array = known.get((spot, day))
                if array is not None:
                    full = (array < quantity) & alive
                    reason = f"full:{kind}"
                    hidden[reason] = hidden[reason] | full if reason in hidden else full
                    alive &= ~full
        if not hidden:
            return None
        numbers = np.flatnonzero(alive)
        if len(self._masks) >= self.MASKS_KEPT:
            self._masks.clear()
        mask = self._masks[name] = _Mask(self._version, numbers, len(numbers), hidden)
        return mask


def _days(start: int, end: int) -> range:
    first = start // DAY_S
    return range(first, min((end - 1) // DAY_S + 1, first + DAYS_BOUND))


def _near(ask: Ask) -> Near:
    if ask.near is None:
        raise ValueError("a find needs an ask with a place")
    return ask.near


def _reach(near: Near) -> float:
    """How far a site may be, in km; negative when no site can be within the milliseconds asked."""
    reach = math.inf if near.within_km is None else near.within_km
    return reach if near.within_ms is None else min(reach, reach_km(near.within_ms))
