"""Which site serves which devices: an operator on its roof hands their traffic over there.

The device's packets then go straight into the store, while a store that is nearer on the ground may be reached by way
of the operator's core only, which can be a region away. So the network's path goes before the distance.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from maillage.kernel.prefixes import NoSuchPrefix, Prefixes, address_of
from maillage.kernel.sites import store_of


class Served(msgspec.Struct, frozen=True):
    """``site`` serves the devices in ``network``, an address range in CIDR's notation."""

    site: str
    network: str


class Path(msgspec.Struct, frozen=True):
    """What a site was chosen by, and why: the path through the network, or the distance on the ground."""

    basis: Literal["network", "distance"]
    reason: str


class NetworkPaths:
    """Address ranges and the sites that serve them; of ranges within each other the narrowest holds.

    Any thread may read while another replaces: a reader sees the one table or the other, never parts of both.
    """

    def __init__(self) -> None:
        self._table: Prefixes[Served] = Prefixes()

    def __bool__(self) -> bool:
        return bool(self._table)

    def replace(self, entries: Iterable[tuple[str, str]]) -> None:
        """From now on these and no others: ``(network, site)`` each. A range that several sites claim goes to the
        first. ValueError for what is no range, and all stays as it was."""
        table: Prefixes[Served] = Prefixes()
        for network, site in reversed(list(entries)):
            table.add(network, Served(site, network))
        self._table = table

    def site_of(self, address: str) -> Served | None:
        """Who serves the device with this address. ValueError where it is none."""
        if not self._table:
            return None
        try:
            return self._table.longest(address_of(address))
        except NoSuchPrefix:
            return None


class Routed(msgspec.Struct, frozen=True):
    """What the network's paths said of one device. ``served`` is None where no roof serves it, ``obstacle`` says why
    the site that does can't be taken, "" where it can."""

    device: str
    served: Served | None = None
    obstacle: str = ""

    def path(self, site: str) -> Path:
        """What this site, which is among the answers, was chosen by."""
        if self.served is None:
            return Path("distance", f"no roof serves {self.device}")
        if self.obstacle:
            said = f"{self.served.site}, whose roof serves {self.served.network}, {self.obstacle}"
            return Path("distance", said)
        if store_of(site) == self.served.site:
            return Path("network", f"{self.served.network} breaks out at the roof of {self.served.site}")
        return Path("distance", f"comes after {self.served.site}, whose roof serves {self.served.network}")
