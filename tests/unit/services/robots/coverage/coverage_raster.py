"""A second measure of coverage that shares no code with the planner's: a raster of 5 cm, and distances to edges."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CELL_M = 0.05
Ring = list[tuple[float, float]]
Mask = NDArray[np.bool_]


@dataclass
class Measured:
    """``gap_m`` is the least distance of the path to an edge, negative where it is off the floor."""

    reachable_m2: float
    covered: float
    ratio: float
    gap_m: float


def measured(rings: list[Ring], path: list[tuple[float, float]], width_m: float, radius_m: float) -> Measured:
    """Of a floor as an outer ring and holes."""
    raster = Raster(rings)
    reachable = raster.reachable(width_m, radius_m)
    swept = raster.near(np.array(path), width_m / 2 + 1e-6)
    area = float(reachable.sum()) * CELL_M**2
    length = float(np.hypot(*np.diff(np.array(path), axis=0).T).sum())
    return Measured(
        area,
        float((swept & reachable).sum() / reachable.sum()),
        length * width_m / area,
        raster.least_gap(np.array(path)),
    )


class Raster:
    """The cells of a floor; a cell is its centre."""

    def __init__(self, rings: list[Ring]) -> None:
        self.rings = [np.array(ring, np.float64) for ring in rings]
        low, high = self.rings[0].min(axis=0) - 2 * CELL_M, self.rings[0].max(axis=0) + 2 * CELL_M
        self.x = np.arange(low[0], high[0], CELL_M) + CELL_M / 2
        self.y = np.arange(low[1], high[1], CELL_M) + CELL_M / 2
        self.floor = self._inside()

    def _inside(self) -> Mask:
        """Even-odd over all rings, a row of cells at a time."""
        mask = np.zeros((len(self.y), len(self.x)), np.bool_)
        for one, other in self._edges():
            above = (one[1] > self.y) != (other[1] > self.y)
            if above.any():
                cut = one[0] + (self.y[above] - one[1]) * (other[0] - one[0]) / (other[1] - one[1])
                mask[above] ^= self.x[None, :] > cut[:, None]
        return mask

    def _edges(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        return [(ring[n - 1], ring[n]) for ring in self.rings for n in range(len(ring))]

    def reachable(self, width_m: float, radius_m: float) -> Mask:
        """What a disc as wide as the brush touches from the largest part in which the robot's centre can be."""
        blocked = np.zeros_like(self.floor)
        for one, other in self._edges():
            blocked |= self.near(np.array([one, other]), radius_m - 1e-9)
        rooms, _ = ndimage.label(self.floor & ~blocked)
        largest = rooms == np.argmax(np.bincount(rooms.ravel())[1:]) + 1
        away = ndimage.distance_transform_edt(~largest) * CELL_M
        return (away <= width_m / 2 + 1e-9) & self.floor

    def near(self, path: NDArray[np.float64], radius_m: float) -> Mask:
        """The cells within a distance of a path."""
        mask = np.zeros_like(self.floor)
        for one, other in pairwise(path):
            pieces = max(1, int(np.ceil(np.hypot(*(other - one)) / 1.0)))
            for n in range(pieces):
                a, b = one + (other - one) * n / pieces, one + (other - one) * (n + 1) / pieces
                self._stamp(mask, a, b, radius_m)
        return mask

    def _stamp(self, mask: Mask, a: NDArray[np.float64], b: NDArray[np.float64], radius_m: float) -> None:
        columns = slice(*np.searchsorted(self.x, [min(a[0], b[0]) - radius_m, max(a[0], b[0]) + radius_m]))
        rows = slice(*np.searchsorted(self.y, [min(a[1], b[1]) - radius_m, max(a[1], b[1]) + radius_m]))
        x, y = np.meshgrid(self.x[columns], self.y[rows])
        mask[rows, columns] |= distances(np.stack((x, y), axis=-1), a, b) <= radius_m

    def least_gap(self, path: NDArray[np.float64]) -> float:
        """The least distance of places along a path, every 2 cm, to an edge; negative off the floor."""
        places = [path[:1]]
        for one, other in pairwise(path):
            steps = max(1, int(np.ceil(np.hypot(*(other - one)) / 0.02)))
            places.append(one + (other - one) * (np.arange(1, steps + 1) / steps)[:, None])
        every = np.vstack(places)
        least = np.full(len(every), np.inf)
        inside = np.zeros(len(every), np.bool_)
        for one, other in self._edges():
            least = np.minimum(least, distances(every, one, other))
            if one[1] != other[1]:
                above = (one[1] > every[:, 1]) != (other[1] > every[:, 1])
                cut = one[0] + (every[:, 1] - one[1]) * (other[0] - one[0]) / (other[1] - one[1])
                inside ^= above & (every[:, 0] > cut)
        return float(np.where(inside, least, -least).min())


def distances(places: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of places, the last axis x and y, from a straight way."""
    way = b - a
    share = np.clip(((places - a) @ way) / max(float(way @ way), 1e-18), 0, 1)
    return np.hypot(*np.moveaxis(places - a - share[..., None] * way, -1, 0))
