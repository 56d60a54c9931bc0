"""Application Endpoint Discovery: where a device best reaches an app, in the order of ``Discovery.nearest``."""

import asyncio
from typing import Any

from msgspec import UNSET, UnsetType

from maillage.services.compute.camara.apps import Apps
from maillage.services.compute.camara.device import Device, Strict
from maillage.services.compute.camara.discovery import Discovered, Discovery, path_to, said
from maillage.services.compute.camara.faults import Fault, missing
from maillage.services.compute.camara.instances import Instances, wanted_of
from maillage.services.compute.camara.names import zone_id
from maillage.services.compute.camara.ports import CamaraRecords, Entry
from maillage.services.compute.camara.profiles import Uuid
from maillage.services.compute.camara.zones import Zone

ENDPOINTS_MAX = 20


class EndpointsRequest(Strict, frozen=True):
    device: Device | UnsetType = UNSET
    application_endpoints_id: Uuid | UnsetType = UNSET
    app_id: Uuid | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.application_endpoints_id is UNSET and self.app_id is UNSET:
            raise ValueError("one of appId and applicationEndpointsId must be there")


class Endpoints:
    """Lists of endpoints outside the chain are not kept here, so no ``applicationEndpointsId`` is known."""

    def __init__(self, records: CamaraRecords, discovery: Discovery, apps: Apps, instances: Instances) -> None:
        self._records = records
        self._discovery = discovery
        self._apps = apps
        self._instances = instances

    async def optimal(
        self, request: EndpointsRequest, sees: str | None, by_token: str, access: dict[str, Any]
    ) -> Discovered:
        """Of the app's ready instances. ``access`` is where apps are called, as AccessEndpoint has it."""
        located = self._discovery.locate(request.device, by_token)
        if request.app_id is UNSET:
            raise missing("list of application endpoints")
        app_id = request.app_id.lower()
        app = await self._apps.find(app_id, sees)
        if app is None or request.application_endpoints_id is not UNSET:
            raise missing("app" if app is None else "list of application endpoints")
        ready = {zone_id(wanted_of(entry).site) for entry in await self._ready(app_id)}
        found: list[Zone] = []
        for zone, _ in self._discovery.nearest(located):
            if zone.id in ready:
                ready.discard(zone.id)
                found.append(zone)
            if not ready or len(found) == ENDPOINTS_MAX:
                break
        if not found:
            raise Fault(404, "NOT_FOUND", "The app has no instance that is ready.")
        described = {"applicationEndpointDescription": f"HTTP below /run/{app.version.app}/"}
        document = {
            "applicationEndpoints": [{**access, "edgeCloudZone": zone.plain_document(), **described} for zone in found],
            "appId": app_id,
            "applicationServerProviderName": app.manifest.app_provider,
            **said(located),
        }
        return Discovered(document, path_to(found[0], located))

    async def _ready(self, app_id: str) -> list[Entry]:
        entries = await asyncio.to_thread(self._records.entries, "instance", None, app_id)
        return [entry for entry in entries if await self._instances.status(entry) == "ready"]
