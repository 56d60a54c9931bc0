"""People around roofs: at the points where a census counts them, and spread over the land around each point."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from maillage.kernel.geo import EARTH_RADIUS_KM, FloatArray, IndexArray, chord_of_km, km_of_chords, unit_vectors
from maillage.kernel.population import Population
from maillage.services.roof.coverage.thiessen import cell_areas_km2

SPREAD_KM_MAX = 20.0
"""Own choice: nobody of a tract is sought farther from its point than this, however empty the land around it is."""
_NEIGHBOURS = 6
"""A Thiessen cell has six neighbours on average. People are sought no farther than the sixth nearest point lies:
cells at a shore or a border reach out over water, and cells within a country hardly ever beyond that."""
_STEP_DEG = 1e-4
"""Points are rounded to 11 m, and those that then coincide are one: float64 can't tell cells of nearer ones apart."""
_WORKERS = -1
"""Threads that look up places: as many as there are cores."""


class Near(NamedTuple):
    """Pairs of a station and a tract within reach of it, by station: numbers of both, distance and bearing."""

    station: IndexArray
    tract: IndexArray
    distance_m: FloatArray
    bearing_deg: FloatArray


class People:
    """A population, prepared once for many stations.

    By tract, everybody lives at the tract's point: no better than the tracts are small, so below 3 km a coarse figure.
    By raster, the people of a tract are spread evenly over its Thiessen cell (areal interpolation), as far as
    ``spread_km`` from its point: the distance to the sixth nearest point, at most SPREAD_KM_MAX.
    """

    def __init__(self, population: Population) -> None:
        places = np.stack((population.lat, population.lon), axis=1)
        steps, of = np.unique(np.round(places / _STEP_DEG), axis=0, return_inverse=True)
        self.lat: FloatArray = steps[:, 0] * _STEP_DEG
        self.lon: FloatArray = steps[:, 1] * _STEP_DEG
        self.people: FloatArray = np.bincount(of.ravel(), population.people).astype(np.float64)
        self.total = float(self.people.sum())
        self.vectors = unit_vectors(self.lat, self.lon)
        self._tree = cKDTree(self.vectors)

    @cached_property
    def spread_km(self) -> FloatArray:
        """How far from its point the people of each tract live, shape (tracts,)."""
        if len(self.people) <= _NEIGHBOURS:
            return np.full(len(self.people), SPREAD_KM_MAX)
        chords, _ = self._tree.query(self.vectors, k=[_NEIGHBOURS + 1])
        return np.minimum(km_of_chords(chords[:, 0]), SPREAD_KM_MAX)

    @cached_property
    def per_km2(self) -> FloatArray:
        """The density of each tract on the land that it is spread over, shape (tracts,)."""
        areas = cell_areas_km2(self.lat, self.lon, self.spread_km)
        density: FloatArray = np.divide(self.people, areas, out=np.zeros_like(areas), where=areas > 0)
        return density

    def density_at(self, vectors: FloatArray) -> FloatArray:
        """People per km2 at places given as unit vectors, shape (n, 3); 0 where everybody is too far away."""
        chords, nearest = self._tree.query(vectors, workers=_WORKERS)
        density: FloatArray = np.where(chords <= self._spread_chord[nearest], self.per_km2[nearest], 0.0)
        return density

    @cached_property
    def _spread_chord(self) -> FloatArray:
        return 2 * np.sin(self.spread_km / EARTH_RADIUS_KM / 2)

    def near(self, lat_deg: FloatArray, lon_deg: FloatArray, within_km: float) -> Near:
        """All pairs of a station (in degrees, shape (n,)) and a tract at most ``within_km`` apart."""
        stations = unit_vectors(lat_deg, lon_deg)
        found = self._tree.query_ball_point(stations, chord_of_km(within_km) * (1 + 1e-9), workers=_WORKERS)
        station = np.repeat(np.arange(len(stations)), [len(each) for each in found])
        tract = np.fromiter((number for each in found for number in each), np.intp, len(station))
        offset = self.vectors[tract] - stations[station]
        distance_m = km_of_chords(np.linalg.norm(offset, axis=1)) * 1_000
        lat, lon = np.radians(lat_deg)[station], np.radians(lon_deg)[station]
        x, y, z = offset.T
        east = y * np.cos(lon) - x * np.sin(lon)
        north = z * np.cos(lat) - (x * np.cos(lon) + y * np.sin(lon)) * np.sin(lat)
        bearing_deg = np.degrees(np.arctan2(east, north)) % 360
        return Near(station, tract, distance_m, bearing_deg)
