"""Cabinets: the thermal constants of freezers and chillers, each a little different.

The constants are those of a supermarket display case from Oak Ridge National Laboratory's grey-box model (GMLC 1.4.2),
which was trained on measured data: air, food and case wall as three heat capacities.
"""

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
CabinetKind = Literal["freezer", "chiller"]

R_CASE, R_FOOD, R_INFILTRATION = 0.0441, 0.00461, 0.00834
"""Resistances in K/W: wall to the room, food to air, room to air through the open door."""
C_CASE, C_FOOD, C_AIR = 1.02e7, 2.84e6, 1.11e5
"""Heat capacities in J/K."""
R_WALL = 0.02
"""From the wall to the air, K/W; the source leaves it open, and this makes about 700 W of load in a freezer."""
OVERSIZE = 1.6
"""Cooling power as a multiple of the steady load, so that a compressor runs about two thirds of the time."""
SPREAD = 0.1
"""Standard deviation of the logarithm by which each constant of a device differs from the reference."""
FOOD_LIMIT_C = {"freezer": -15.0, "chiller": 5.0}
"""Where food leaves its limits: 3 K above the -18 °C of quick-frozen food (Directive 89/108/EEC allows that briefly);
5 °C for food that is kept cold (FDA Food Code 3-501.16)."""


class Cabinets(msgspec.Struct, frozen=True, kw_only=True):
    """Devices side by side: each array has an entry per device. Resistances K/W, capacities J/K, powers W,
    temperatures °C, times s. ``open_share`` is the part of full infiltration that a minute with an opened door has,
    ``ajar_share`` that of a door left ajar."""

    kinds: list[CabinetKind]
    r_case: FloatArray
    r_food: FloatArray
    r_infiltration: FloatArray
    r_wall: FloatArray
    c_air: FloatArray
    c_food: FloatArray
    c_case: FloatArray
    cooling_w: FloatArray
    heater_w: FloatArray
    set_c: FloatArray
    half_band_c: FloatArray
    ambient_c: FloatArray
    sensor_lag_s: FloatArray
    defrosts_a_day: npt.NDArray[np.int64]
    defrost_min: npt.NDArray[np.int64]
    defrost_first_min: npt.NDArray[np.int64]
    frost_a_day: FloatArray
    doors_an_hour: FloatArray
    open_share: FloatArray
    ajar_share: FloatArray

    @property
    def count(self) -> int:
        return len(self.kinds)

    @property
    def food_limit_c(self) -> FloatArray:
        return np.array([FOOD_LIMIT_C[kind] for kind in self.kinds])


def draw_cabinets(devices: int, rng: np.random.Generator) -> Cabinets:
    """Cabinets at random: every third is a chiller, the others are freezers."""
    kinds: list[CabinetKind] = ["chiller" if number % 3 == 2 else "freezer" for number in range(devices)]
    freezer = np.array([kind == "freezer" for kind in kinds])

    def near(value: float) -> FloatArray:
        return value * np.exp(rng.normal(0.0, SPREAD, devices))

    r_case, r_wall, r_infiltration = near(R_CASE), near(R_WALL), near(R_INFILTRATION)
    set_c = np.where(freezer, rng.uniform(-21.0, -19.5, devices), rng.uniform(1.8, 2.6, devices))
    ambient_c = rng.uniform(20.0, 25.0, devices)
    doors_an_hour = np.where(freezer, rng.uniform(2.0, 6.0, devices), rng.uniform(4.0, 12.0, devices))
    open_share = rng.uniform(0.3, 0.6, devices)
    defrosts, defrost_min = rng.integers(2, 5, devices), rng.integers(20, 31, devices)
    heater_w = np.where(freezer, near(2_000.0), 0.0)
    gap_c = ambient_c - set_c
    doors_w = gap_c / r_infiltration * open_share * doors_an_hour * 14 / 1_440
    load_w = gap_c / (r_case + r_wall) + doors_w + heater_w * defrosts * defrost_min / 1_440
    return Cabinets(
        kinds=kinds,
        r_case=r_case,
        r_food=near(R_FOOD),
        r_infiltration=r_infiltration,
        r_wall=r_wall,
        c_air=near(C_AIR),
        c_food=near(C_FOOD),
        c_case=near(C_CASE),
        cooling_w=OVERSIZE * load_w * rng.uniform(0.95, 1.1, devices),
        heater_w=heater_w,
        set_c=set_c,
        half_band_c=np.where(freezer, rng.uniform(1.2, 1.6, devices), rng.uniform(0.7, 1.0, devices)),
        ambient_c=ambient_c,
        sensor_lag_s=rng.uniform(120.0, 300.0, devices),
        defrosts_a_day=defrosts,
        defrost_min=defrost_min,
        defrost_first_min=rng.integers(0, 360, devices),
        frost_a_day=rng.uniform(0.04, 0.10, devices),
        doors_an_hour=doors_an_hour,
        open_share=open_share,
        ajar_share=rng.uniform(0.15, 0.4, devices),
    )
