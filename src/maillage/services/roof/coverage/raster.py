"""A raster of one figure over the land, as it is drawn, written as GeoTIFF and cut along contours."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maillage.kernel.geo import FloatArray


class Raster(NamedTuple):
    """Cells that are regular in WGS84 degrees. ``values`` has shape (rows, columns), the first row in the north and the
    first column in the west, NaN where nothing is known. ``west`` and ``north`` are the outer edges of the first cell;
    columns that lie beyond the antimeridian go on counting past 180. ``quantity`` and ``unit`` say what is shown.
    """

    values: NDArray[np.float32]
    west: float
    north: float
    step_lon: float
    step_lat: float
    quantity: str
    unit: str

    @property
    def south(self) -> float:
        return self.north - len(self.values) * self.step_lat

    @property
    def east(self) -> float:
        columns: int = self.values.shape[1]
        return self.west + columns * self.step_lon

    def centre_lons(self) -> FloatArray:
        """Longitudes of the columns' centres, shape (columns,)."""
        return self.west + (np.arange(self.values.shape[1], dtype=np.float64) + 0.5) * self.step_lon

    def centre_lats(self) -> FloatArray:
        """Latitudes of the rows' centres, from north to south, shape (rows,)."""
        return self.north - (np.arange(len(self.values), dtype=np.float64) + 0.5) * self.step_lat
