"""Where devices are, by their addresses, as far as the operator's table says.

A store's chain sees no radio network. What it can know is which address ranges belong to which place: those of its own
guest networks, and those that an access provider told it. The table is a CSV file, ``network,lat,lon`` a line; a range
without a position is known and has no edge service.
"""

import csv
import io
from pathlib import Path

from maillage.kernel.errors import Invalid
from maillage.kernel.files import open_data_file
from maillage.kernel.prefixes import Prefixes
from maillage.kernel.sites import check_position

HEADER = ["network", "lat", "lon"]
Position = tuple[float, float]
"""WGS84 degrees."""


Networks = Prefixes[Position | None]
"""None is for devices that are known to be out of the edge's reach."""


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
