"""Where devices are, by their addresses, as far as the operator's table says.

A store's chain sees no radio network. What it can know is which address ranges belong to which place: those of its own
guest networks, and those that an access provider told it. The table is a CSV file, ``network,lat,lon`` a line; a range
without a position is known and has no edge service.
"""

import csv
import io
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from maillage.kernel.errors import Invalid
from maillage.kernel.files import open_data_file
from maillage.kernel.sites import check_position

HEADER = ["network", "lat", "lon"]
Position = tuple[float, float]
"""WGS84 degrees."""


class NoSuchNetwork(LookupError):
    """The table does not have the address."""


class Networks:
    """By version and length of the prefix, longest first; the longest that has an address wins."""

    def __init__(self) -> None:
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        self._positions: dict[tuple[int, int, int], Position | None] = {}

    def __bool__(self) -> bool:
        return bool(self._positions)

    def add(self, network: str, position: Position | None) -> None:
        """ValueError where it is none, or has bits beyond its prefix."""
        known = ip_network(network)
        self._positions[known.version, known.prefixlen, int(known.network_address)] = position
        lengths = self._lengths[known.version]
        if known.prefixlen not in lengths:
            lengths.append(known.prefixlen)
            lengths.sort(reverse=True)

    def position(self, address: IPv4Address | IPv6Address) -> Position | None:
        """Where a device with this address is; None where it is known to be out of the edge's reach."""
        bits, number = address.max_prefixlen, int(address)
        for length in self._lengths[address.version]:
            key = address.version, length, number >> (bits - length) << (bits - length)
            if key in self._positions:
                return self._positions[key]
        raise NoSuchNetwork(address)


def read_networks(path: Path) -> Networks:
    """The table in a file. Invalid naming the line that is wrong."""
    networks = Networks()
    with open_data_file(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        rows = csv.reader(text)
        try:
            if [name.strip() for name in next(rows, [])] != HEADER:
                raise ValueError(f"should begin with {','.join(HEADER)}")
            for row in rows:
                if row:
                    networks.add(*_line(row))
        except (ValueError, csv.Error) as fault:
            raise Invalid(f"line {rows.line_num}", f"{path}: {fault}") from None
    return networks


def _line(row: list[str]) -> tuple[str, Position | None]:
    if len(row) != len(HEADER):
        raise ValueError(f"has {len(row)} fields, not {','.join(HEADER)}")
    network, lat, lon = (field.strip() for field in row)
    if not lat and not lon:
        return network, None
    position = float(lat), float(lon)
    try:
        check_position(*position)
    except Invalid as refusal:
        raise ValueError(refusal.detail) from None
    return network, position
