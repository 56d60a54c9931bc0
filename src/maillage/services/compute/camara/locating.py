"""Which device a request is about, where that is, and whose roof serves it."""

from typing import Any

import msgspec
from msgspec import UnsetType

from maillage.kernel.network_paths import NetworkPaths, Served
from maillage.kernel.prefixes import Address, NoSuchPrefix, address_of
from maillage.services.compute.camara.device import Device
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.networks import Networks, Position
from maillage.services.compute.camara.zones import Zone, Zones


class Located(msgspec.Struct, frozen=True):
    """``served`` says which roof serves it, ``zone`` is that store's; None where none does. ``used`` is the identifier
    by which it was found, where the caller gave several."""

    position: Position
    served: Served | None = None
    zone: Zone | None = None
    used: dict[str, Any] | None = None


class Locator:
    """A device that is not in the table is where the store is whose roof serves it."""

    def __init__(self, networks: Networks, paths: NetworkPaths, zones: Zones) -> None:
        self._networks = networks
        self._paths = paths
        self._zones = zones

    def locate(self, device: Device | UnsetType, by_token: str) -> Located:
        """``by_token`` is the address of the device that the access token stands for, "" where it stands for none.

        Fault 422 where no device is named, one too many, or by nothing that is of use here; 404 where nobody knows it.
        """
        if by_token:
            if device is not msgspec.UNSET:
                raise Fault(
                    422, "UNNECESSARY_IDENTIFIER", "The access token names the device already; leave device out."
                )
            return self._located(by_token)
        if isinstance(device, UnsetType):
            raise Fault(422, "MISSING_IDENTIFIER", "The device cannot be identified: the access token names none.")
        given = device.given()
        addresses = {
            "ipv4Address": given.get("ipv4Address", {}).get("publicAddress"),
            "ipv6Address": given.get("ipv6Address"),
        }
        usable = {name: address for name, address in addresses.items() if address}
        if not usable or not (self._networks or self._paths):
            raise Fault(422, "UNSUPPORTED_IDENTIFIER", "Devices are found by ipv4Address or ipv6Address only.")
        name, address = next(iter(usable.items()))
        return self._located(address, {name: given[name]} if len(given) > 1 else None)

    def _located(self, address: str, used: dict[str, Any] | None = None) -> Located:
        try:
            parsed = address_of(address)
        except ValueError:
            raise Fault(
                403, "INVALID_TOKEN_CONTEXT", "The access token names a device by something else than its address."
            ) from None
        served = self._paths.site_of(address)
        zone = None if served is None else self._zones.of_site(served.site)
        return Located(self._position(parsed, zone), served, zone, used)

    def _position(self, address: Address, zone: Zone | None) -> Position:
        try:
            position = self._networks.longest(address)
        except NoSuchPrefix:
            if zone is None:
                raise Fault(404, "IDENTIFIER_NOT_FOUND", "Device identifier not found.") from None
            return zone.site.lat, zone.site.lon
        if position is None:
            raise Fault(422, "SERVICE_NOT_APPLICABLE", "The device's network has no edge service.")
        return position
