"""Which device a request is about, and where that is."""

from ipaddress import ip_address
from typing import Any

import msgspec
from msgspec import UnsetType

from maillage.services.compute.camara.device import Device
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.networks import Networks, NoSuchNetwork, Position


class Located(msgspec.Struct, frozen=True):
    """``used`` is the identifier by which it was found, where the caller gave several."""

    position: Position
    used: dict[str, Any] | None = None


def locate(networks: Networks, device: Device | UnsetType, by_token: str) -> Located:
    """``by_token`` is the address of the device that the access token stands for, "" where it stands for none.

    Fault 422 where no device is named, one too many, or by nothing that is of use here; 404 where nobody knows it.
    """
    if by_token:
        if device is not msgspec.UNSET:
            raise Fault(422, "UNNECESSARY_IDENTIFIER", "The access token names the device already; leave device out.")
        return Located(_position(networks, by_token))
    if isinstance(device, UnsetType):
        raise Fault(422, "MISSING_IDENTIFIER", "The device cannot be identified: the access token names none.")
    given = device.given()
    addresses = {
        "ipv4Address": given.get("ipv4Address", {}).get("publicAddress"),
        "ipv6Address": given.get("ipv6Address"),
    }
    usable = {name: address for name, address in addresses.items() if address}
    if not usable or not networks:
        raise Fault(422, "UNSUPPORTED_IDENTIFIER", "Devices are found by ipv4Address or ipv6Address only.")
    name, address = next(iter(usable.items()))
    position = _position(networks, address)
    return Located(position, {name: given[name]} if len(given) > 1 else None)


def _position(networks: Networks, address: str) -> Position:
    try:
        position = networks.position(ip_address(address))
    except NoSuchNetwork:
        raise Fault(404, "IDENTIFIER_NOT_FOUND", "Device identifier not found.") from None
    except ValueError:
        raise Fault(
            403, "INVALID_TOKEN_CONTEXT", "The access token names a device by something else than its address."
        ) from None
    if position is None:
        raise Fault(422, "SERVICE_NOT_APPLICABLE", "The device's network has no edge service.")
    return position
