"""Several stations at once: who serves which land best, how well against the others, and whom they cover in all."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray, unit_vectors
from maillage.services.roof.coverage.grid import grid_of
from maillage.services.roof.coverage.lattice import CellArray, Lattice, lattice_of
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.signal_chance import PLACES, checked_signal, off_axis_db
from maillage.services.roof.coverage.station import Station, checked_station
from maillage.services.roof.radio.budgets import LinkBudget, noise_dbm
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import Place

LOAD = 0.5
"""Share of the time and band in which the other stations send, unless another is given."""
_CELLS_AT_ONCE = 400_000


class Field(NamedTuple):
    """What stations do together in each cell that one of them reaches, arrays of shape (cells,).

    ``cells`` counts in the lattice. ``people`` live there. ``server`` is the station whose power downwards is largest,
    ``power_dbm`` that power outdoors, ``others_mw`` the sum of the rest in milliwatts. ``chance`` is the best of any
    station, by place. ``indoors_db`` is how much weaker every power is at a place than outdoors.
    """

    lattice: Lattice
    stations: Sequence[Station]
    cells: CellArray
    km2: FloatArray
    people: FloatArray
    server: NDArray[np.int32]
    power_dbm: FloatArray
    others_mw: FloatArray
    chance: dict[Place, FloatArray]
    indoors_db: dict[Place, float]
    noise_dbm: float

    def sinr_db(self, place: Place, load: float) -> FloatArray:
        """Signal of the best server over noise and ``load`` (0 to 1) of what the others would send at full power."""
        weaker_db = self.indoors_db[place]
        others_mw = self.others_mw * (load * 10 ** (-weaker_db / 10))
        noise_mw = 10 ** (self.noise_dbm / 10)
        found: FloatArray = self.power_dbm - weaker_db - 10 * np.log10(noise_mw + others_mw)
        return found


def checked_load(load: float) -> float:
    """The load itself; Invalid unless it is a share."""
    if not 0 <= load <= 1:  # also false for NaN
        raise Invalid("load", f"{load:g} is not a share from 0 to 1")
    return load


def field_of(
    people: People,
    stations: Sequence[Station],
    budget: LinkBudget,
    scenario: Scenario,
    *,
    resolution_m: float,
    reach_km: float,
    progress: Callable[[int], None] | None = None,
) -> Field:
    """The field of these stations (one or more). A station's power is at the expected path loss; of its sectors only
    the strongest one counts, as if they never disturbed each other. What is farther than ``reach_km`` from a station
    gets nothing of it, no signal and no interference.

    ``progress`` is told how many stations have been done since it was last told. Invalid for what can't be.
    """
    signals = [checked_signal(budget, scenario, checked_station(each).height_m) for each in stations]
    if not stations:
        raise Invalid("stations", "there is none; one or more are needed")
    grid = grid_of(resolution_m, reach_km)
    lattice = lattice_of(stations, grid)
    cells = np.unique(np.concatenate([lattice.within(each, grid.reach_m)[0] for each in stations]))
    server = np.zeros(len(cells), np.int32)
    power_dbm = np.full(len(cells), -np.inf)
    sum_mw = np.zeros(len(cells))
    chance = {place: np.zeros(len(cells)) for place in PLACES}
    gain_db = budget.down.eirp_dbm + budget.down.receiver_gain_dbi - budget.body_loss_db
    for number, (station, signal) in enumerate(zip(stations, signals, strict=True)):
        numbers, d2d_m, bearing_deg = lattice.within(station, grid.reach_m)
        here = np.searchsorted(cells, numbers)
        off_db = off_axis_db(station, budget, d2d_m, bearing_deg)
        received_dbm = gain_db - off_db - signal.expected_loss_db("outdoor", d2d_m)
        stronger = received_dbm > power_dbm[here]
        server[here[stronger]] = number
        power_dbm[here] = np.maximum(power_dbm[here], received_dbm)
        sum_mw[here] += 10 ** (received_dbm / 10)
        for place in PLACES:
            chance[place][here] = np.maximum(chance[place][here], signal.probability(place, d2d_m, off_db))
        if progress is not None:
            progress(1)
    km2 = lattice.km2(cells)
    lived = np.concatenate([_density(people, lattice, some) for some in _parts(cells)]) * km2
    others_mw = np.maximum(sum_mw - 10 ** (power_dbm / 10), 0)
    others_mw[others_mw < sum_mw * 1e-12] = 0  # what rounding leaves where there is nobody else
    indoors_db = {place: signals[0].indoors_db(place) for place in PLACES}
    noise = noise_dbm(budget, "down")
    return Field(lattice, stations, cells, km2, lived, server, power_dbm, others_mw, chance, indoors_db, noise)


def _parts(cells: CellArray) -> list[CellArray]:
    return [cells[first : first + _CELLS_AT_ONCE] for first in range(0, len(cells), _CELLS_AT_ONCE)]


def _density(people: People, lattice: Lattice, cells: CellArray) -> FloatArray:
    return people.density_at(unit_vectors(*lattice.centres(cells)))
