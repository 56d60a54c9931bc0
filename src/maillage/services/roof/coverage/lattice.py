"""One raster under several stations: regular in degrees, kept only where one of them is within reach."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.services.roof.coverage.grid import M_PER_DEG, Grid
from maillage.services.roof.coverage.raster import Raster
from maillage.services.roof.coverage.station import Station

CELLS_MAX = 15_000_000
"""Of all stations' circles together, and of a raster drawn of them: some 1.5 GB of memory."""
CellArray = NDArray[np.int64]


class Lattice(NamedTuple):
    """Cells numbered from the south-west, row by row. ``west`` and ``south`` are the outer edges in degrees, ``steps``
    those of a cell. Cells are square at the middle latitude, narrower towards the pole and wider towards the equator;
    what each covers is counted by its true area."""

    west: float
    south: float
    step_lon: float
    step_lat: float
    rows: int
    columns: int

    def within(self, station: Station, reach_m: float) -> tuple[CellArray, FloatArray, FloatArray]:
        """Cells whose centres are at most ``reach_m`` from the station, with their distances and bearings."""
        metres_lon = M_PER_DEG * math.cos(math.radians(station.lat))
        east = (station.lon - self.west) % 360 / self.step_lon
        north = (station.lat - self.south) / self.step_lat
        columns = _around(east, reach_m / (metres_lon * self.step_lon), self.columns)
        rows = _around(north, reach_m / (M_PER_DEG * self.step_lat), self.rows)
        east_m = (columns + 0.5 - east) * (self.step_lon * metres_lon)
        north_m = (rows + 0.5 - north) * (self.step_lat * M_PER_DEG)
        d2d_m = np.hypot(east_m[None, :], north_m[:, None])
        near = d2d_m <= reach_m
        bearing_deg = np.degrees(np.arctan2(*np.broadcast_arrays(east_m[None, :], north_m[:, None])))
        cells = rows[:, None] * self.columns + columns[None, :]
        return cells[near], d2d_m[near], bearing_deg[near]

    def centres(self, cells: CellArray) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes (not wrapped) of cells."""
        rows, columns = np.divmod(cells, self.columns)
        return self.south + (rows + 0.5) * self.step_lat, self.west + (columns + 0.5) * self.step_lon

    def km2(self, cells: CellArray) -> FloatArray:
        """Areas of cells."""
        lat, _ = self.centres(cells)
        square: FloatArray = self.step_lat * self.step_lon * M_PER_DEG**2 * np.cos(np.radians(lat)) / 1e6
        return square

    def raster(self, cells: CellArray, values: FloatArray, quantity: str, unit: str) -> Raster:
        """The cells' values amid nothing. Invalid where the whole raster would be too large."""
        if self.rows * self.columns > CELLS_MAX:
            raise Invalid(
                "resolution",
                f"a map of all stations has {self.rows:,} by {self.columns:,} cells, and at most {CELLS_MAX:,} in all"
                " are drawn; give a coarser resolution or stations nearer to each other",
            )
        filled = np.full(self.rows * self.columns, np.nan, np.float32)
        filled[cells] = values
        north = self.south + self.rows * self.step_lat
        shown = filled.reshape(self.rows, self.columns)[::-1]
        return Raster(np.ascontiguousarray(shown), self.west, north, self.step_lon, self.step_lat, quantity, unit)


def lattice_of(stations: Sequence[Station], grid: Grid) -> Lattice:
    """The raster under these stations (one or more), in cells as large as the grid's at the middle latitude."""
    circles = len(stations) * math.pi * (grid.reach_m / grid.resolution_m) ** 2
    if circles > CELLS_MAX:
        raise Invalid(
            "resolution",
            f"{len(stations):,} stations have {circles:,.0f} cells of {grid.resolution_m:g} m; at most {CELLS_MAX:,}"
            " are taken",
        )
    lats = [each.lat for each in stations]
    middle = _mean_lon([each.lon for each in stations])
    along = [(each.lon - middle + 180) % 360 - 180 for each in stations]
    far_lat = max(map(abs, lats)) + grid.reach_m / M_PER_DEG
    reach_lat, reach_lon = grid.reach_m / M_PER_DEG, grid.reach_m / (M_PER_DEG * math.cos(math.radians(far_lat)))
    step_lat = grid.resolution_m / M_PER_DEG
    step_lon = step_lat / math.cos(math.radians((min(lats) + max(lats)) / 2))
    rows = math.ceil((max(lats) - min(lats) + 2 * reach_lat) / step_lat)
    columns = math.ceil((max(along) - min(along) + 2 * reach_lon) / step_lon)
    west = (middle + min(along) - reach_lon + 180) % 360 - 180
    return Lattice(west, min(lats) - reach_lat, step_lon, step_lat, rows, columns)


def _around(at: float, reach: float, count: int) -> CellArray:
    """Numbers of the cells along one axis that may be within reach."""
    return np.arange(max(0, math.floor(at - reach)), min(count, math.ceil(at + reach) + 1), dtype=np.int64)


def _mean_lon(lons: Sequence[float]) -> float:
    """The middle of longitudes on their circle, so that a chain on both sides of the antimeridian is not torn."""
    return math.degrees(
        math.atan2(sum(math.sin(math.radians(lon)) for lon in lons), sum(math.cos(math.radians(lon)) for lon in lons))
    )
