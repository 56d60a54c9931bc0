"""Where sites are: unit vectors on the sphere in float64, a k-d tree over them, and distances in kilometres.

float32 dot products put the nearest five in a wrong order in about one query of twenty, hence float64. The chord
between unit vectors grows with the arc, so the tree's order is the order on the ground.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the WGS84 ellipsoid (Moritz, Geodetic Reference System 1980)."""
KM_PER_MILE = 1.609344

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


def unit_vectors(lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
    """Points on the unit sphere, shape (n, 3), of latitudes and longitudes in degrees, shape (n,)."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    return np.stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=-1)


def unit_vector(lat_deg: float, lon_deg: float) -> tuple[float, float, float]:
    """One point on the unit sphere; plain floats, because numpy costs more than the sines for a single place."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def chord_of_km(km: float) -> float:
    """Chord on the unit sphere of an arc on the ground; at most the diameter."""
    return 2.0 * math.sin(min(km / EARTH_RADIUS_KM, math.pi) / 2.0)


def km_of_chord(chord: float) -> float:
    """Arc on the ground, in km, of a chord on the unit sphere."""
    return 2.0 * EARTH_RADIUS_KM * (math.asin(chord / 2.0) if chord < 2.0 else math.pi / 2.0)


def km_of_chords(chords: FloatArray) -> FloatArray:
    """km_of_chord for many."""
    return 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chords / 2.0, 1.0))


CELLS_A_DEGREE = 8
CELL_SITES = 24
CELLS_KEPT = 1 << 16


class _Cell(NamedTuple):
    """A small piece of the earth: its middle, the sites nearest to that, and how far the last of them is from it."""

    middle: tuple[float, float, float]
    sites: list[tuple[float, float, float, int]]
    last_chord: float


class SiteIndex:
    """A k-d tree over the positions of sites, numbered as they are given.

    One walk of the tree costs more in the call than in the walk. People ask from the same places again and again, so
    for each small cell of the earth that was asked from, the sites nearest to its middle are kept (``certain``).
    """

    def __init__(self, lat_deg: Sequence[float], lon_deg: Sequence[float]) -> None:
        self.vectors = unit_vectors(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
        self.count = len(self.vectors)
        self._tree = cKDTree(self.vectors) if self.count else None
        self._cells: dict[tuple[int, int], _Cell] = {}

    def certain(
        self, lat_deg: float, lon_deg: float, vector: tuple[float, float, float]
    ) -> tuple[list[float], list[int]]:
        """Chords and numbers of the nearest few sites of a place, nearest first, as far as they are sure to be that.

        The place is given both ways, since whoever asks has both.

        Any site that a cell does not list is at least ``last_chord`` from the cell's middle, hence (by the triangle
        inequality) at least that less the place's own distance from the middle. Listed sites nearer than that are
        certainly the nearest. There may be none.
        """
        name = (int(lat_deg * CELLS_A_DEGREE // 1), int(lon_deg * CELLS_A_DEGREE // 1))
        cell = self._cells.get(name) or self._make_cell(name)
        x, y, z = vector
        a, b, c = cell.middle
        reach = cell.last_chord - math.sqrt((x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c))
        if reach <= 0.0:
            return [], []
        within = reach * reach
        near = [
            (square, number)
            for a, b, c, number in cell.sites
            if (square := (x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c)) < within
        ]
        near.sort()
        return [math.sqrt(square) for square, _ in near], [number for _, number in near]

    def _make_cell(self, name: tuple[int, int]) -> _Cell:
        middle = unit_vector((name[0] + 0.5) / CELLS_A_DEGREE, (name[1] + 0.5) / CELLS_A_DEGREE)
        chords, numbers = self.nearest(np.array(middle), CELL_SITES)
        known = [number for number in numbers.tolist() if number < self.count]
        sites = [(*self.vectors[number].tolist(), number) for number in known]
        # A cell that lists all sites there are has nothing to be uncertain of.
        cell = _Cell(middle, sites, float(chords[-1]) if len(known) == CELL_SITES else math.inf)
        if len(self._cells) >= CELLS_KEPT:
            self._cells.clear()
        self._cells[name] = cell
        return cell

    def nearest(self, points: FloatArray, k: int, within_km: float = math.inf) -> tuple[FloatArray, IndexArray]:
        """The k nearest sites of each point, nearest first.

        points: one unit vector, shape (3,), or n of them, shape (n, 3). Returns chords and site numbers, shape
        (k,) or (n, k); beyond ``within_km`` or past the last site a chord is inf and a number equals ``count``. The
        bound is widened by a hair so that a site exactly on it counts; callers that need the bound itself compare
        kilometres.
        """
        if self._tree is None:
            shape = (*points.shape[:-1], k)
            return np.full(shape, np.inf), np.zeros(shape, np.intp)
        bound = math.inf if math.isinf(within_km) else chord_of_km(max(within_km, 0.0)) * (1 + 1e-9) + 1e-12
        if k == 1:  # asked for one, the tree drops the last axis unless it is asked in a list, which is slow
            chords, numbers = self._tree.query(points, k=[1], distance_upper_bound=bound)
        else:
            chords, numbers = self._tree.query(points, k, distance_upper_bound=bound)
        return chords, numbers
