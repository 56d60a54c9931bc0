"""Median path loss outdoors, chance of a line of sight and shadow fading, by 3GPP TR 38.901 (section 7.4).

Distances are d2D, on the ground, in metres. Everything takes numbers or arrays that broadcast together and refuses,
with Invalid, what lies outside the scenario's validity (``validity.py``). What walls add is in ``indoor.py``.
"""

import numpy as np
from numpy.typing import ArrayLike

from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.scenarios import Condition, Scenario
from maillage.services.roof.radio.tr38901 import rma, uma, umi
from maillage.services.roof.radio.validity import require_outdoors, require_valid

SIGMA_INDOORS_DB: dict[Scenario, float] = {"UMa": 7.0, "UMi": 7.0, "RMa": 8.0}
"""Shadow fading with building penetration, Table 7.5-6."""
_SIGMAS_DB: dict[tuple[Scenario, Condition], float] = {
    ("UMa", "LOS"): uma.SIGMA_LOS_DB,
    ("UMa", "NLOS"): uma.SIGMA_NLOS_DB,
    ("UMi", "LOS"): umi.SIGMA_LOS_DB,
    ("UMi", "NLOS"): umi.SIGMA_NLOS_DB,
    ("RMa", "NLOS"): rma.SIGMA_NLOS_DB,
}


def path_loss_db(
    scenario: Scenario,
    condition: Condition,
    d2d_m: ArrayLike,
    fc_ghz: ArrayLike,
    h_bs_m: ArrayLike,
    h_ut_m: ArrayLike,
    *,
    h_bldg_m: ArrayLike = 5.0,
    w_street_m: ArrayLike = 20.0,
) -> FloatArray:
    """Median loss between isotropic antennas, in dB (Table 7.4.1-1); an array of the arguments' common shape.

    ``h_bldg_m`` (average building height) and ``w_street_m`` (average street width) count in RMa alone. For terminals
    from 13 m on in UMa the effective environment height is random: the loss is the mean over it, which need not grow
    with distance everywhere. Below 13 m nothing is random.
    """
    require_valid(scenario, condition, d2d_m, fc_ghz, h_bs_m, h_ut_m, h_bldg_m=h_bldg_m, w_street_m=w_street_m)
    d, f, h_bs, h_ut = (np.asarray(each, dtype=float) for each in (d2d_m, fc_ghz, h_bs_m, h_ut_m))
    if scenario == "RMa":
        h, w = np.asarray(h_bldg_m, dtype=float), np.asarray(w_street_m, dtype=float)
        loss = rma.los_db(d, f, h_bs, h_ut, h) if condition == "LOS" else rma.nlos_db(d, f, h_bs, h_ut, h, w)
    elif scenario == "UMi":
        loss = (umi.los_db if condition == "LOS" else umi.nlos_db)(d, f, h_bs, h_ut)
    else:
        at_height_db = uma.los_db if condition == "LOS" else uma.nlos_db
        loss = np.zeros(())
        for h_e_m, probability in uma.environment_heights(d, h_ut):
            loss = loss + probability * at_height_db(d, f, h_bs, h_ut, h_e_m)
    return np.asarray(loss)


def los_probability(scenario: Scenario, d2d_m: ArrayLike, h_ut_m: ArrayLike) -> FloatArray:
    """Chance of a line of sight, 0 to 1 (Table 7.4.2-1), at any distance from 0 on.

    Of a terminal indoors ``d2d_m`` is the part of the distance that lies outdoors.
    """
    require_outdoors(scenario, d2d_m, h_ut_m)
    d, h = np.asarray(d2d_m, dtype=float), np.asarray(h_ut_m, dtype=float)
    if scenario == "UMa":
        return uma.los_probability(d, h)
    of_distance = umi.los_probability if scenario == "UMi" else rma.los_probability
    return of_distance(np.broadcast_arrays(d, h)[0])


def shadow_sigma_db(
    scenario: Scenario,
    condition: Condition,
    d2d_m: ArrayLike,
    fc_ghz: ArrayLike,
    h_bs_m: ArrayLike,
    h_ut_m: ArrayLike,
    *,
    indoor: bool = False,
) -> FloatArray:
    """Standard deviation of the shadow fading, in dB; an array of the arguments' common shape.

    Table 7.4.1-1 outdoors, where RMa in line of sight has more of it beyond the breakpoint; Table 7.5-6 with
    ``indoor``, to which ``indoor.wall_sigma_db`` comes.
    """
    require_valid(scenario, condition, d2d_m, fc_ghz, h_bs_m, h_ut_m)
    d, f, h_bs, h_ut = (np.asarray(each, dtype=float) for each in (d2d_m, fc_ghz, h_bs_m, h_ut_m))
    sigma: FloatArray | float
    if indoor:
        sigma = SIGMA_INDOORS_DB[scenario]
    elif scenario == "RMa" and condition == "LOS":
        sigma = np.where(d <= rma.breakpoint_m(f, h_bs, h_ut), rma.SIGMA_LOS_NEAR_DB, rma.SIGMA_LOS_FAR_DB)
    else:
        sigma = _SIGMAS_DB[scenario, condition]
    return np.broadcast_to(sigma, np.broadcast_shapes(d.shape, f.shape, h_bs.shape, h_ut.shape)).astype(float)
