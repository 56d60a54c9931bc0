"""Finding: the nearest sites that can meet an ask, exactly, without looking at all of them.

First of all the site that serves the device which asks, where one does (``network_paths``). Then nearest first by k-d
tree with an exact check of each; where too few of the nearest have room, a coarse mask over all sites (``bounds``), and
an exact check of what passes it. "None" is only said after every site that might have room was checked.
"""

from collections.abc import Callable, Sequence

import numpy as np

from maillage.kernel import spans
from maillage.kernel.asks import Ask
from maillage.kernel.bounds import Bounds
from maillage.kernel.events import Expired, Reclaimed, Released, Resized, SiteSet, Voided
from maillage.kernel.geo import SiteIndex, km_of_chord, unit_vector
from maillage.kernel.ledger import Ledger
from maillage.kernel.network_paths import NetworkPaths
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Committed
from maillage.kernel.search import FIRST_LOOK, Found, Match, Search
from maillage.kernel.sites import HOLDING, store_of


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
        self.paths = NetworkPaths()
        self._numbers: dict[str, int] = {}
        self._held: dict[str, list[int]] = {}
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
        search = Search(self, self._fresh_ledger(), ask, now)
        if search.look_at_serving():
            return search.found
        if search.is_sparse or not search.look_at_nearest():
            search.look_at_masked()
        else:
            search.prepare_next()
        return search.found

    @spans.spanned("find")
    def find_many(self, asks: Sequence[Ask], now: int) -> list[Found]:
        """Like find for each, with one walk of the tree for all."""
        ledger = self._fresh_ledger()
        searches = [Search(self, ledger, ask, now) for ask in asks]
        if searches:
            k = FIRST_LOOK * max(ask.limit for ask in asks) + 1
            chords, numbers = self.index.nearest(np.array([search.vector for search in searches]), k)
            for search, row, ids in zip(searches, chords.tolist(), numbers.tolist(), strict=True):
                if search.look_at_serving():
                    continue
                if search.is_sparse or not search.look_at(row, ids):
                    search.look_at_masked()
        return [search.found for search in searches]

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[Match]:
        """The nearest sites to a place, whatever they offer."""
        self._fresh_ledger()
        chords, numbers = self.index.nearest(np.array(unit_vector(lat, lon)), max(1, min(limit, self.index.count)))
        pairs = zip(chords.tolist(), numbers.tolist(), strict=True)
        return [Match(self.ids[number], km_of_chord(chord)) for chord, number in pairs if number < self.index.count]

    def numbers_of(self, store: str) -> list[int]:
        """The store's own number and then those of what hubs hold there; none where the ledger has no such store."""
        own = self._numbers.get(store)
        return [] if own is None else [own, *self._held.get(store, ())]

    def _fresh_ledger(self) -> Ledger:
        ledger = self._source()
        if ledger is not self.ledger:
            sites = ledger.sites.values()
            self.ids = [site.id for site in sites]
            self._numbers = {name: number for number, name in enumerate(self.ids)}
            self._held = {}
            for number, name in enumerate(self.ids):
                if HOLDING in name:
                    self._held.setdefault(store_of(name), []).append(number)
            self.index = SiteIndex([site.lat for site in sites], [site.lon for site in sites])
            self.bounds = Bounds(self.index.vectors, self._most_room)
            self.ledger = ledger
        return ledger

    def _most_room(self, number: int, kind: str, start: int, end: int, spot: bool) -> int:
        pool = self._source().pools[self.ids[number]].get(kind)
        return -1 if pool is None else pool.most_room(start, end, spot)
