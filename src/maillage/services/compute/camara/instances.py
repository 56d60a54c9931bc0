"""App instances: each stands on a lease of its tenant at the zone's store, and is a deployment of ours with one place.

An instance is written down before its lease is asked for, by a key made of its id: what a crash leaves half done can be
deleted, and the lease with it.
"""

import asyncio
from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.asks import Ask
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import Category, LeaseState, NotFound, Refusal, SiteUnreachable
from maillage.kernel.leases import ACTIVE
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.times import FOREVER
from maillage.services.compute.camara.apps import Apps, KnownApp
from maillage.services.compute.camara.device import Strict
from maillage.services.compute.camara.faults import Fault, invalid, missing
from maillage.services.compute.camara.manifest import Name
from maillage.services.compute.camara.names import new_id, provider_of
from maillage.services.compute.camara.ports import CamaraRecords, Entry
from maillage.services.compute.camara.subscribing import SubscriptionRequest
from maillage.services.compute.camara.zones import Zone, Zones
from maillage.services.compute.deployment_documents import NewDeployment
from maillage.services.compute.deployments import Deployments
from maillage.services.compute.errors import InUse

LIST_MAX = 100
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Status = Literal["instantiating", "ready", "failed", "terminating", "unknown"]
_STATUS: dict[str, Status] = {
    "starting": "instantiating",
    "ready": "ready",
    "unhealthy": "failed",
    "backing-off": "failed",
    "stopping": "terminating",
    "stopped": "terminating",
    "failed": "failed",
    "unknown": "unknown",
}
"""Of the states that an instance of ours can be in."""


class InstanceRequest(Strict, frozen=True):
    name: Name
    app_id: Id
    edge_cloud_zone_id: Id
    kubernetes_cluster_ref: Id | UnsetType = UNSET
    subscription_request: SubscriptionRequest | UnsetType = UNSET


class Wanted(msgspec.Struct, frozen=True):
    """An instance as it is written down. ``lease`` and ``deployment`` are "" until they are there; ``own_lease`` says
    that the lease was taken for it."""

    name: str
    site: str
    own_lease: bool
    lease: str = ""
    deployment: str = ""


