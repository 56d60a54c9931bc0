"""Who is served by whom: the demand that plans choose among, as rows of candidates."""

import math
from typing import NamedTuple

import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import EARTH_RADIUS_KM, FloatArray, IndexArray, km_of_chords, unit_vectors
from maillage.services.roof.coverage.people import People
from maillage.services.roof.siting.places import count_within_km, pairs_within_km

KM_PER_DEG = math.radians(1) * EARTH_RADIUS_KM
CELLS_A_RADIUS = 16
"""Own choice: squares that the largest radius is cut into. Beside squares half as wide the people of a roof differ by
0.3 % in the median, and by less than 1.4 % at 99 of 100 roofs (n78, 4,654 US stores, census tracts)."""
ROOFS_A_TURN = 250
"""Whose squares are held at a time, before those out of reach are left out."""
PAIRS_MAX = 5_000_000
"""Own choice: 1 GB while they are being sorted. All of 4,654 roofs and 84,414 tracts are fewer up to 55 km."""


class Demand(NamedTuple):
    """Candidate ``c`` serves ``served[starts[c]:starts[c + 1]]``, ``km`` away; ``people`` of each demand."""

    people: FloatArray
    starts: IndexArray
    served: IndexArray
    km: FloatArray


def by_catchment(people: People, lat_deg: FloatArray, lon_deg: FloatArray, within_km: float) -> Demand:
    """Everybody at the point where the census counts them; also those whom no candidate serves. Invalid for a distance
    at which too many would be served by too many."""
    candidates = unit_vectors(lat_deg, lon_deg)
    pairs = count_within_km(candidates, people.vectors, within_km)
    if pairs > PAIRS_MAX:
        raise Invalid(
            "by.catchment_km",
            f"within {within_km:g} km there are {pairs:,} pairs of a roof and a place where people live; at most"
            f" {PAIRS_MAX:,} are taken: say fewer kilometres, or fewer roofs by country, region or near",
        )
    starts, served, km = pairs_within_km(candidates, people.vectors, within_km)
    return Demand(people.people, starts, served, km)


def by_cells(people: People, lat_deg: FloatArray, lon_deg: FloatArray, radius_km: FloatArray) -> Demand:
    """Within a radius of each candidate, people spread evenly over the land of each tract (areal interpolation), on
    squares of one lattice for all: radio cells are small beside tracts. Only squares that somebody serves."""
    step_km = float(radius_km.max()) / CELLS_A_RADIUS
    some = [slice(start, start + ROOFS_A_TURN) for start in range(0, len(lat_deg), ROOFS_A_TURN)]
    found = [_squares_within(lat_deg[part], lon_deg[part], radius_km[part], step_km, part.start) for part in some]
    candidate, row, column = (np.concatenate([each[at] for each in found]) for at in range(3))
    km = np.concatenate([each[3] for each in found])
    # As single numbers: sorting rows takes ten times as long, and lets no other thread run meanwhile.
    across = column - column.min()
    _, first, square = np.unique(row * (across.max() + 1) + across, return_index=True, return_inverse=True)
    lat, lon, width_km = _middles(row[first], column[first], step_km)
    counted = people.density_at(unit_vectors(lat, lon)) * step_km * width_km
    starts = np.searchsorted(candidate, np.arange(len(lat_deg) + 1))
    return Demand(counted, starts, square.ravel().astype(np.intp), km)


def _squares_within(
    lat_deg: FloatArray, lon_deg: FloatArray, radius_km: FloatArray, step_km: float, number: int
) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray]:
    """The squares whose middles are within a radius: numbers of the candidates, which begin at ``number``, rows,
    columns, and km away."""
    candidate, row, column = _squares(lat_deg, lon_deg, radius_km, step_km)
    lat, lon, _ = _middles(row, column, step_km)
    km = km_of_chords(np.linalg.norm(unit_vectors(lat, lon) - unit_vectors(lat_deg, lon_deg)[candidate], axis=1))
    within = km <= radius_km[candidate]
    return candidate[within] + number, row[within], column[within], km[within]


def _squares(
    lat_deg: FloatArray, lon_deg: FloatArray, radius_km: FloatArray, step_km: float
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """The squares that may be within a radius, by candidate: numbers of the candidates, rows, columns."""
    step_deg = step_km / KM_PER_DEG
    found: list[tuple[IndexArray, IndexArray, IndexArray]] = []
    for number, (lat, lon, radius) in enumerate(zip(lat_deg, lon_deg, radius_km, strict=True)):
        reach = int(radius / step_km) + 2
        rows = int(np.floor(lat / step_deg)) + np.arange(-reach, reach + 1)
        middles = np.floor(lon / _width_deg(rows, step_deg)).astype(np.intp)
        row = np.repeat(rows, 2 * reach + 1)
        column = (middles[:, None] + np.arange(-reach, reach + 1)).ravel()
        found.append((np.full(len(row), number), row, column))
    candidate, row, column = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return candidate, row, column


def _middles(row: IndexArray, column: IndexArray, step_km: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latitudes and longitudes of squares' middles, and how wide the squares are."""
    step_deg = step_km / KM_PER_DEG
    width_deg = _width_deg(row, step_deg)
    lat: FloatArray = (row.astype(np.float64) + 0.5) * step_deg
    lon: FloatArray = (column.astype(np.float64) + 0.5) * width_deg
    narrow: FloatArray = np.cos(np.radians(lat))
    width_km: FloatArray = width_deg * narrow * KM_PER_DEG
    return lat, lon, width_km


def _width_deg(row: IndexArray, step_deg: float) -> FloatArray:
    """How many degrees of longitude the squares of a row go over: as far on the ground as they are tall."""
    width: FloatArray = step_deg / np.maximum(np.cos(np.radians((row + 0.5) * step_deg)), 1e-3)
    return width
