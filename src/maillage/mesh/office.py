"""The office of a hub: it reads in its mirror, and has the owners decide."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityDocument, CapacityPlanDocument, LeaseDocument
from maillage.kernel.errors import NotFound, Refusal
from maillage.kernel.find import Finder
from maillage.kernel.leases import site_of
from maillage.kernel.office import Office
from maillage.kernel.paging import Page, page
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock
from maillage.kernel.readings import NearSite
from maillage.kernel.scribe import View
from maillage.kernel.sites import HOLDING, Site
from maillage.mesh.allowance import Allowance
from maillage.mesh.asking import Owners
from maillage.mesh.directory import Directory
from maillage.mesh.messages import (
    ChargeLease,
    ConfirmLease,
    ExtendLease,
    MeasureLease,
    PutCapacity,
    PutSite,
    ReleaseLease,
    TellNotice,
)
from maillage.mesh.mirror import Mirror
from maillage.mesh.router import Router
from maillage.mesh.several import Several

AT_ONCE = 64
"""Asks of one batch that are under way at the same time."""
CATCH_UP_S = 2.0
"""How long a read waits for the mirror to show what was acknowledged; an owner that is cut off then has to be read as
it was."""

T = TypeVar("T")


class HubOffice(Office):
    """What a lease is acknowledged with comes from its owner; reads come from the mirror, after what this hub has
    acknowledged before."""

    def __init__(
        self,
        finder: Finder,
        mirror: Mirror,
        owners: Owners,
        directory: Directory,
        router: Router,
        several: Several,
        allowance: Allowance,
        policy: Policy,
        clock: Clock,
    ) -> None:
        super().__init__(finder)
        self._mirror = mirror
        self._owners = owners
        self._directory = directory
        self._router = router
        self._several = several
        self._allowance = allowance
        self._policy = policy
        self._clock = clock

    async def read(self, reading: Callable[[View], T]) -> T:
        await self._mirror.reach_all(self._owners.acknowledged, CATCH_UP_S)
        return reading(self.glance())

    def glance(self) -> View:
        return View(self._mirror.ledger, self._policy, self._clock.now())

    async def lease(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        return await self._router.route(tenant, ask, key, digest)

    async def lease_all(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> list[LeaseDocument]:
        return await self._several.grant(tenant, ask, key, digest)

    async def lease_batch(
        self, tenant: str, asks: Sequence[Ask | Refusal], key: str | None, digests: Sequence[str | None]
    ) -> list[LeaseDocument | Refusal]:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, ask: Ask | Refusal) -> LeaseDocument | Refusal:
            if isinstance(ask, Refusal):
                return ask
            item_key = None if key is None else f"{key}#{number}"
            async with room:
                try:
                    return await self._router.route(tenant, ask, item_key, digests[number])
                except Refusal as refusal:
                    return refusal

        return list(await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks))))

    async def confirm(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._move(lease_id, ConfirmLease(lease_id, tenant))

    async def extend(self, lease_id: str, end: int, tenant: str | None) -> LeaseDocument:
        known = self._mirror.ledger.leases.get(lease_id)
        request = ExtendLease(lease_id, end, tenant)
        if known is None or end <= known.end:
            return await self._move(lease_id, request)
        async with self._allowance.reserved(known.tenant, known.needs, known.end, end):
            return await self._move(lease_id, request)

    async def release(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        return await self._move(lease_id, ReleaseLease(lease_id, tenant))

    async def measure(self, lease_id: str, meters: dict[str, int]) -> LeaseDocument:
        return await self._move(lease_id, MeasureLease(lease_id, meters))

    async def charge(self, lease_id: str, line: str, amount_micro: int) -> LeaseDocument:
        return await self._move(lease_id, ChargeLease(lease_id, line, amount_micro))

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        if self._directory.owner(site) is None:
            raise NotFound(f"the chain has no site {site[:64]!r}, or it has no node yet")
        await self._owners.ask(site, TellNotice(topic, about, data), bool)

    def nearest_sites(self, lat: float, lon: float, limit: int) -> list[NearSite]:
        """Stores only: each hub's holding lies where its store does."""
        found = super().nearest_sites(lat, lon, limit * (1 + len(self._mirror.holders)))
        return [near for near in found if HOLDING not in near.site.id][:limit]

    def parts_of(self, store: str) -> Sequence[str]:
        """With what hubs hold there to sell while it is out of reach."""
        known = self._mirror.ledger.sites
        return (store, *(held for hub in self._mirror.holders if (held := f"{store}{HOLDING}{hub}") in known))

    async def get_site(self, site_id: str) -> Site:
        entry = self._directory.entries.get(site_id)
        if entry is None:
            raise NotFound(f"the chain has no site {site_id[:64]!r}")
        return self._mirror.ledger.sites.get(site_id, entry.site)

    async def list_sites(self, cursor: str | None, limit: int) -> Page[Site]:
        some = page(self._directory.entries.values(), lambda _: True, "sites", cursor, limit)
        known = self._mirror.ledger.sites
        return Page([known.get(entry.site.id, entry.site) for entry in some.items], some.next)

    async def set_site(self, site: Site) -> bool:
        """Enter or change it in the directory, and where it has an owner there too."""
        return await self.set_sites([site]) > 0

    async def set_sites(self, sites: Sequence[Site]) -> int:
        """As for each; the owners are asked first, so that the directory never says what an owner refused."""
        work: dict[str, Any] = {
            site.id: PutSite(site)
            for site in sites
            if self._directory.owner(site.id) is not None and self._mirror.ledger.sites.get(site.id) != site
        }
        for raised in (await self._owners.ask_each(work, bool, AT_ONCE)).values():
            if isinstance(raised, Exception):
                raise raised
        return await self._directory.put_sites(list(sites))

    async def set_capacity(self, site_id: str, kind: str, document: CapacityPlanDocument) -> CapacityDocument:
        if site_id not in self._directory.entries:
            raise NotFound(f"the chain has no site {site_id[:64]!r}")
        if self._directory.owner(site_id) is None:
            raise NotFound(f"{site_id} has no node yet; enrol one for it, then say what it offers")
        return await self._owners.ask(site_id, PutCapacity(kind, document), CapacityDocument)

    async def _move(self, lease_id: str, request: Any) -> LeaseDocument:
        site = site_of(lease_id)
        if self._directory.owner(site) is None:
            raise NotFound(f"there is no lease {lease_id[:100]!r}, or it is not yours")
        return await self._owners.ask(site, request, LeaseDocument)
