"""The stores that a session may live at: those that offer every kind that it needs."""

from collections.abc import Iterable

from maillage.kernel.events import Resized, SiteSet
from maillage.kernel.office import Office
from maillage.kernel.ports import Committed
from maillage.kernel.sites import HOLDING
from maillage.services.compute.follow.stores import Stores

KEPT_MAX = 32
"""Sets of kinds of which the stores are kept: sessions of one chain hardly differ in it."""


class StoresByKinds:
    """``listen`` has to hear what the chain commits."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._kept: dict[frozenset[str], Stores] = {}

    def of(self, kinds: Iterable[str]) -> Stores:
        """Whether there is room at them now is another matter."""
        wanted = frozenset(kinds)
        stores = self._kept.get(wanted)
        if stores is None:
            ledger = self._office.glance().ledger
            every = (site for site in ledger.sites.values() if HOLDING not in site.id)  # what hubs hold runs nothing
            sites = [site for site in every if wanted <= ledger.pools[site.id].keys()]
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            stores = self._kept[wanted] = Stores(sites)
        return stores

    def listen(self, committed: Committed) -> None:
        if any(isinstance(event, SiteSet | Resized) for event in committed.events):
            self._kept.clear()
