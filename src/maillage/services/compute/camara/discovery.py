"""Simple and Optimal Edge Discovery: which stores are best for a device.

The bodies are CAMARA's own and have no place for a reason; so what the best was chosen by is told beside them.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.geo import unit_vector
from maillage.kernel.latency import estimate
from maillage.kernel.network_paths import NetworkPaths
from maillage.services.compute.camara.device import Device, Strict
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.locating import Located, Locator
from maillage.services.compute.camara.networks import Networks
from maillage.services.compute.camara.profiles import Profile, Profiles, Uuid
from maillage.services.compute.camara.zones import Zone, Zones
from maillage.services.compute.follow.stores import km_between

ZONES_MAX = REGIONS_MAX = 20
Region = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9-]+\Z")]


class ClosestRequest(Strict, frozen=True):
    device: Device | UnsetType = UNSET


class OptimalRequest(Strict, frozen=True):
    application_profile_id: Uuid
    device: Device | UnsetType = UNSET
    edge_cloud_region: Region | UnsetType = UNSET


class Discovered(msgspec.Struct, frozen=True):
    """``path`` says what the best was chosen by: the network's path or the distance, and which or why."""

    document: dict[str, Any]
    path: str


class Discovery:
    """The store whose roof serves the device is nearest; the others by their distance on the ground, since of their
    paths through the network nothing is known here."""

    def __init__(self, zones: Zones, networks: Networks, paths: NetworkPaths, profiles: Profiles) -> None:
        self._zones = zones
        self._locator = Locator(networks, paths, zones)
        self._profiles = profiles

    def locate(self, device: Device | UnsetType, by_token: str) -> Located:
        """Where a device is; see ``Locator``."""
        return self._locator.locate(device, by_token)

    def nearest(self, located: Located) -> Iterator[tuple[Zone, float]]:
        """Active zones and their distance in km: the one that serves the device, then the nearest first."""
        serving = located.zone if located.zone is not None and located.zone.status == "active" else None
        if serving is not None:
            yield serving, km_between(unit_vector(*located.position), unit_vector(serving.site.lat, serving.site.lon))
        for zone, km in self._zones.nearest(located.position):
            if serving is None or zone.id != serving.id:
                yield zone, km

    def closest(self, request: ClosestRequest, by_token: str) -> Discovered:
        located = self.locate(request.device, by_token)
        for zone, _ in self.nearest(located):
            return Discovered({**zone.brief(), **said(located)}, path_to(zone, located))
        raise Fault(422, "SERVICE_NOT_APPLICABLE", "No edge cloud zone is active now.")

    def regions(self) -> list[str]:
        """Those that have an active zone, by name."""
        found = {zone.region for zone in self._zones.all() if zone.region and zone.status == "active"}
        return sorted(found)[:REGIONS_MAX]

    async def optimal(self, request: OptimalRequest, sees: str | None, by_token: str) -> Discovered:
        """Zones with room for what the profile asks, within its delay budget, nearest first."""
        located = self.locate(request.device, by_token)
        profile = await self._profiles.find(request.application_profile_id, sees)
        fitting = (
            zone
            for zone, km in self.nearest(located)
            if _within(profile, km) and self._suits(zone, profile, request.edge_cloud_region)
        )
        found = list(islice(fitting, ZONES_MAX))
        if not found:
            raise Fault(404, "NOT_FOUND", "No edge cloud zone meets the application profile and the filter.")
        zones = {"edgeCloudZones": [zone.document() for zone in found]}
        document = {**zones, "applicationProfileId": profile.application_profile_id, **said(located)}
        return Discovered(document, path_to(found[0], located))

    def _suits(self, zone: Zone, profile: Profile, region: str | UnsetType) -> bool:
        return (region is UNSET or zone.region == region) and self._zones.has_room(zone, profile.needs)


def said(located: Located) -> dict[str, Any]:
    """The identifier that was used, where there was a choice."""
    return {} if located.used is None else {"device": located.used}


def path_to(zone: Zone, located: Located) -> str:
    """What a zone that came out first was chosen by, as a header says it."""
    served, serving = located.served, located.zone
    if served is None:
        return 'distance; reason="no roof serves the device"'
    if serving is None:
        obstacle = "is not known here"
    elif serving.id == zone.id:
        return f"network; site={served.site}; network={served.network}"
    else:
        obstacle = "does not suit" if serving.status == "active" else f"is {serving.status}"
    return f'distance; reason="{served.site}, whose roof serves {served.network}, {obstacle}"'


def _within(profile: Profile, km: float) -> bool:
    return profile.within_ms is None or estimate(km).ms <= profile.within_ms
