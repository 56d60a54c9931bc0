"""The chance that a station's signal is enough at a place: path loss, shadow fading and walls against a link budget."""

from functools import cache
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from maillage.kernel.geo import FloatArray
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.radio.antenna import attenuation_db
from maillage.services.roof.radio.budgets import LinkBudget, limiting_direction, max_path_loss_db
from maillage.services.roof.radio.indoor import (
    Building,
    inside_loss_mean_db,
    inside_loss_sigma_db,
    wall_loss_db,
    wall_sigma_db,
)
from maillage.services.roof.radio.path_loss import los_probability, path_loss_db, shadow_sigma_db
from maillage.services.roof.radio.rain import rain_db_per_km
from maillage.services.roof.radio.scenarios import CONDITIONS, Condition, Scenario
from maillage.services.roof.radio.validity import DISTANCE_MIN_M, Place, require_valid

PLACES: tuple[Place, ...] = ("outdoor", "indoor_low", "indoor_high")
"""In the street, and behind walls of low and of high loss (TR 38.901, 7.4.3.1)."""
_BUILDINGS: dict[Place, Building] = {"indoor_low": "low", "indoor_high": "high"}


class Signal(NamedTuple):
    """Of an antenna ``h_bs_m`` above the ground: a link budget over a path loss model."""

    budget: LinkBudget
    scenario: Scenario
    h_bs_m: float

    @property
    def allowed_db(self) -> float:
        """The loss that the weaker direction stands, without a margin for shadowing, which is counted here itself."""
        return max_path_loss_db(self.budget, limiting_direction(self.budget))

    def probability(self, place: Place, d2d_m: FloatArray, off_db: FloatArray | float = 0.0) -> FloatArray:
        """The chance, 0 to 1, that the signal is enough at distances on the ground (within 10 m: as at 10 m).

        P_los Q((PL_los - L) / sigma_los) + (1 - P_los) Q((PL_nlos - L) / sigma_nlos), where L is ``allowed_db`` less
        ``off_db``, what the antenna sends less that way than to where it points.
        """
        from scipy.special import ndtr

        d = np.maximum(d2d_m, DISTANCE_MIN_M)
        in_sight = los_probability(self.scenario, d, self.budget.ue_height_m)
        found = np.zeros(np.shape(d))
        for condition, share in zip(CONDITIONS, (in_sight, 1 - in_sight), strict=True):
            left_db = self.allowed_db - off_db - self._median_db(condition, place, d)
            found += share * ndtr(left_db / self._sigma_db(condition, place, d))
        return found

    def expected_loss_db(self, place: Place, d2d_m: FloatArray) -> FloatArray:
        """The median losses with and without a line of sight, weighted in dB by their chances."""
        d = np.maximum(d2d_m, DISTANCE_MIN_M)
        in_sight = los_probability(self.scenario, d, self.budget.ue_height_m)
        los_db, nlos_db = (self._median_db(condition, place, d) for condition in CONDITIONS)
        mean: FloatArray = in_sight * los_db + (1 - in_sight) * nlos_db
        return mean

    def _median_db(self, condition: Condition, place: Place, d2d_m: FloatArray) -> FloatArray:
        loss = path_loss_db(self.scenario, condition, d2d_m, self.budget.fc_ghz, self.h_bs_m, self.budget.ue_height_m)
        return (
            loss + self.indoors_db(place) + _rain_db_per_km(self.budget.fc_ghz, self.budget.rain_mm_h) * d2d_m / 1_000
        )

    def indoors_db(self, place: Place) -> float:
        """What walls and the way inside take in the middle, 0 outdoors."""
        if place == "outdoor":
            return 0.0
        return float(wall_loss_db(_BUILDINGS[place], self.budget.fc_ghz)) + inside_loss_mean_db(self.scenario)

    def _sigma_db(self, condition: Condition, place: Place, d2d_m: FloatArray) -> FloatArray:
        """Fading, wall and depth vary apart from each other, so their variances add up."""
        indoor = place != "outdoor"
        sigma = shadow_sigma_db(
            self.scenario, condition, d2d_m, self.budget.fc_ghz, self.h_bs_m, self.budget.ue_height_m, indoor=indoor
        )
        if not indoor:
            return sigma
        wall_db, inside_db = wall_sigma_db(_BUILDINGS[place]), inside_loss_sigma_db(self.scenario)
        found: FloatArray = np.sqrt(sigma**2 + wall_db**2 + inside_db**2)
        return found


@cache
def _rain_db_per_km(fc_ghz: float, rain_mm_h: float) -> float:
    return float(rain_db_per_km(fc_ghz, rain_mm_h)) if rain_mm_h else 0.0


def checked_signal(budget: LinkBudget, scenario: Scenario, h_bs_m: float) -> Signal:
    """The signal, or Invalid where the model does not hold for this height and frequency."""
    require_valid(scenario, "NLOS", DISTANCE_MIN_M, budget.fc_ghz, h_bs_m, budget.ue_height_m)
    return Signal(budget, scenario, h_bs_m)


def off_axis_db(station: Station, budget: LinkBudget, d2d_m: FloatArray, bearing_deg: FloatArray) -> FloatArray:
    """How much less the station's best sector sends towards places than to where it points, 0 without sectors."""
    if not station.azimuths_deg:
        return np.zeros(np.shape(d2d_m))
    pattern = budget.antenna
    if station.tilt_deg is not None:
        pattern = replace(pattern, tilt_deg=station.tilt_deg)
    below_deg = np.degrees(np.arctan2(station.height_m - budget.ue_height_m, np.maximum(d2d_m, DISTANCE_MIN_M)))
    sectors = [attenuation_db(pattern, bearing_deg - azimuth_deg, below_deg) for azimuth_deg in station.azimuths_deg]
    weakest: FloatArray = np.minimum.reduce(sectors)
    return weakest
