"""Outdoor to indoor: what a building takes beside the path outdoors, TR 38.901 section 7.4.3.1.

The loss indoors is the path loss at the whole distance (outdoors and inside together), plus the wall, plus 0.5 dB for
each metre inside, plus a normal variation of the wall.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import require_frequency

Building = Literal["low", "high"]
"""Low loss: standard glass and concrete, 3 to 7. High loss: infrared-reflecting glass and concrete, 7 to 3."""
INSIDE_DB_PER_M = 0.5
DEPTH_MAX_M: dict[Scenario, float] = {"UMa": 25.0, "UMi": 25.0, "RMa": 10.0}
"""A terminal's distance from the wall is the smaller of two draws that are uniform from 0 to this."""
_SIGMA_DB: dict[Building, float] = {"low": 4.4, "high": 6.5}


def wall_loss_db(building: Building, fc_ghz: ArrayLike) -> FloatArray:
    """Median loss of the outer wall, PL_tw of Table 7.4.3-2, with the materials of Table 7.4.3-1."""
    _require_building(building)
    require_frequency(fc_ghz)
    f = np.asarray(fc_ghz, dtype=float)
    concrete_db = 5 + 4 * f
    glass_db, glass_share = (2 + 0.2 * f, 0.3) if building == "low" else (23 + 0.3 * f, 0.7)
    through = glass_share * 10 ** (-glass_db / 10) + (1 - glass_share) * 10 ** (-concrete_db / 10)
    return np.asarray(5 - 10 * np.log10(through))


def wall_sigma_db(building: Building) -> float:
    """Standard deviation of the wall's loss from building to building, sigma_P of Table 7.4.3-2."""
    _require_building(building)
    return _SIGMA_DB[building]


def inside_loss_mean_db(scenario: Scenario) -> float:
    """Mean of what the way inside takes: the mean depth is a third of ``DEPTH_MAX_M``."""
    return INSIDE_DB_PER_M * DEPTH_MAX_M[scenario] / 3


def inside_loss_sigma_db(scenario: Scenario) -> float:
    """Standard deviation of what the way inside takes."""
    return INSIDE_DB_PER_M * DEPTH_MAX_M[scenario] / math.sqrt(18)


def draw_depths_m(scenario: Scenario, count: int, rng: np.random.Generator) -> FloatArray:
    """``count`` distances from the wall, d2D-in, in metres."""
    depths_m: FloatArray = rng.uniform(0, DEPTH_MAX_M[scenario], (2, count)).min(axis=0)
    return depths_m


def _require_building(building: str) -> None:
    if building not in _SIGMA_DB:
        raise Invalid("building", f"{building[:40]!r} is neither low nor high")
