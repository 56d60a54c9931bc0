"""Simple and Optimal Edge Discovery: which stores are best for a device."""

from itertools import islice
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.latency import estimate
from maillage.services.compute.camara.device import Device, Strict
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.locating import Located, locate
from maillage.services.compute.camara.networks import Networks
from maillage.services.compute.camara.profiles import Profile, Profiles, Uuid
from maillage.services.compute.camara.zones import Zone, Zones

ZONES_MAX = REGIONS_MAX = 20
Region = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9-]+\Z")]


class ClosestRequest(Strict, frozen=True):
    device: Device | UnsetType = UNSET


class OptimalRequest(Strict, frozen=True):
    application_profile_id: Uuid
    device: Device | UnsetType = UNSET
    edge_cloud_region: Region | UnsetType = UNSET


class Discovery:
    """Nearness is that on the ground: of the network's paths nothing is measured here."""

    def __init__(self, zones: Zones, networks: Networks, profiles: Profiles) -> None:
        self._zones = zones
        self._networks = networks
        self._profiles = profiles

    def locate(self, device: Device | UnsetType, by_token: str) -> Located:
        """Where a device is; see ``locating.locate``."""
        return locate(self._networks, device, by_token)

    def closest(self, request: ClosestRequest, by_token: str) -> dict[str, Any]:
        located = self.locate(request.device, by_token)
        for zone, _ in self._zones.nearest(located.position):
            return {**zone.brief(), **said(located)}
        raise Fault(422, "SERVICE_NOT_APPLICABLE", "No edge cloud zone is active now.")

    def regions(self) -> list[str]:
        """Those that have an active zone, by name."""
        found = {zone.region for zone in self._zones.all() if zone.region and zone.status == "active"}
        return sorted(found)[:REGIONS_MAX]

    async def optimal(self, request: OptimalRequest, sees: str | None, by_token: str) -> dict[str, Any]:
        """Zones with room for what the profile asks, within its delay budget, nearest first."""
        located = self.locate(request.device, by_token)
        profile = await self._profiles.find(request.application_profile_id, sees)
        fitting = (
            zone
            for zone, km in self._zones.nearest(located.position)
            if _within(profile, km) and self._suits(zone, profile, request.edge_cloud_region)
        )
        found = [zone.document() for zone in islice(fitting, ZONES_MAX)]
        if not found:
            raise Fault(404, "NOT_FOUND", "No edge cloud zone meets the application profile and the filter.")
        return {"edgeCloudZones": found, "applicationProfileId": profile.application_profile_id, **said(located)}

    def _suits(self, zone: Zone, profile: Profile, region: str | UnsetType) -> bool:
        return (region is UNSET or zone.region == region) and self._zones.has_room(zone, profile.needs)


def said(located: Located) -> dict[str, Any]:
    """The identifier that was used, where there was a choice."""
    return {} if located.used is None else {"device": located.used}


def _within(profile: Profile, km: float) -> bool:
    return profile.within_ms is None or estimate(km).ms <= profile.within_ms
