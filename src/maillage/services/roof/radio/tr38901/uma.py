"""Urban macro, UMa: TR 38.901 Tables 7.4.1-1 and 7.4.2-1."""

from collections.abc import Iterator

import numpy as np

from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.tr38901.light import LIGHT_M_PER_NS

SIGMA_LOS_DB = 4.0
SIGMA_NLOS_DB = 6.0
CLUTTER_UT_M = 13.0
"""Below it the effective environment height is 1 m; from it on, roofs may act as the ground (note 1)."""
_ROOFS_M = (12.0, 15.0, 18.0, 21.0)


def los_db(
    d2d_m: FloatArray, fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray, h_e_m: float = 1.0
) -> FloatArray:
    """In line of sight, where the effective environment height is ``h_e_m``."""
    step_m = h_bs_m - h_ut_m
    breakpoint_m = 4 * (h_bs_m - h_e_m) * (h_ut_m - h_e_m) * fc_ghz / LIGHT_M_PER_NS
    log_d3d = np.log10(np.hypot(d2d_m, step_m))
    near = 28.0 + 22 * log_d3d
    far = 28.0 + 40 * log_d3d - 9 * np.log10(breakpoint_m**2 + step_m**2)
    found: FloatArray = np.where(d2d_m <= breakpoint_m, near, far) + 20 * np.log10(fc_ghz)
    return found


def nlos_db(
    d2d_m: FloatArray, fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray, h_e_m: float = 1.0
) -> FloatArray:
    """Without line of sight; never below ``los_db``."""
    log_d3d = np.log10(np.hypot(d2d_m, h_bs_m - h_ut_m))
    blocked = 13.54 + 39.08 * log_d3d + 20 * np.log10(fc_ghz) - 0.6 * (h_ut_m - 1.5)
    found: FloatArray = np.maximum(los_db(d2d_m, fc_ghz, h_bs_m, h_ut_m, h_e_m), blocked)
    return found


def environment_heights(d2d_m: FloatArray, h_ut_m: FloatArray) -> Iterator[tuple[float, FloatArray]]:
    """Each effective environment height in metres with its probability: 1 m alone for terminals below 13 m.

    Above, it is 1 m with probability 1 / (1 + C), else a multiple of 3 m from 12 to ``h_ut_m`` - 1.5, each alike
    (12 m for terminals that are lower than 13.5 m, where the note leaves no multiple).
    """
    ground = 1 / (1 + _raised(d2d_m, h_ut_m))
    yield 1.0, ground
    if np.max(h_ut_m) < CLUTTER_UT_M:
        return
    highest_m = np.maximum(h_ut_m - 1.5, _ROOFS_M[0])
    fitting = sum(roof_m <= highest_m for roof_m in _ROOFS_M)
    for roof_m in _ROOFS_M:
        yield roof_m, np.where(roof_m <= highest_m, (1 - ground) / fitting, 0.0)


def los_probability(d2d_m: FloatArray, h_ut_m: FloatArray) -> FloatArray:
    """Chance of a line of sight; ``d2d_m`` is the part of the distance that lies outdoors."""
    d_m = np.maximum(d2d_m, 18.0)  # where the formula is 1, as it is for everything nearer
    found: FloatArray = (18 / d_m + np.exp(-d_m / 63) * (1 - 18 / d_m)) * (1 + _raised(d2d_m, h_ut_m))
    return found


def _raised(d2d_m: FloatArray, h_ut_m: FloatArray) -> FloatArray:
    """C(d2D, hUT) of note 1, which is C'(hUT) and what it is multiplied with in Table 7.4.2-1."""
    above = (np.maximum(h_ut_m - CLUTTER_UT_M, 0.0) / 10) ** 1.5
    found: FloatArray = np.where(d2d_m > 18, above * 1.25 * (d2d_m / 100) ** 3 * np.exp(-d2d_m / 150), 0.0)
    return found
