"""What a coverage map can show of stations: the chance of a signal, power, SINR, or who serves where."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from maillage.services.roof.coverage.contours import contours
from maillage.services.roof.coverage.geotiff import write_geotiff
from maillage.services.roof.coverage.picture import draw
from maillage.services.roof.coverage.raster import Raster
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.coverage.together import Field, checked_load
from maillage.services.roof.radio.validity import Place

Quantity = Literal["probability", "power", "sinr", "server"]
LEVELS: dict[Quantity, Sequence[float]] = {
    "probability": (0.1, 0.5, 0.75, 0.9, 0.95),
    "power": (-110, -100, -90, -80, -70, -60, -50),
    "sinr": (-3, 0, 5, 10, 15, 20),
}
"""At which contours are cut: shares, dBm over the whole band, dB. Who serves where has no levels."""


def map_of(field: Field, quantity: Quantity, place: Place, load: float) -> Raster:
    """The raster of a quantity at a place; stations are numbered from 1 in the order in which they were given."""
    checked_load(load)
    cells, lattice = field.cells, field.lattice
    if quantity == "probability":
        return lattice.raster(cells, field.chance[place], "coverage probability", "share")
    if quantity == "power":
        return lattice.raster(cells, field.power_dbm - field.indoors_db[place], "received power", "dBm")
    if quantity == "sinr":
        return lattice.raster(cells, field.sinr_db(place, load), "SINR", "dB")
    return lattice.raster(cells, field.server.astype(np.float64) + 1, "best server", "station")


def write_maps(
    raster: Raster,
    quantity: Quantity,
    title: str,
    stations: Sequence[Station],
    png: Path | None,
    geotiff: Path | None,
    geojson: Path | None,
) -> None:
    """Write the raster into those files that are named. OSError where one can't be written."""
    if png is not None:
        draw(raster, title, [(station.lat, station.lon) for station in stations], png)
    if geotiff is not None:
        write_geotiff(raster, geotiff)
    if geojson is not None:
        geojson.write_bytes(msgspec.json.encode(contours(raster, LEVELS[quantity])) + b"\n")
