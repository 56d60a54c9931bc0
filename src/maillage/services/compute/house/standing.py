"""Which house leases stand at each site: those that were taken here, and those of the shop's own apps and systems."""

from collections import defaultdict

from maillage.kernel.events import Ended, Expired, Leased, Reclaimed, Released, Voided
from maillage.kernel.leases import Lease
from maillage.kernel.ports import Committed
from maillage.kernel.scribe import View
from maillage.services.compute.house import KIND, TENANT

_OVER = Ended | Expired | Reclaimed | Released | Voided


class Standing:
    """Have it ``listen`` to what the ledger commits, then ``fill`` it once: a ledger remembers every lease that ever
    was, and nobody should go through them all each minute."""

    def __init__(self) -> None:
        self._of_site: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def fill(self, view: View) -> None:
        for lease in view.ledger.leases.values():
            if lease.cls == "house" and lease.is_active:
                self._of_site[lease.site][lease.id] = None

    def listen(self, committed: Committed) -> None:
        for event in committed.events:
            if isinstance(event, Leased):
                if event.cls == "house":
                    self._of_site[event.site][event.lease] = None
            elif isinstance(event, _OVER) and event.lease is not None:
                self._of_site[event.site].pop(event.lease, None)

    def own(self, view: View, site: str) -> list[Lease]:
        """Those that were taken here, oldest first."""
        return [lease for lease in self._live(view, site) if lease.tenant == TENANT]

    def others(self, view: View, site: str) -> list[Lease]:
        """All other house leases that have some of the kind."""
        return [lease for lease in self._live(view, site) if lease.tenant != TENANT and KIND in lease.needs]

    def _live(self, view: View, site: str) -> list[Lease]:
        leases = view.ledger.leases
        found = [leases[name] for name in self._of_site.get(site, ()) if name in leases]
        return [lease for lease in found if lease.is_active and lease.end > view.now]
