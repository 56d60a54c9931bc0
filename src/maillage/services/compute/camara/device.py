"""Devices as callers name them, checked as CAMARA's schemas have it."""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

PhoneNumber = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}\Z")]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Base of what comes in: a property that is not declared is refused, and so is null."""


class DeviceIpv4(Strict, frozen=True):
    """As CAMARA_common has it: the public address, and the private one or a port."""

    public_address: Annotated[str, Meta(max_length=15)]
    private_address: Annotated[str, Meta(max_length=15)] | UnsetType = UNSET
    public_port: Port | UnsetType = UNSET

    def __post_init__(self) -> None:
        IPv4Address(self.public_address)
        if self.private_address is UNSET and self.public_port is UNSET:
            raise ValueError("publicAddress goes with publicPort or privateAddress")
        if self.private_address is not UNSET:
            IPv4Address(self.private_address)


class Device(Strict, frozen=True):
    """One identifier at least; which of them are of use here is another question."""

    phone_number: PhoneNumber | UnsetType = UNSET
    network_access_identifier: Annotated[str, Meta(max_length=2_048)] | UnsetType = UNSET
    ipv4_address: DeviceIpv4 | UnsetType = UNSET
    ipv6_address: Annotated[str, Meta(max_length=45)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.given():
            raise ValueError("a device has at least one identifier")
        if self.ipv6_address is not UNSET:
            if "%" in self.ipv6_address:
                raise ValueError("ipv6Address has no zone")
            IPv6Address(self.ipv6_address)

    def given(self) -> dict[str, Any]:
        """The identifiers that were sent, by their outside names."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
