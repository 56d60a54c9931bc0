"""Rasters round stations: square cells in metres, which are a regular raster in degrees as well."""

import math
from typing import NamedTuple

import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import EARTH_RADIUS_KM, FloatArray, IndexArray

M_PER_DEG = math.radians(1) * EARTH_RADIUS_KM * 1_000
"""Along a meridian."""
RESOLUTION_M = 5.0, 1_000.0
REACH_KM = 0.1, 5.0
"""To the end of the path loss models: TR 38.901 section 7.4.1 gives NLOS up to 5 km."""
FINE_M = 25.0
"""How finely the land of a cell is looked at, where its people are looked up once."""
CELLS_MAX = 4_000_000
"""A raster of one station has at most as many cells; its figures take about 1 GB then."""


class Grid(NamedTuple):
    """Cells in a square round a station, ``side`` times ``side``: centres at odd multiples of half the resolution,
    east and north of it. Flat plane; at 5 km the sphere differs by less than 0.2 % up to 65 degrees of latitude."""

    resolution_m: float
    reach_m: float
    side: int

    @property
    def cell_km2(self) -> float:
        return self.resolution_m**2 / 1e6

    def offsets_m(self) -> FloatArray:
        """Centres of a row of cells, from west to east (or of a column from south to north), shape (side,)."""
        return (np.arange(self.side, dtype=np.float64) - (self.side - 1) / 2) * self.resolution_m

    def centres_m(self) -> tuple[FloatArray, FloatArray]:
        """Metres east and north of all cells, row by row from the south-west, each of shape (side * side,)."""
        offsets = self.offsets_m()
        north, east = np.meshgrid(offsets, offsets, indexing="ij")
        return east.ravel(), north.ravel()

    def finer(self) -> tuple["Grid", IndexArray]:
        """The same square in cells of at most FINE_M, and the cell of this grid that each of them lies in."""
        parts = math.ceil(self.resolution_m / FINE_M)
        side = self.side * parts
        row, column = np.divmod(np.arange(side * side), side)
        return Grid(self.resolution_m / parts, self.reach_m, side), row // parts * self.side + column // parts


def grid_of(resolution_m: float, reach_km: float) -> Grid:
    """The grid, or Invalid for a resolution or a reach that can't be, or that make too many cells."""
    if not RESOLUTION_M[0] <= resolution_m <= RESOLUTION_M[1]:  # also false for NaN
        raise Invalid("resolution", f"{resolution_m:g} m is not from {RESOLUTION_M[0]:g} to {RESOLUTION_M[1]:,.0f} m")
    if not REACH_KM[0] <= reach_km <= REACH_KM[1]:
        raise Invalid("reach", f"{reach_km:g} km is not from {REACH_KM[0]:g} to {REACH_KM[1]:g} km, where models end")
    if resolution_m > 500 * reach_km:
        raise Invalid(
            "resolution", f"{resolution_m:g} m leaves too few cells within {reach_km:g} km; half of it at most"
        )
    side = 2 * math.ceil(reach_km * 1_000 / resolution_m)
    if side * side > CELLS_MAX:
        raise Invalid("resolution", f"{resolution_m:g} m gives {side * side:,} cells; at most {CELLS_MAX:,} are taken")
    return Grid(resolution_m, reach_km * 1_000, side)


def places(
    lat_deg: FloatArray, lon_deg: FloatArray, east_m: FloatArray, north_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes (not wrapped) at offsets from stations, shapes (stations, cells)."""
    lat = lat_deg[:, None] + north_m / M_PER_DEG
    lon = lon_deg[:, None] + east_m / (M_PER_DEG * np.cos(np.radians(lat_deg)))[:, None]
    return lat, lon
