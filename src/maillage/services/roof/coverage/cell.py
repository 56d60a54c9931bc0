"""``cell_km``: how far the radio of a roof reaches. It is not ``catchment_km``, how far people drive to its store."""

import math

import numpy as np

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.signal_chance import checked_signal
from maillage.services.roof.radio.budgets import LinkBudget
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import DISTANCE_MIN_M, Place, distance_max_m

PROBABILITY = 0.9
"""The chance of a signal that counts as coverage unless another is asked for."""
_STEP_M = 1.0


def checked_probability(probability: float) -> float:
    """The probability itself; Invalid unless it lies between 0 and 1, both left out."""
    if not 0 < probability < 1:  # also false for NaN
        raise Invalid("probability", f"{probability:g} is not between 0 and 1, such as 0.9")
    return probability


def cell_km(
    budget: LinkBudget,
    scenario: Scenario,
    h_bs_m: float,
    *,
    place: Place = "outdoor",
    probability: float = PROBABILITY,
) -> float:
    """The radius in km, to a metre, up to which a signal at ``place`` is enough with ``probability``, where the antenna
    points.

    0 where it is not even enough at 10 m, where the models begin; at most ``cell_km_max``, where they end: the cell is
    as large as that or larger then. Invalid for a probability outside (0, 1), or for what the model does not hold for.
    """
    checked_probability(probability)
    signal = checked_signal(budget, scenario, h_bs_m)
    distances = np.arange(DISTANCE_MIN_M, distance_max_m(scenario, "NLOS") + _STEP_M / 2, _STEP_M)
    enough = np.flatnonzero(signal.probability(place, distances) >= probability)
    return float(distances[enough[-1]]) / 1_000 if len(enough) else 0.0


def cell_km_max(scenario: Scenario) -> float:
    """The largest cell that can be told: the end of the path loss model without a line of sight."""
    return distance_max_m(scenario, "NLOS") / 1_000


def is_capped(km: float, scenario: Scenario) -> bool:
    """Whether a cell's radius is only where the model ends."""
    return math.isclose(km, cell_km_max(scenario))
