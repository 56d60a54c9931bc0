"""Placing: a lease for every instance that is wanted, and the instance on it.

Leases that a deployment takes itself have idempotency keys made of its id, the instance's slot and a number; so a
process that died between a grant and its record finds the same lease again. A key that was granted a lease which is
over, or is in use, is passed over for the next.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from maillage.kernel.asks import LIMIT_MAX, Ask, Near
from maillage.kernel.errors import KeyVoid, LeaseState, NoCapacity, NotFound, Refusal
from maillage.kernel.office import Office
from maillage.kernel.times import FOREVER
from maillage.services.compute.deployment_documents import Missing, PointDocument
from maillage.services.compute.hosting.ports import Hosts
from maillage.services.compute.hosting.tenure import Tenure, tenures
from maillage.services.compute.limits import limits_of, require_memory
from maillage.services.compute.model import Deployment, Instance, Version
from maillage.services.compute.ports import CatalogueRecords

log = logging.getLogger(__name__)

CANDIDATES = 4
"""Sites near a point that are asked one after another; what none of them grants is tried again later."""
APART = "\x1f"
"""Between the parts of a key: no caller's own key can hold it."""


class Placer:
    """``records`` block; everything else is asked on the event loop."""

    def __init__(self, records: CatalogueRecords, office: Office, host: Hosts) -> None:
        self._records = records
        self._office = office
        self._host = host

    async def tenures(self, lease_ids: Iterable[str]) -> dict[str, Tenure]:
        """What the ledger knows of leases."""
        wanted = list(lease_ids)
        return await self._office.read(lambda view: tenures(view, wanted)) if wanted else {}

    async def fill(
        self, deployment: Deployment, version: Version, staying: list[Instance], taken: set[str]
    ) -> list[Missing]:
        """Place what is wanted beyond those that stay; what could not be, with the reasons. ``taken`` are the leases
        that carry an instance of the deployment, those that are about to go included."""
        if deployment.placement.leases:
            return await self._on_leases(deployment, version, taken)
        return await self._near_points(deployment, version, staying, taken)

    async def put(self, instance: Instance) -> None:
        """Write down that it is wanted, then have it run. A refusal leaves no new record."""
        self._host.require_free(instance)
        await asyncio.to_thread(self._records.put_instance, instance)
        try:
            await self._host.put(instance)
        except Refusal:
            if self._host.status(instance.id) is None:
                await asyncio.to_thread(self._records.drop_instance, instance.id)
            raise

    async def leave(self, instance: Instance) -> None:
        """End an instance, give back its lease where the deployment took it, and forget it."""
        await self._host.drop(instance.id)
        if instance.own_lease:
            await self._give_back(instance.id, instance.tenant)
        await asyncio.to_thread(self._records.drop_instance, instance.id)

    def instance(
        self, deployment: Deployment, version: Version, tenure: Tenure, slot: int, own_lease: bool
    ) -> Instance:
        """What is to run on a lease. Invalid where the lease is too small for it."""
        limits = limits_of(tenure.needs, deployment.settings, version.kind, "leases")
        require_memory(version, limits, "leases")
        return Instance(
            tenure.lease,
            deployment.id,
            deployment.app,
            deployment.tenant,
            tenure.site,
            version.digest,
            version.kind,
            version.reference,
            deployment.settings,
            limits,
            own_lease,
            slot,
        )

    async def _on_leases(self, deployment: Deployment, version: Version, taken: set[str]) -> list[Missing]:
        wanted = [(slot, name) for slot, name in enumerate(deployment.placement.leases) if name not in taken]
        known = await self.tenures(name for _, name in wanted)
        missing = []
        for slot, name in wanted:
            try:
                tenure = known.get(name)
                if tenure is None:
                    raise NotFound(f"there is no lease {name[:100]!r} here")
                await self.put(self.instance(deployment, version, tenure, slot, own_lease=False))
            except Refusal as refusal:
                missing.append(Missing(name, None, refusal.slug, refusal.detail))
        return missing

    async def _near_points(
        self, deployment: Deployment, version: Version, staying: list[Instance], taken: set[str]
    ) -> list[Missing]:
        filled = {instance.slot for instance in staying}
        sites = {instance.site for instance in staying}
        missing = []
        for slot in range(deployment.placement.instances):
            if slot in filled:
                continue
            try:
                tenure = await self._take_lease(deployment, slot, sites, taken)
                taken.add(tenure.lease)
                try:
                    await self.put(self.instance(deployment, version, tenure, slot, own_lease=True))
                except Refusal:
                    await self._give_back(tenure.lease, deployment.tenant)
                    raise
                sites.add(tenure.site)
            except Refusal as refusal:
                missing.append(Missing(None, PointDocument(*_point(deployment, slot)), refusal.slug, refusal.detail))
        return missing

    async def _take_lease(self, deployment: Deployment, slot: int, sites: set[str], taken: set[str]) -> Tenure:
        """A lease within reach of the slot's point, at a site without one of the deployment's instances if there is
        one that grants it."""
        placement = deployment.placement
        lat, lon = _point(deployment, slot)
        ask = Ask(
            placement.needs,
            None,
            FOREVER,
            None,
            Near(lat, lon, placement.within_km, placement.within_ms),
            placement.lease_class,
            placement.max_price,
            limit=min(len(sites) + CANDIDATES, LIMIT_MAX),
        )
        offered = self._office.offers(ask)
        found = [offer.site for offer in offered.offers if self._host.takes(offer.site)]
        found.sort(key=lambda site: site in sites)  # it keeps the order of distance otherwise
        refused: Refusal = NoCapacity(
            "no site within reach has room for all of it", reasons=[], passed_over=offered.passed_over
        )
        for site in found[:CANDIDATES]:
            try:
                lease_id = await self._lease_at(
                    deployment, msgspec.structs.replace(ask, site=site, near=None), slot, taken
                )
            except Refusal as refusal:
                refused = refusal
                continue
            known = await self.tenures([lease_id])
            if lease_id in known:
                return known[lease_id]
        raise refused

    async def _lease_at(self, deployment: Deployment, ask: Ask, slot: int, taken: set[str]) -> str:
        """A lease that is confirmed and carries nothing: that of the first key which is good for one."""
        number = 0
        while True:
            key = APART.join((deployment.id, str(slot), str(number)))
            with suppress(KeyVoid):
                granted = await self._office.lease(deployment.tenant, ask, key, deployment.id)
                if granted.state == "confirmed" and granted.id not in taken:
                    return granted.id
            number += 1

    async def _give_back(self, lease_id: str, tenant: str) -> None:
        with suppress(LeaseState, NotFound):  # it is over already
            await self._office.release(lease_id, tenant)


def _point(deployment: Deployment, slot: int) -> tuple[float, float]:
    """Instances go to the points by turn."""
    points = deployment.placement.points
    return points[slot % len(points)]


def outdated(deployment: Deployment, instance: Instance) -> bool:
    """Whether it is to run otherwise than it was last told to."""
    return (instance.digest, instance.settings) != (deployment.digest, deployment.settings)


def live(tenure: Tenure | None, now: int) -> bool:
    return tenure is not None and tenure.is_live(now)


def noticed(known: Mapping[str, Tenure], instance: Instance) -> bool:
    """Whether its lease was reclaimed with notice: it runs on for a while, and another should be there by then."""
    tenure = known.get(instance.id)
    return tenure is not None and tenure.noticed
