"""What roofs cover: people and land, outdoors and indoors, each roof by itself."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from maillage.kernel.geo import FloatArray, unit_vectors
from maillage.services.roof.coverage.cell import PROBABILITY, cell_km, checked_probability
from maillage.services.roof.coverage.grid import Grid, grid_of, places
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.signal_chance import PLACES, Signal, checked_signal, off_axis_db
from maillage.services.roof.coverage.station import Station, checked_station
from maillage.services.roof.radio.budgets import LinkBudget
from maillage.services.roof.radio.scenarios import Scenario

RESOLUTION_M = 100.0
REACH_KM = 2.0
_CELLS_AT_ONCE = 400_000
"""Places looked up at a time: about 40 MB, whatever the number of roofs."""


class Covered(msgspec.Struct, frozen=True):
    """Of one roof at one kind of place. Covered is where the chance of a signal is at least the probability asked for;
    ``expected`` counts each person by their own chance instead. By raster, people are spread over the land; by tract,
    all live at their tract's point. ``cell_km`` is the radius of the radio where an antenna points.
    """

    cell_km: float
    km2: float
    people: float
    people_expected: float
    people_by_tract: float
    people_by_tract_expected: float


class RoofFigures(msgspec.Struct, frozen=True):
    """Of the roof with this id, in the street and behind walls of low and of high loss."""

    id: str
    outdoor: Covered
    indoor_low: Covered
    indoor_high: Covered


def figures_of(
    people: People,
    stations: Sequence[Station],
    budget: LinkBudget,
    scenario: Scenario,
    *,
    probability: float = PROBABILITY,
    resolution_m: float = RESOLUTION_M,
    reach_km: float = REACH_KM,
    progress: Callable[[int], None] | None = None,
) -> list[RoofFigures]:
    """Figures of each station within ``reach_km`` of it, in the order given.

    Stations of one height and with the same sectors share the chances of their cells, so only their people differ.
    ``progress`` is told how many stations have been done since it was last told. Invalid for what can't be: see
    ``checked_station``, ``grid_of``, ``checked_signal`` and ``checked_probability``.
    """
    checked_probability(probability)
    grid = grid_of(resolution_m, reach_km)
    alike: dict[tuple[float, tuple[float, ...], float | None], list[int]] = {}
    for number, station in enumerate(stations):
        checked_station(station)
        checked_signal(budget, scenario, station.height_m)
        alike.setdefault((station.height_m, station.azimuths_deg, station.tilt_deg), []).append(number)
    by_tract = _by_tract(people, stations, list(alike.values()), budget, scenario, probability, reach_km)
    found: list[RoofFigures | None] = [None] * len(stations)
    for numbers in alike.values():
        model = stations[numbers[0]]
        cells_km = [cell_km(budget, scenario, model.height_m, place=at, probability=probability) for at in PLACES]
        weights, km2 = _weights(grid, Signal(budget, scenario, model.height_m), model, probability)
        for some, by_raster in _by_raster(people, [stations[each] for each in numbers], grid, weights):
            for number, raster in zip(numbers[some], by_raster, strict=True):
                covered = (
                    Covered(cells_km[at], km2[at], *raster[2 * at : 2 * at + 2], *by_tract[number][2 * at : 2 * at + 2])
                    for at in range(len(PLACES))
                )
                found[number] = RoofFigures(stations[number].id, *covered)
            if progress is not None:
                progress(len(by_raster))
    return [each for each in found if each is not None]


def _chances(signal: Signal, station: Station, d2d_m: FloatArray, bearing_deg: FloatArray, least: float) -> FloatArray:
    """For each place in PLACES whether it is covered (0 or 1) and the chance, shape (len(d2d_m), 6)."""
    off_db = off_axis_db(station, signal.budget, d2d_m, bearing_deg)
    columns = []
    for place in PLACES:
        chance = signal.probability(place, d2d_m, off_db)
        columns += [(chance >= least).astype(np.float64), chance]
    return np.stack(columns, axis=-1)


def _weights(grid: Grid, signal: Signal, station: Station, least: float) -> tuple[FloatArray, list[float]]:
    """People of each of the grid's cells for a density of 1 per km2, as ``_chances`` counts them; and the land covered,
    in km2. Looked at in finer cells, for the edge of a cell of the radio is as sharp at any resolution."""
    fine, coarse = grid.finer()
    east_m, north_m = fine.centres_m()
    d2d_m = np.hypot(east_m, north_m)
    within = d2d_m <= grid.reach_m
    bearing_deg = np.degrees(np.arctan2(east_m[within], north_m[within]))
    chances = _chances(signal, station, d2d_m[within], bearing_deg, least)
    cells = grid.side * grid.side
    sums = [np.bincount(coarse[within], column, cells) * fine.cell_km2 for column in chances.T]
    weights = np.stack(sums, axis=-1)
    return weights, weights[:, ::2].sum(axis=0).tolist()


def _by_raster(
    people: People, stations: Sequence[Station], grid: Grid, weights: FloatArray
) -> Iterator[tuple[slice, list[list[float]]]]:
    """Some stations after others, each with its six sums."""
    reached = weights.any(axis=1)
    east_m, north_m = (metres[reached] for metres in grid.centres_m())
    at_once = max(1, _CELLS_AT_ONCE // len(east_m))
    for first in range(0, len(stations), at_once):
        some = slice(first, first + at_once)
        lat, lon = places(*_positions(stations[some]), east_m, north_m)
        density = people.density_at(unit_vectors(lat.ravel(), lon.ravel())).reshape(lat.shape)
        yield some, (density @ weights[reached]).tolist()


def _by_tract(
    people: People,
    stations: Sequence[Station],
    groups: Sequence[list[int]],
    budget: LinkBudget,
    scenario: Scenario,
    least: float,
    reach_km: float,
) -> list[list[float]]:
    """Six sums over the tracts' points within reach of each station."""
    near = people.near(*_positions(stations), reach_km)
    sums = np.zeros((len(stations), 2 * len(PLACES)))
    group = np.zeros(len(stations), np.intp)
    for number, numbers in enumerate(groups):
        group[numbers] = number
    order = np.argsort(group[near.station], kind="stable")
    bounds = np.searchsorted(group[near.station][order], np.arange(len(groups) + 1))
    for number, numbers in enumerate(groups):
        pairs = order[bounds[number] : bounds[number + 1]]
        model = stations[numbers[0]]
        signal = Signal(budget, scenario, model.height_m)
        chances = _chances(signal, model, near.distance_m[pairs], near.bearing_deg[pairs], least)
        np.add.at(sums, near.station[pairs], chances * people.people[near.tract[pairs], None])
    return sums.tolist()


def _positions(stations: Sequence[Station]) -> tuple[FloatArray, FloatArray]:
    return np.array([each.lat for each in stations]), np.array([each.lon for each in stations])
