"""A country of evenly settled squares, with roofs on it."""

import numpy as np

from maillage.kernel.population import Population
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.station import Station

STEP_DEG = 0.01
TRACT_PEOPLE = 500.0
KM_A_DEGREE = 6371.0088 * np.pi / 180
PER_KM2 = TRACT_PEOPLE / (STEP_DEG * KM_A_DEGREE) ** 2
"""At the equator, where the country lies."""


def country(steps: int = 15) -> People:
    """Tracts in a square lattice round 0 N 0 E, each of TRACT_PEOPLE."""
    along = np.arange(-steps, steps + 1) * STEP_DEG
    lat, lon = (axis.ravel() for axis in np.meshgrid(along, along))
    return People(Population(lat, lon, np.full(lat.size, TRACT_PEOPLE), 0, 0))


def roof(
    east_km: float = 0.0, north_km: float = 0.0, *azimuths_deg: float, height_m: float = 10, name: str = "r"
) -> Station:
    lat, lon = north_km / KM_A_DEGREE, east_km / KM_A_DEGREE
    return Station(id=name, lat=lat, lon=lon, height_m=height_m, azimuths_deg=azimuths_deg)