class Instances:
    """``sees`` None is somebody who may see those of all tenants."""

    def __init__(
        self, records: CamaraRecords, apps: Apps, zones: Zones, office: Office, deployments: Deployments, clock: Clock
    ) -> None:
        self._records = records
        self._apps = apps
        self._zones = zones
        self._office = office
        self._deployments = deployments
        self._clock = clock

    async def create(self, tenant: str, request: InstanceRequest, lease: str) -> Entry:
        """On the tenant's own ``lease``, or on one that is taken for it where that is ""."""
        app = await self._apps.find(request.app_id, tenant)
        if app is None:
            raise invalid("appId", "you have submitted no such app")
        if request.kubernetes_cluster_ref is not UNSET:
            raise invalid("kubernetesClusterRef", "no zone has Kubernetes clusters; leave it out")
        zone = self._zones.get(request.edge_cloud_zone_id)
        if zone is None:
            raise invalid("edgeCloudZoneId", "there is no such zone")
        if lease:
            await self._require_fit(lease, tenant, zone, app)
        wanted = Wanted(request.name, zone.site.id, own_lease=not lease, lease=lease)
        unique = f"instance {tenant} {request.app_id} {request.name} {zone.site.id}"
        entry = Entry(
            new_id(), "instance", tenant, unique, self._clock.now(), msgspec.json.encode(wanted), request.app_id
        )
        if not await asyncio.to_thread(self._records.add, entry):
            raise Fault(409, "ALREADY_EXISTS", "An instance of this name and app is in that zone already.")
        try:
            return await self._run(entry, app)
        except (Refusal, Fault):
            await self.remove(entry)
            raise

    async def remove(self, entry: Entry) -> None:
        """End it, give its lease back where it was taken for it, and forget it."""
        wanted = wanted_of(entry)
        if wanted.deployment:
            await self._end(wanted.deployment)
        if wanted.own_lease:
            await self._give_back(entry, wanted)
        await asyncio.to_thread(self._records.drop, "instance", entry.id)

    async def delete(self, instance_id: str, sees: str | None) -> None:
        await self.remove(await self.entry(instance_id, sees))

    async def entry(self, instance_id: str, sees: str | None) -> Entry:
        entry = await asyncio.to_thread(self._records.entry, "instance", instance_id)
        if entry is None or sees not in (None, entry.tenant):
            raise missing("app instance")
        return entry

    async def get(self, instance_id: str, sees: str | None, access: dict[str, Any]) -> dict[str, Any]:
        return await self.document(await self.entry(instance_id, sees), access)

    async def list(
        self, sees: str | None, app: str | None, region: str | None, access: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The oldest hundred that fit: CAMARA has no pages for them."""
        found = []
        for entry in await asyncio.to_thread(self._records.entries, "instance", sees, app):
            zone = self._zones.of_site(wanted_of(entry).site)
            if region is None or (zone is not None and zone.region == region):
                found.append(await self.document(entry, access))
            if len(found) == LIST_MAX:
                break
        return found

    async def document(self, entry: Entry, access: dict[str, Any]) -> dict[str, Any]:
        """``access`` is the address at which apps are called, as AccessEndpoint has it."""
        wanted, status = wanted_of(entry), await self.status(entry)
        zone = self._zones.of_site(wanted.site)
        app = await self._apps.find(entry.parent, None)
        interfaces = [] if app is None or status != "ready" else app.manifest.external
        endpoints = [{"interfaceId": one.interface_id, "accessPoints": access} for one in interfaces]
        return {
            "name": wanted.name,
            "appId": entry.parent,
            "appInstanceId": entry.id,
            "appProvider": provider_of(entry.tenant),
            "edgeCloudZoneId": "" if zone is None else zone.id,
            "status": status,
            **({"componentEndpointInfo": endpoints} if endpoints else {}),
        }

    async def described(self, instance_id: str) -> dict[str, Any] | None:
        """What its subscribers are told; None where it is no more."""
        entry = await asyncio.to_thread(self._records.entry, "instance", instance_id)
        if entry is None:
            return None
        document = await self.document(entry, {})
        return {name: value for name, value in document.items() if name != "componentEndpointInfo"}

    async def status(self, entry: Entry) -> Status:
        wanted = wanted_of(entry)
        if not wanted.deployment:
            return "failed"
        try:
            lease = await self._office.get_lease(wanted.lease, None)
        except NotFound:
            return "unknown"
        if lease.state not in ACTIVE:
            return "terminating"
        try:
            deployment = await self._deployments.get(wanted.deployment, None)
        except NotFound:  # removed by its owner, beside us
            return "terminating"
        if deployment.missing:
            return "unknown" if deployment.missing[0].problem == SiteUnreachable.slug else "failed"
        return _STATUS[deployment.placed[0].state] if deployment.placed else "instantiating"

    async def _run(self, entry: Entry, app: KnownApp) -> Entry:
        wanted = wanted_of(entry)
        if wanted.own_lease:
            lease = await self._take(entry, wanted, app)
            wanted = msgspec.structs.replace(wanted, lease=lease.id)
            entry = await self._keep(entry, wanted)
        deployment = await self._deploy(entry.tenant, wanted.lease, app)
        try:
            return await self._keep(entry, msgspec.structs.replace(wanted, deployment=deployment))
        except (Refusal, Fault):
            await self._end(deployment)
            raise

    async def _deploy(self, tenant: str, lease: str, app: KnownApp) -> str:
        """An app with an external interface is called without a key, as clients of CAMARA's apps have none."""
        manifest, version = app.manifest, app.version
        wanted = NewDeployment(
            app=version.app,
            version=version.digest,
            leases=[lease],
            port=manifest.port,
            public=bool(manifest.external),
        )
        deployment = await self._deployments.create(wanted, tenant)
        for lacking in deployment.missing:
            if lacking.problem in (InUse.slug, LeaseState.slug):  # what no waiting will change
                await self._end(deployment.id)
                raise Fault(409, "INCOMPATIBLE_STATE", lacking.detail)
        return deployment.id

    async def _end(self, deployment: str) -> None:
        with suppress(NotFound):  # removed by its owner, beside us
            await self._deployments.remove(deployment, None)

    async def _keep(self, entry: Entry, wanted: Wanted) -> Entry:
        changed = msgspec.structs.replace(entry, body=msgspec.json.encode(wanted), revision=entry.revision + 1)
        if not await asyncio.to_thread(self._records.change, changed):
            raise Fault(409, "ABORTED", "The instance was deleted while it was created.")
        return changed

    async def _take(self, entry: Entry, wanted: Wanted, app: KnownApp) -> LeaseDocument:
        """The same lease however often it is asked for: the key is the instance's."""
        ask = Ask(app.manifest.required_resources.needs, None, FOREVER, wanted.site, None, "firm")
        return await self._office.lease(entry.tenant, ask, f"camara-{entry.id}", entry.id)

    async def _give_back(self, entry: Entry, wanted: Wanted) -> None:
        lease = wanted.lease
        if not lease:  # what was being created when something broke: its lease may be there without our knowing
            app = await self._apps.find(entry.parent, None)
            if app is None:
                return
            try:
                lease = (await self._take(entry, wanted, app)).id
            except Refusal as refusal:
                if refusal.category is Category.UNAVAILABLE:
                    raise
                return
        known = await self._office.get_lease(lease, entry.tenant)
        if known.state in ACTIVE:
            await self._office.release(lease, entry.tenant)

    async def _require_fit(self, lease_id: str, tenant: str, zone: Zone, app: KnownApp) -> None:
        try:
            lease = await self._office.get_lease(lease_id, tenant)
        except NotFound as refusal:
            raise invalid("x-maillage-lease", refusal.detail) from None
        if lease.site != zone.site.id:
            raise invalid("x-maillage-lease", f"the lease is at {lease.site}, another store than the zone's")
        if lease.state != "confirmed":
            raise Fault(409, "INCOMPATIBLE_STATE", f"The lease is {lease.state}; an instance needs a confirmed one.")
        for kind, quantity in app.manifest.required_resources.needs.items():
            if to_thousandths(lease.needs.get(kind, 0), kind, minimum=0) < quantity:
                raise invalid("x-maillage-lease", f"the lease has less {kind} than the app requires")


def wanted_of(entry: Entry) -> Wanted:
    return msgspec.json.decode(entry.body, type=Wanted)
