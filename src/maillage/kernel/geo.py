"""Where sites are: unit vectors on the sphere in float64, a k-d tree over them, and distances in kilometres.

float32 dot products put the nearest five in a wrong order in about one query of twenty, hence float64. The chord
between unit vectors grows with the arc, so the tree's order is the order on the ground.
"""

import math
from collections.abc import Sequence

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
    return 2.0 * EARTH_RADIUS_KM * math.asin(min(chord / 2.0, 1.0))


def km_of_chords(chords: FloatArray) -> FloatArray:
    """km_of_chord for many."""
    return 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chords / 2.0, 1.0))


class SiteIndex:
    """A k-d tree over the positions of sites, numbered as they are given."""

    def __init__(self, lat_deg: Sequence[float], lon_deg: Sequence[float]) -> None:
        self.vectors = unit_vectors(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
        self.count = len(self.vectors)
        self._tree = cKDTree(self.vectors) if self.count else None

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
