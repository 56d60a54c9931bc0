"""Leases of a robot for the house: taken, made longer, given back; each as if asked once, however often it is asked."""

import logging

from maillage.kernel.asks import Ask
from maillage.kernel.errors import KeyReused, KeyVoid, LeaseState, NoCapacity, NotFound
from maillage.kernel.leases import ACTIVE
from maillage.kernel.office import Office
from maillage.kernel.scribe import View
from maillage.kernel.times import parse_time
from maillage.services.robots.cleaning import KIND, ONE, TENANT
from maillage.services.robots.cleaning.slots import Slot, best_slot, free_slots

log = logging.getLogger(__name__)


class Held:
    """A lease that was granted: its id, and ``[start, end)`` in seconds UTC."""

    def __init__(self, lease: str, start: int, end: int) -> None:
        self.lease = lease
        self.start = start
        self.end = end


class Leasing:
    """What cleaning asks of the kernel's office. Other refusals than those named come through."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def slot(self, site: str, start: int, end: int, wanted_s: int, least_s: int) -> Slot | None:
        """The first stretch of ``[start, end)`` in which a robot could be had for as long as wanted, else the longest
        of at least ``least_s``; None without one. A hint: others lease meanwhile."""

        def read(view: View) -> Slot | None:
            pool = view.ledger.pools.get(site, {}).get(KIND)
            if pool is None:
                return None
            return best_slot(free_slots(pool, start, end), wanted_s, least_s)

        return await self._office.read(read)

    async def take(self, site: str, slot: Slot, key: str) -> Held | None:
        """A lease over the slot; what ``key`` was granted before, where that still stands. None where there is no room
        or the key counts no more."""
        ask = Ask({KIND: ONE}, slot.start, slot.end, site, None, "house")
        try:
            lease = await self._office.lease(TENANT, ask, key, key)
        except (NoCapacity, KeyReused, KeyVoid) as refusal:
            log.info("no robot of %s for %s: %s", site, key, refusal.detail)
            return None
        if lease.state not in ACTIVE or lease.end is None:
            return None
        return Held(lease.id, parse_time(lease.start, "start"), parse_time(lease.end, "end"))

    async def extend(self, lease: str, end: int) -> bool:
        """Whether the lease goes on until then now; False where others stand there, or it is over."""
        try:
            await self._office.extend(lease, end, TENANT)
        except (NoCapacity, LeaseState, NotFound) as refusal:
            log.info("lease %s can't be made longer: %s", lease, refusal.detail)
            return False
        return True

    async def give_back(self, lease: str) -> None:
        """One that is over stays so."""
        try:
            await self._office.release(lease, TENANT)
        except (LeaseState, NotFound):
            log.debug("lease %s was over already", lease)

    async def standing(self) -> set[str]:
        """All leases of cleaning that are not over."""

        def read(view: View) -> set[str]:
            leases = view.ledger.leases_of_tenant.get(TENANT, [])
            return {lease.id for lease in leases if lease.is_active and lease.end > view.now}

        return await self._office.read(read)
