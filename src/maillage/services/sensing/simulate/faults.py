"""What goes wrong, when, and for how long: drawn at random, and kept as labels."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import numpy as np

from maillage.services.sensing.simulate.cabinets import CabinetKind


class FaultKind(StrEnum):
    """The faults that are simulated; the first seven act on the cabinet, the last three on its sensor."""

    COMPRESSOR_OFF = "compressor_off"
    REFRIGERANT_LEAK = "refrigerant_leak"
    EVAPORATOR_FAN = "evaporator_fan"
    FROST = "frost"
    DOOR_AJAR = "door_ajar"
    HEATER_STUCK = "heater_stuck"
    MISSED_DEFROST = "missed_defrost"
    SENSOR_DRIFT = "sensor_drift"
    SENSOR_STUCK = "sensor_stuck"
    SENSOR_DROPOUT = "sensor_dropout"


SENSOR_FAULTS = (FaultKind.SENSOR_DRIFT, FaultKind.SENSOR_STUCK, FaultKind.SENSOR_DROPOUT)
HOURS = {
    FaultKind.COMPRESSOR_OFF: (10, 24),
    FaultKind.REFRIGERANT_LEAK: (120, 300),
    FaultKind.EVAPORATOR_FAN: (24, 60),
    FaultKind.FROST: (96, 240),
    FaultKind.DOOR_AJAR: (2, 10),
    FaultKind.HEATER_STUCK: (4, 12),
    FaultKind.MISSED_DEFROST: (24, 72),
    FaultKind.SENSOR_DRIFT: (168, 400),
    FaultKind.SENSOR_STUCK: (12, 48),
    FaultKind.SENSOR_DROPOUT: (1, 8),
}
"""How long each lasts until somebody mends it, shortest and longest."""
FIRST_DAY = 15
"""No fault before: what watches a device is to see it healthy for two weeks."""
APART_DAYS = (12, 30)
"""From the end of a fault to the next one of the device: walls and food need days to be cold again."""
MINUTES_A_DAY = 1_440


class PlannedFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of one device, in minutes from the start. ``strength`` means, by kind: for a leak the days in which the
    cooling power falls to 1/e, for frost the share of the power that is lost at the end, for a drift kelvin a day; for
    a door left ajar 1 where its contact sees it, 0 where it says closed."""

    device: int
    kind: FaultKind
    start_min: int
    end_min: int
    strength: float = 0.0


def draw_faults(cabinet_kinds: Sequence[CabinetKind], days: int, rng: np.random.Generator) -> list[PlannedFault]:
    """Faults of each device one after the other, every kind once before any comes again. A chiller has no heater that
    could stick: it thaws while its compressor rests."""
    planned = []
    for device, cabinet in enumerate(cabinet_kinds):
        kinds = [kind for kind in FaultKind if cabinet == "freezer" or kind is not FaultKind.HEATER_STUCK]
        order = [kinds[number] for number in rng.permutation(len(kinds))]
        at, number = FIRST_DAY * MINUTES_A_DAY + int(rng.integers(0, 10 * MINUTES_A_DAY)), 0
        while True:
            kind = order[number % len(order)]
            end = at + int(rng.integers(HOURS[kind][0] * 60, HOURS[kind][1] * 60))
            if end >= days * MINUTES_A_DAY:
                break
            strength = _strength(kind, rng)
            planned.append(PlannedFault(device=device, kind=kind, start_min=at, end_min=end, strength=strength))
            at = end + int(rng.integers(APART_DAYS[0] * MINUTES_A_DAY, APART_DAYS[1] * MINUTES_A_DAY))
            number += 1
    return planned


def _strength(kind: FaultKind, rng: np.random.Generator) -> float:
    if kind is FaultKind.REFRIGERANT_LEAK:
        return float(rng.uniform(2.0, 8.0))
    if kind is FaultKind.FROST:
        return float(rng.uniform(0.5, 1.0))
    if kind is FaultKind.SENSOR_DRIFT:
        return float(rng.uniform(0.1, 0.5) * rng.choice([-1.0, 1.0]))
    return float(rng.integers(0, 2))
