"""What acts on the cabinets in a stretch of minutes: the room, the doors, the defrosts, and the faults' doing."""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from maillage.services.sensing.simulate.cabinets import Cabinets, FloatArray
from maillage.services.sensing.simulate.faults import MINUTES_A_DAY, FaultKind, PlannedFault
from maillage.services.sensing.simulate.thermal import FAN_FAILED_COOLING, Mode

BoolArray = npt.NDArray[np.bool_]
OPENS_MIN, CLOSES_MIN = 8 * 60, 22 * 60
"""Minutes of the day between which customers open doors."""
RESTOCK_MIN, RESTOCK_LASTS_MIN, RESTOCK_OPEN_MIN = 6 * 60 + 30, 12, 3
"""Once a day the door is opened again and again to fill the shelves: three minutes of four, for twelve minutes."""
DAY_SWING_K, YEAR_SWING_K = 2.0, 2.0
"""The room is warmest at 16 h and in July."""
FROST_MAX = 0.95
"""Share of the cooling power that ice can take."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """All arrays (minutes, devices). ``mode`` is the thermal model's, ``cooling_w`` what a running compressor takes out
    now, ``door`` and ``defrost`` what contacts report."""

    mode: npt.NDArray[np.int64]
    ambient_c: FloatArray
    cooling_w: FloatArray
    heater_w: FloatArray
    may_cool: BoolArray
    door: BoolArray
    defrost: BoolArray


def draw_inputs(
    cabinets: Cabinets, faults: list[PlannedFault], first_min: int, minutes: int, rng: np.random.Generator
) -> Inputs:
    """The minutes ``[first_min, first_min + minutes)``. Doors are drawn; all else follows from the time."""
    at = np.arange(first_min, first_min + minutes)
    of_day = at % MINUTES_A_DAY
    door = _doors(cabinets, of_day, rng)
    defrost, since_min = _defrosts(cabinets, at)
    day, year = 2 * math.pi / MINUTES_A_DAY, 2 * math.pi / (365.25 * MINUTES_A_DAY)
    swing = DAY_SWING_K * np.cos(day * (of_day - 16 * 60)) + YEAR_SWING_K * np.cos(year * (at - 196 * MINUTES_A_DAY))
    mode = np.where(door, Mode.OPEN, Mode.CLOSED).astype(np.int64)
    frost = since_min * (cabinets.frost_a_day / MINUTES_A_DAY)
    share = np.ones((minutes, cabinets.count))
    heater, may_cool, reported = defrost.copy(), ~defrost, door.copy()
    for fault in faults:
        low, high = max(fault.start_min - first_min, 0), min(fault.end_min - first_min, minutes)
        if low >= high:
            continue
        span, one = slice(low, high), fault.device
        since = at[span] - fault.start_min
        if fault.kind is FaultKind.COMPRESSOR_OFF:
            may_cool[span, one] = False
        elif fault.kind is FaultKind.REFRIGERANT_LEAK:
            share[span, one] *= np.exp(-since / (fault.strength * MINUTES_A_DAY))
        elif fault.kind is FaultKind.EVAPORATOR_FAN:
            share[span, one] *= FAN_FAILED_COOLING
            mode[span, one] = np.where(door[span, one], Mode.FAN_OPEN, Mode.FAN)
        elif fault.kind is FaultKind.FROST:
            frost[span, one] += fault.strength * since / (fault.end_min - fault.start_min)
        elif fault.kind is FaultKind.DOOR_AJAR:
            mode[span, one] = np.where(door[span, one], mode[span, one], Mode.AJAR)
            reported[span, one] |= fault.strength > 0
        elif fault.kind is FaultKind.HEATER_STUCK:
            heater[span, one] = True  # a welded relay: the controller believes it off
        elif fault.kind is FaultKind.MISSED_DEFROST:
            skipped = defrost[span, one]
            heater[span, one] &= ~skipped
            may_cool[span, one] |= skipped
            defrost[span, one] = False
            # Ice that no defrost took away insulates the more the longer it grows.
            frost[span, one] += 4 * since * cabinets.frost_a_day[one] / MINUTES_A_DAY
    return Inputs(
        mode=mode,
        ambient_c=cabinets.ambient_c + swing[:, None],
        cooling_w=cabinets.cooling_w * share * (1 - np.clip(frost, 0, FROST_MAX)),
        heater_w=heater * cabinets.heater_w,
        may_cool=may_cool,
        door=reported,
        defrost=defrost,
    )


def _doors(cabinets: Cabinets, of_day: npt.NDArray[np.int64], rng: np.random.Generator) -> BoolArray:
    """Minutes in which the door was opened: as a Poisson process in shop hours, and while shelves are filled."""
    trading = ((of_day >= OPENS_MIN) & (of_day < CLOSES_MIN))[:, None]
    into = of_day - RESTOCK_MIN
    filling = ((into >= 0) & (into < RESTOCK_LASTS_MIN) & (into % (RESTOCK_OPEN_MIN + 1) < RESTOCK_OPEN_MIN))[:, None]
    opened = rng.random((len(of_day), cabinets.count)) < cabinets.doors_an_hour / 60
    return (trading & opened) | filling


def _defrosts(cabinets: Cabinets, at: npt.NDArray[np.int64]) -> tuple[BoolArray, FloatArray]:
    """Whether a defrost is on by schedule, and the minutes since the last one began."""
    period = MINUTES_A_DAY // cabinets.defrosts_a_day
    since = (at[:, None] - cabinets.defrost_first_min) % period
    return since < cabinets.defrost_min, since.astype(np.float64)
