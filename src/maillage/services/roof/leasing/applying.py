"""An application gets all that it needs by one lease of capacity, or stays an inquiry.

First the application is written down, which keeps its mounts from others, then the kernel is asked for the rest. What
a process leaves between the two is completed by whoever comes next: the kernel knows the key again.
"""

import logging
import math

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Category, LeaseState, NotFound, Refusal, SiteUnreachable
from maillage.kernel.leases import ACTIVE
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.scribe import View
from maillage.services.roof.leasing.book import LeaseBook
from maillage.services.roof.leasing.model import RoofLease
from maillage.services.roof.leasing.steps import ACTS, CLOCK, moved, not_now, revised

log = logging.getLogger(__name__)

MOUNT, LOAD = "roof_mount", "roof_load"
DERIVED = frozenset({MOUNT, LOAD})
"""Kinds that follow from the mounts and antennas."""
KEY_KEPT_S = 20 * 3_600
"""For so long, and some hours more, owners of sites know a key again."""


class Applying:
    """What roof leases ask of the kernel's office when they begin and when they are over."""

    def __init__(self, book: LeaseBook, office: Office, clock: Clock) -> None:
        self._book, self._office, self._clock = book, office, clock

    async def needs(self, lease: RoofLease) -> dict[str, int]:
        """All that it needs, in thousandths. The antennas' weight is among it where the site has a pool of roof_load:
        without one the structure is for a person to judge."""
        pools: set[str] = await self._office.read(lambda view: set(view.ledger.pools.get(lease.site, ())))
        needs = {kind: quantity for kind, quantity in lease.needs.items() if kind not in DERIVED}
        needs[MOUNT] = 1_000 * len(lease.mounts)
        grams = math.ceil(round(1_000 * math.fsum(antenna.weight_kg for antenna in lease.antennas), 6))
        if grams and LOAD in pools:
            needs[LOAD] = grams
        return needs

    def is_half_done(self, lease: RoofLease) -> bool:
        """Whether it was written down as an application, and the kernel not asked yet, or its answer not kept."""
        return lease.state == "application" and not lease.lease

    async def complete(self, lease: RoofLease) -> RoofLease:
        """Have the kernel grant what an application needs. Its refusal is passed on once the application is an inquiry
        again; where the site is out of reach it stays as it is, to be completed later."""
        try:
            granted = await self._granted_before(lease) or await self._grant(lease)
        except Refusal as refusal:
            if refusal.category is Category.UNAVAILABLE:
                raise
            if await self._kept_for(lease) is not None:
                raise SiteUnreachable(
                    f"what {lease.site} granted to an attempt before this one, whose answer was lost, is given back "
                    "first; the same again in a moment",
                    site=lease.site,
                    asked=True,
                ) from None
            await self._take_back(lease, refusal.detail)
            raise
        if granted is None:
            await self._take_back(lease, "its lease of capacity was given back meanwhile")
            raise not_now(lease, "its lease of capacity was given back meanwhile")

        def with_lease(known: RoofLease) -> RoofLease:
            if not self.is_half_done(known):
                return known
            return revised(known, lease=granted)

        _, after = await self._book.change(lease.id, None, with_lease)
        if after.lease != granted:  # another process was refused it before, and took the application back
            await self._office.release(granted, None)
            raise not_now(after, "it was taken back meanwhile")
        return after

    async def give_back(self, lease: RoofLease) -> None:
        """End its lease of capacity as of now; one that is over stays so."""
        try:
            await self._office.release(lease.lease, None)
        except (LeaseState, NotFound) as refusal:
            log.info("roof lease %s: %s was over already: %s", lease.id, lease.lease, refusal.detail)

    async def stands(self, lease: RoofLease) -> bool:
        """Whether its lease of capacity does."""
        return (await self._office.get_lease(lease.lease, None)).state in ACTIVE

    async def _grant(self, lease: RoofLease) -> str | None:
        """The lease of capacity; None where the key was granted one that is over."""
        ask = Ask(
            lease.needs,
            lease.start,
            lease.runs_until,
            lease.site,
            None,
            "firm",
            agreed_per_hour=0,
            kept_by=kept_by(lease),
        )
        key = f"{lease.id}/{lease.did('apply')}"
        granted: LeaseDocument = await self._office.lease(lease.tenant, ask, key, key)
        return granted.id if granted.state in ACTIVE else None

    async def _granted_before(self, lease: RoofLease) -> str | None:
        """What was granted so long ago that the key may be forgotten."""
        applied_at = max((step.at for step in lease.history if step.act == "apply"), default=0)
        if self._clock.now() < applied_at + KEY_KEPT_S:
            return None
        found = await self._kept_for(lease)
        if found is None:
            return None
        try:
            # Its owner is asked: what is read here may be of before it was made void there.
            return (await self._office.confirm(found, None)).id
        except (LeaseState, NotFound):
            return None

    async def _kept_for(self, lease: RoofLease) -> str | None:
        """A lease of capacity that stands for it, as far as is known here."""

        def read(view: View) -> str | None:
            granted = view.ledger.leases_of_tenant.get(lease.tenant, ())
            return next((each.id for each in granted if each.kept_by == kept_by(lease) and each.is_active), None)

        found: str | None = await self._office.read(read)
        return found

    async def _take_back(self, lease: RoofLease, why: str) -> None:
        def refused(known: RoofLease) -> RoofLease:
            if not self.is_half_done(known):
                return known
            return moved(known, ACTS["refuse"], self._clock.now(), CLOCK, why[:500])

        await self._book.change(lease.id, None, refused)


def kept_by(lease: RoofLease) -> str:
    """What its lease of capacity is a part of, as the kernel is told."""
    return f"roof lease {lease.id}"
