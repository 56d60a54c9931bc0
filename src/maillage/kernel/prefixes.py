"""Tables by address range: what is said of the longest prefix that has an address."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

T = TypeVar("T")
Address = IPv4Address | IPv6Address


class NoSuchPrefix(LookupError):
    """No range of the table has the address."""


class Prefixes(Generic[T]):
    """By version and length of the prefix, longest first; the longest that has an address wins."""

    def __init__(self) -> None:
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self._values: dict[tuple[int, int, int], T] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, network: str, value: T) -> None:
        """In place of what was said of the same range. ValueError where it is none, or has bits beyond its prefix."""
        known = ip_network(network)
        self._values[known.version, known.prefixlen, int(known.network_address)] = value
        lengths = self._lengths[known.version]
        if known.prefixlen not in lengths:
            lengths.append(known.prefixlen)
            lengths.sort(reverse=True)

    def longest(self, address: Address) -> T:
        """What is said of the longest range that has this address, or NoSuchPrefix."""
        bits, number = address.max_prefixlen, int(address)
        for length in self._lengths[address.version]:
            key = address.version, length, number >> (bits - length) << (bits - length)
            if key in self._values:
                return self._values[key]
        raise NoSuchPrefix(address)


def address_of(text: str) -> Address:
    """The address that a text means: one of version 4 written as version 6 (``::ffff:203.0.113.7``) is of version 4.
    ValueError where it is none, or names a link beside the address (``fe80::1%eth0``)."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError(f"{text[:64]!r} names a link beside the address")
    return address.ipv4_mapped or address
