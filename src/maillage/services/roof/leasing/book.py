"""Roof leases as they are read and changed: each change is one step on, seen by all, or made anew."""

from collections.abc import Callable

from maillage.kernel.errors import NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.roof.leasing.model import RoofLease
from maillage.services.roof.leasing.ports import RoofLeaseRecords
from maillage.services.roof.leasing.steps import Actor, not_now

TRIES = 5
"""How often a change is made anew where somebody else was faster."""
Change = Callable[[RoofLease], RoofLease]
"""Makes the next revision, the same lease where there is nothing to do, or raises a Refusal."""
Check = Callable[[RoofLease, list[RoofLease]], None]
"""Is given the next revision and all others that have their mounts; may raise a Refusal."""


class LeaseBook:
    """Over the records, which are shared with other processes; nothing is kept in memory."""

    def __init__(self, records: RoofLeaseRecords) -> None:
        self.records = records

    async def add(self, lease: RoofLease) -> None:
        await to_the_end(self.records.add, lease)

    async def get(self, lease_id: str, actor: Actor | None = None) -> RoofLease:
        """NotFound without it, and where it is another tenant's."""
        lease = await to_the_end(self.records.get, lease_id)
        if lease is None or (actor is not None and actor.role == "tenant" and actor.tenant != lease.tenant):
            raise NotFound(f"there is no roof lease {lease_id[:100]!r}, or it is not yours")
        return lease

    async def change(
        self, lease_id: str, actor: Actor | None, change: Change, check: Check | None = None
    ) -> tuple[RoofLease, RoofLease]:
        """The lease before and after."""
        for _ in range(TRIES):
            lease = await self.get(lease_id, actor)
            after = change(lease)
            if after is lease:
                return lease, lease
            checked = None if check is None else _bound(check, after)
            if await to_the_end(self.records.change, after, checked):
                return lease, after
        raise not_now(lease, "others are changing it just now; look at it and try again")

    async def going_on(self) -> list[RoofLease]:
        return await to_the_end(self.records.going_on)

    async def holding(self) -> list[RoofLease]:
        return await to_the_end(self.records.holding)


def _bound(check: Check, after: RoofLease) -> Callable[[list[RoofLease]], None]:
    return lambda others: check(after, others)
