"""App deployments: instances of one app in several zones, kept under one name; all of them are created, or none."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.errors import Refusal
from maillage.kernel.ports import Clock
from maillage.services.compute.camara.apps import Apps
from maillage.services.compute.camara.device import Strict
from maillage.services.compute.camara.faults import Fault, invalid, missing
from maillage.services.compute.camara.instances import LIST_MAX, Id, InstanceRequest, Instances, wanted_of
from maillage.services.compute.camara.manifest import Name
from maillage.services.compute.camara.names import new_id, zone_id
from maillage.services.compute.camara.ports import CamaraRecords, Entry
from maillage.services.compute.camara.subscribing import SubscriptionRequest
from maillage.services.compute.camara.zones import Zones

ZonesWanted = Annotated[list[Id], Meta(max_length=100)]
NAME_MAX = 64


class DeploymentRequest(Strict, frozen=True):
    app_deployment_name: Name
    app_id: Id
    edge_cloud_zones: ZonesWanted
    kubernetes_cluster_refs: ZonesWanted | UnsetType = UNSET
    subscription_request: SubscriptionRequest | UnsetType = UNSET


class DeploymentChange(Strict, frozen=True):
    """A merge patch: what is left out stays, a list is replaced whole."""

    app_deployment_name: Name | UnsetType = UNSET
    edge_cloud_zones: ZonesWanted | UnsetType = UNSET
    kubernetes_cluster_refs: ZonesWanted | UnsetType = UNSET


class Spread(msgspec.Struct, frozen=True):
    """A deployment as it is written down: ids of its instances by those of their zones."""

    name: str
    instances: dict[str, str]


class Deployments:
    """``sees`` None is somebody who may see those of all tenants."""

    def __init__(self, records: CamaraRecords, apps: Apps, zones: Zones, instances: Instances, clock: Clock) -> None:
        self._records = records
        self._apps = apps
        self._zones = zones
        self._instances = instances
        self._clock = clock

    async def create(self, tenant: str, request: DeploymentRequest) -> str:
        """The new deployment's id."""
        if await self._apps.find(request.app_id, tenant) is None:
            raise invalid("appId", "you have submitted no such app")
        self._require_zones(request.edge_cloud_zones, request.kubernetes_cluster_refs)
        name = request.app_deployment_name
        body = msgspec.json.encode(Spread(name, {}))
        entry = Entry(new_id(), "deployment", tenant, _unique(tenant, name), self._clock.now(), body, request.app_id)
        if not await asyncio.to_thread(self._records.add, entry):
            raise _exists()
        try:
            made = await self._add(entry, name, request.edge_cloud_zones)
        except (Refusal, Fault):
            await asyncio.to_thread(self._records.drop, "deployment", entry.id)
            raise
        await self._write(entry, Spread(name, made), made)
        return entry.id

    async def get(self, deployment_id: str, sees: str | None) -> dict[str, Any]:
        return await self._document(await self._entry(deployment_id, sees))

    async def described(self, deployment_id: str) -> dict[str, Any] | None:
        """What its subscribers are told, with the status of each instance; None where it is no more."""
        entry = await asyncio.to_thread(self._records.entry, "deployment", deployment_id)
        if entry is None:
            return None
        document = await self._document(entry)
        described = [await self._instances.described(instance) for instance in document["appInstances"]]
        return {**document, "status": {one["appInstanceId"]: one["status"] for one in described if one is not None}}

    async def list(self, sees: str | None, app: str | None) -> list[dict[str, Any]]:
        """The oldest hundred: CAMARA has no pages for them."""
        entries = await asyncio.to_thread(self._records.entries, "deployment", sees, app)
        return [await self._document(entry) for entry in entries[:LIST_MAX]]

    async def change(self, deployment_id: str, sees: str | None, change: DeploymentChange) -> dict[str, Any]:
        """New instances first, and only when all of them are there those that are wanted no longer go."""
        entry = await self._entry(deployment_id, sees)
        former = _spread(entry)
        zones = list(former.instances) if change.edge_cloud_zones is UNSET else change.edge_cloud_zones
        self._require_zones(zones, change.kubernetes_cluster_refs)
        name = former.name if change.app_deployment_name is UNSET else change.app_deployment_name
        made = await self._add(entry, name, [zone for zone in zones if zone not in former.instances])
        every = {**former.instances, **made}
        changed = await self._write(entry, Spread(name, {zone: every[zone] for zone in zones}), made)
        await self._drop(instance for zone, instance in former.instances.items() if zone not in zones)
        return await self._document(changed)

    async def delete(self, deployment_id: str, sees: str | None) -> None:
        entry = await self._entry(deployment_id, sees)
        await self._drop(_spread(entry).instances.values())
        await asyncio.to_thread(self._records.drop, "deployment", entry.id)

    async def _add(self, entry: Entry, name: str, zones: Sequence[str]) -> dict[str, str]:
        """Instances in these zones, or in none of them."""
        made: dict[str, str] = {}
        try:
            for zone in zones:
                new = InstanceRequest(f"{name[: NAME_MAX - 9]}_{zone[:8]}", entry.parent, zone)
                made[zone] = (await self._instances.create(entry.tenant, new, "")).id
        except (Refusal, Fault):
            await self._drop(made.values())
            raise
        return made

    async def _drop(self, instances: Any) -> None:
        for instance in list(instances):
            found = await asyncio.to_thread(self._records.entry, "instance", instance)
            if found is not None:
                await self._instances.remove(found)

    async def _write(self, entry: Entry, spread: Spread, made: dict[str, str]) -> Entry:
        """Take back what was made for it where somebody else was faster, or has the name."""
        changed = msgspec.structs.replace(
            entry,
            unique=_unique(entry.tenant, spread.name),
            body=msgspec.json.encode(spread),
            revision=entry.revision + 1,
        )
        try:
            if not await asyncio.to_thread(self._records.change, changed):
                raise Fault(409, "ABORTED", "Somebody else changed the deployment at the same time; read it again.")
        except (Refusal, Fault):
            await self._drop(made.values())
            raise
        return changed

    def _require_zones(self, zones: Sequence[str], clusters: Any) -> None:
        if clusters:
            raise invalid("kubernetesClusterRefs", "no zone has Kubernetes clusters; leave it out")
        if len(set(zones)) < len(zones):
            raise invalid("edgeCloudZones", "names a zone twice")
        for zone in zones:
            if self._zones.get(zone) is None:
                raise invalid("edgeCloudZones", f"there is no zone {zone}")

    async def _entry(self, deployment_id: str, sees: str | None) -> Entry:
        entry = await asyncio.to_thread(self._records.entry, "deployment", deployment_id)
        if entry is None or sees not in (None, entry.tenant):
            raise missing("app deployment")
        return entry

    async def _document(self, entry: Entry) -> dict[str, Any]:
        """Instances that were deleted by themselves, and their zones, are shown no longer."""
        spread, alive = _spread(entry), {}
        for instance in spread.instances.values():
            found = await asyncio.to_thread(self._records.entry, "instance", instance)
            if found is not None:
                alive[zone_id(wanted_of(found).site)] = instance
        return {
            "appDeploymentName": spread.name,
            "appDeploymentId": entry.id,
            "appId": entry.parent,
            "edgeCloudZones": list(alive),
            "appInstances": list(alive.values()),
        }


def _spread(entry: Entry) -> Spread:
    return msgspec.json.decode(entry.body, type=Spread)


def _unique(tenant: str, name: str) -> str:
    return f"deployment {tenant} {name}"


def _exists() -> Fault:
    return Fault(409, "ALREADY_EXISTS", "There is a deployment of this name already.")
