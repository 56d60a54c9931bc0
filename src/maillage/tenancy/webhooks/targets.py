"""Where a webhook may lead: to the public internet, never to what only this server can reach.

An address is looked at as text when it is registered, and what its name resolves to is looked at then and again each
time: names can be made to lead elsewhere in between, so a request goes to the very address that was looked at.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import msgspec

from maillage.kernel.errors import Invalid

URL_MAX = 2_048
RESOLVE_WITHIN_S = 5.0
_RESOLVERS = ThreadPoolExecutor(32, "webhook-names")
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # what RFC 3986 allows in a URL, %-escapes included
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_DEFAULT_PORTS = {"https": 443, "http": 80}

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its addresses, the best first; OSError where there are none."""

_KEPT_FROM = tuple(
    ipaddress.ip_network(network)
    for network in (
        # IANA's special-purpose registries, as far as they are not for the public, and multicast (RFC 6890, RFC 5771).
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
        *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        # A cloud's own answer to its machines that lies in the public range: Azure's virtual public address.
        "168.63.129.16/32",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Target(msgspec.Struct, frozen=True):
    """A URL in its parts; ``host`` in lower case, without brackets; ``path`` with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _DEFAULT_PORTS[self.scheme] else f"{name}:{self.port}"

    def url_at(self, address: str) -> str:
        """The URL with an address in the place of the name."""
        shown = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{shown}:{self.port}{self.path}"


def parse_target(url: str, allow_local: bool) -> Target:
    """Invalid for what is no plain https URL; http passes with ``allow_local``, for loopback as ``resolved`` finds."""
    if not 1 <= len(url) <= URL_MAX:
        raise Invalid("url", f"has {len(url)} characters; 1 to {URL_MAX} are taken")
    if not _PLAIN.fullmatch(url):
        raise Invalid("url", "holds characters that a URL can't have; write others than ASCII with %-escapes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise Invalid("url", f"is no URL: {fault}") from None
    if parts.scheme not in (("https", "http") if allow_local else ("https",)):
        raise Invalid("url", "must begin with https://")
    if "@" in parts.netloc:
        raise Invalid("url", "must not hold a user or a password; whoever receives checks the signature instead")
    if parts.fragment or url.endswith("#"):
        raise Invalid("url", "must not have a #fragment, which is never sent")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or port == 0:
        raise Invalid("url", "needs a host name such as hooks.example.com, and a port of 1 to 65535 if any")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


async def resolved(target: Target, allow_local: bool, resolve: Resolve) -> list[str]:
    """The addresses that a target leads to now. Invalid where there are none, or one of them is not for webhooks:
    with a choice among several, whoever owns the name would have another try at every request."""
    try:
        async with asyncio.timeout(RESOLVE_WITHIN_S):
            addresses = await resolve(target.host, target.port)
    except (OSError, UnicodeError, TimeoutError):
        addresses = []
    if not addresses:
        raise Invalid("url", f"{target.host[:100]!r} can't be resolved to an address")
    for address in addresses:
        loopback = allow_local and _is_loopback(address)
        if not loopback and (target.scheme == "http" or not is_public(address)):
            raise Invalid("url", _why_not(target, allow_local))
    return addresses


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, also by what is wrapped in it."""
    try:
        plain = _unwrapped(ipaddress.ip_address(address))
    except ValueError:  # not an address, or one with a zone, which is local by its nature
        return False
    return plain.is_global and not any(plain.version == net.version and plain in net for net in _KEPT_FROM)


async def resolve_by_system(host: str, port: int) -> list[str]:
    """As the system resolves names, in threads of its own: a name whose servers never answer may hold one for long."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_loopback(address: str) -> bool:
    try:
        return _unwrapped(ipaddress.ip_address(address)).is_loopback
    except ValueError:
        return False


def _unwrapped(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError("an address with a zone")
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _why_not(target: Target, allow_local: bool) -> str:
    if target.scheme == "http":
        return "http is taken for loopback addresses only; use https"
    kept = "private, link-local and other special addresses" if allow_local else "addresses inside a network"
    return f"{target.host[:100]!r} leads to an address that is not public; nothing is sent to {kept}"
