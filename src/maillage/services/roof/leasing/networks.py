"""Address ranges of an operator's subscribers: whose traffic can be handed over at a roof."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from maillage.kernel.errors import Invalid
from maillage.services.roof.leasing.errors import NetworkTaken
from maillage.services.roof.leasing.model import IN_FORCE, RoofLease

NETWORKS_MAX = 64
WIDEST = {4: 8, 6: 16}
"""The shortest prefixes: what is wider is no operator's."""
Network = IPv4Network | IPv6Network


def read_networks(texts: Sequence[str]) -> tuple[str, ...]:
    """Ranges in CIDR's notation as they are kept, each once and in the order given. Invalid for what is none, has bits
    beyond its prefix, is wider than any operator's can be, or holds no host that can be reached through others
    (loopback, link-local, multicast, reserved)."""
    if len(texts) > NETWORKS_MAX:
        raise Invalid("networks", f"there are {len(texts)}, a roof lease has at most {NETWORKS_MAX}")
    return tuple(dict.fromkeys(str(_network(text, f"networks[{number}]")) for number, text in enumerate(texts)))


def require_free(lease: RoofLease, networks: Iterable[str], others: Iterable[RoofLease]) -> None:
    """NetworkTaken where another tenant's lease in force names a range that overlaps."""
    wanted = [ip_network(text) for text in networks]
    for other in others:
        if other.tenant == lease.tenant or other.state not in IN_FORCE:
            continue
        for text in other.subscriber_networks:
            known = ip_network(text)
            for network in wanted:
                if network.version == known.version and network.overlaps(known):
                    raise NetworkTaken(
                        f"{network} overlaps what another operator named for a roof lease of its own; name only ranges "
                        "of your own subscribers, or have the chain's operator settle whose they are",
                        network=str(network),
                    )


def _network(text: str, field: str) -> Network:
    try:
        network = _without_scope(ip_network(text))
    except ValueError as fault:
        told = "has bits beyond its prefix" if "host bits" in str(fault) else "is no address range"
        raise Invalid(field, f"{text[:64]!r} {told}; write it such as 203.0.113.0/24 or 2001:db8::/32") from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Invalid(field, f"{text[:64]} is of version 4: write it such as 203.0.113.0/24")
    if network.is_loopback or network.is_link_local or network.is_multicast or network.is_reserved:
        raise Invalid(field, f"{text[:64]} is set aside for other uses, and no subscriber's")
    if network.prefixlen < WIDEST[network.version]:
        raise Invalid(field, f"{text[:64]} is wider than /{WIDEST[network.version]}, and no operator's")
    return network


def _without_scope(network: Network) -> Network:
    """ValueError where it names a link beside the address (``fe80::%eth0``)."""
    if isinstance(network, IPv6Network) and network.network_address.scope_id is not None:
        raise ValueError("a link is named")
    return network


class ServedNetworks:
    """Which ranges the roofs that are on air serve, as known since the last ``refresh``."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []
        """(network, site, roof lease), in order of when the leases were made."""
        self.on_change: list[Callable[[], None]] = []
        """Called after ``entries`` changed. Called within the loop: they must not wait."""

    def refresh(self, leases: Iterable[RoofLease]) -> None:
        """Take over what these leases say."""
        entries = [
            (network, lease.site, lease.id)
            for lease in leases
            if lease.state == "on_air" and not lease.given_back
            for network in lease.subscriber_networks
        ]
        if entries != self.entries:
            self.entries = entries
            for tell in self.on_change:
                tell()
