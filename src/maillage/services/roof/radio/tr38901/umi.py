"""Urban micro in a street canyon, UMi: TR 38.901 Tables 7.4.1-1 and 7.4.2-1."""

import numpy as np

from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.tr38901.light import LIGHT_M_PER_NS

SIGMA_LOS_DB = 4.0
SIGMA_NLOS_DB = 7.82
_H_E_M = 1.0


def los_db(d2d_m: FloatArray, fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray) -> FloatArray:
    """In line of sight."""
    step_m = h_bs_m - h_ut_m
    breakpoint_m = 4 * (h_bs_m - _H_E_M) * (h_ut_m - _H_E_M) * fc_ghz / LIGHT_M_PER_NS
    log_d3d = np.log10(np.hypot(d2d_m, step_m))
    near = 32.4 + 21 * log_d3d
    far = 32.4 + 40 * log_d3d - 9.5 * np.log10(breakpoint_m**2 + step_m**2)
    found: FloatArray = np.where(d2d_m <= breakpoint_m, near, far) + 20 * np.log10(fc_ghz)
    return found


def nlos_db(d2d_m: FloatArray, fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray) -> FloatArray:
    """Without line of sight; never below ``los_db``."""
    log_d3d = np.log10(np.hypot(d2d_m, h_bs_m - h_ut_m))
    blocked = 35.3 * log_d3d + 22.4 + 21.3 * np.log10(fc_ghz) - 0.3 * (h_ut_m - 1.5)
    found: FloatArray = np.maximum(los_db(d2d_m, fc_ghz, h_bs_m, h_ut_m), blocked)
    return found


def los_probability(d2d_m: FloatArray) -> FloatArray:
    """Chance of a line of sight; ``d2d_m`` is the part of the distance that lies outdoors."""
    d_m = np.maximum(d2d_m, 18.0)  # where the formula is 1, as it is for everything nearer
    found: FloatArray = 18 / d_m + np.exp(-d_m / 36) * (1 - 18 / d_m)
    return found
