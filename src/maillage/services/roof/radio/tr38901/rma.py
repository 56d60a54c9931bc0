"""Rural macro, RMa: TR 38.901 Tables 7.4.1-1 and 7.4.2-1."""

import numpy as np

from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.tr38901.light import LIGHT_M_PER_NS

SIGMA_LOS_NEAR_DB = 4.0
SIGMA_LOS_FAR_DB = 6.0
SIGMA_NLOS_DB = 8.0


def los_db(
    d2d_m: FloatArray, fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray, h_bldg_m: FloatArray
) -> FloatArray:
    """In line of sight, over buildings that are ``h_bldg_m`` high on average."""
    far_from_m = breakpoint_m(fc_ghz, h_bs_m, h_ut_m)
    d3d_m = np.hypot(d2d_m, h_bs_m - h_ut_m)
    beyond = d2d_m > far_from_m
    near = _before_breakpoint_db(np.where(beyond, far_from_m, d3d_m), fc_ghz, h_bldg_m)
    found: FloatArray = near + np.where(beyond, 40 * np.log10(d3d_m / far_from_m), 0.0)
    return found


def nlos_db(
    d2d_m: FloatArray,
    fc_ghz: FloatArray,
    h_bs_m: FloatArray,
    h_ut_m: FloatArray,
    h_bldg_m: FloatArray,
    w_street_m: FloatArray,
) -> FloatArray:
    """Without line of sight, in streets that are ``w_street_m`` wide; never below ``los_db``."""
    log_bs = np.log10(h_bs_m)
    blocked = (
        161.04
        - 7.1 * np.log10(w_street_m)
        + 7.5 * np.log10(h_bldg_m)
        - (24.37 - 3.7 * (h_bldg_m / h_bs_m) ** 2) * log_bs
        + (43.42 - 3.1 * log_bs) * (np.log10(np.hypot(d2d_m, h_bs_m - h_ut_m)) - 3)
        + 20 * np.log10(fc_ghz)
        - (3.2 * np.log10(11.75 * h_ut_m) ** 2 - 4.97)
    )
    found: FloatArray = np.maximum(los_db(d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m), blocked)
    return found


def breakpoint_m(fc_ghz: FloatArray, h_bs_m: FloatArray, h_ut_m: FloatArray) -> FloatArray:
    """Where the second slope begins, and with it the larger shadow fading."""
    return 2 * np.pi * h_bs_m * h_ut_m * fc_ghz / LIGHT_M_PER_NS


def los_probability(d2d_m: FloatArray) -> FloatArray:
    """Chance of a line of sight; ``d2d_m`` is the part of the distance that lies outdoors."""
    found: FloatArray = np.exp(-np.maximum(d2d_m - 10, 0.0) / 1_000)
    return found


def _before_breakpoint_db(d3d_m: FloatArray, fc_ghz: FloatArray, h_bldg_m: FloatArray) -> FloatArray:
    rough = h_bldg_m**1.72
    found: FloatArray = (
        20 * np.log10(40 * np.pi * d3d_m * fc_ghz / 3)
        + np.minimum(0.03 * rough, 10) * np.log10(d3d_m)
        - np.minimum(0.044 * rough, 14.77)
        + 0.002 * np.log10(h_bldg_m) * d3d_m
    )
    return found
