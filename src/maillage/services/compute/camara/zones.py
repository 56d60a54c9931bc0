"""Zones: every store of the chain, as CAMARA shows it."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from maillage.kernel.ledger import Ledger
from maillage.kernel.office import Office
from maillage.kernel.pools import Pool
from maillage.kernel.sites import HOLDING, Site
from maillage.kernel.times import FOREVER
from maillage.services.compute.camara.names import NAME_MAX, plain, zone_id
from maillage.services.compute.camara.networks import Position

COUNTRY_UNKNOWN = "ZZ"
"""ISO 3166-1 leaves it to users, and CLDR uses it for a territory that is not known."""
FIRST_LOOK = 32

Status = Literal["active", "inactive", "unknown"]


class Zone(msgspec.Struct, frozen=True):
    """``region`` is "" for a store without one."""

    id: str
    site: Site
    provider: str
    status: Status

    @property
    def name(self) -> str:
        return self.site.name[:NAME_MAX]

    @property
    def region(self) -> str:
        return plain(self.site.region)

    @property
    def country(self) -> str:
        return self.site.country.upper() or COUNTRY_UNKNOWN

    def brief(self) -> dict[str, Any]:
        """What Simple Edge Discovery shows."""
        return {"edgeCloudZoneId": self.id, "edgeCloudZoneName": self.name, "edgeCloudProvider": self.provider}

    def document(self) -> dict[str, Any]:
        """What Optimal Edge Discovery shows."""
        region = {"edgeCloudRegion": self.region} if self.region else {}
        return {**self.brief(), **region, "edgeCloudZoneStatus": self.status}

    def plain_document(self) -> dict[str, Any]:
        """The same with the name as Application Endpoint Discovery allows it."""
        return {**self.document(), "edgeCloudZoneName": plain(self.site.name) or plain(self.site.id)}

    def managed_document(self) -> dict[str, Any]:
        """What Edge Application Management shows."""
        return {**self.document(), "countryCode": self.country}


class Zones:
    """``provider`` is the chain's name: letters, digits and hyphens."""

    def __init__(self, office: Office, provider: str) -> None:
        self._office = office
        self._provider = provider
        self._sites: dict[str, str] = {}

    def all(self) -> list[Zone]:
        """In order of the stores' ids, so that pages hold still."""
        ledger = self._ledger()
        return [self._zone(ledger, ledger.sites[site]) for site in sorted(ledger.sites) if HOLDING not in site]

    def get(self, wanted: str) -> Zone | None:
        ledger = self._ledger()
        site = self._sites.get(wanted)
        if site is None:  # a store that came since, or none at all
            self._sites = {zone_id(name): name for name in ledger.sites if HOLDING not in name}
            site = self._sites.get(wanted)
        return None if site is None else self._zone(ledger, ledger.sites[site])

    def of_site(self, site: str) -> Zone | None:
        return self.get(zone_id(site))

    def nearest(self, place: Position) -> Iterator[tuple[Zone, float]]:
        """Active zones and their distance in km, nearest first."""
        ledger, seen, look = self._ledger(), 0, FIRST_LOOK
        while seen < len(ledger.sites):
            near = self._office.nearest_sites(*place, look)
            for one in near[seen:]:
                if HOLDING not in one.site.id:
                    zone = self._zone(ledger, one.site)
                    if zone.status == "active":
                        yield zone, one.distance_km
            seen, look = look, look * 8

    def has_room(self, zone: Zone, needs: dict[str, int]) -> bool:
        """Whether an open-ended firm lease would fit there now; a hint."""
        view = self._office.glance()
        pools = view.ledger.pools[zone.site.id]
        return all(kind in pools and pools[kind].has_room(view.now, FOREVER, needs[kind], False) for kind in needs)

    def _ledger(self) -> Ledger:
        return self._office.glance().ledger

    def _zone(self, ledger: Ledger, site: Site) -> Zone:
        return Zone(zone_id(site.id), site, self._provider, self._status(ledger, site.id))

    def _status(self, ledger: Ledger, site: str) -> Status:
        """Unknown where the link is lost, inactive where the store has nothing to compute on."""
        shut = self._office.finder.shut
        if shut is not None and shut(site) is not None:
            return "unknown"
        cpu: Pool | None = ledger.pools[site].get("cpu")
        return "inactive" if cpu is None or not cpu.size_at(self._office.glance().now) else "active"
