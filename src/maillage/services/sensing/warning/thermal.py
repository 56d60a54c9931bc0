"""The reduced thermal model: what a temperature should be, given what door and defrost did.

A cold case with its thermostat answers a push (warm air through the door, the heater of a defrost) by rising and coming
back. Each path on which heat comes back out is a resistance and a capacity, so the answer is a sum of first-order lags
of the push; how much of each is learnt by least squares for every unit on its own. The model is driven by its inputs
alone and never by the measured temperature, so a slow change of the unit stays visible instead of being followed.
"""

import math

import msgspec

from maillage.services.sensing.warning.rls import Rls
from maillage.services.sensing.warning.settings import STEP_S

DOOR_LAGS_S = (900.0, 3_600.0)
DEFROST_LAGS_S = (600.0, 2_400.0, 9_000.0)
"""Air, evaporator and food: the time constants of the reference case are 9 minutes, 15 minutes and 3.6 hours."""
UNKNOWNS = 3 + len(DOOR_LAGS_S) + len(DEFROST_LAGS_S)
_DOOR_SHARES = tuple(1.0 - math.exp(-STEP_S / lag) for lag in DOOR_LAGS_S)
_DEFROST_SHARES = tuple(1.0 - math.exp(-STEP_S / lag) for lag in DEFROST_LAGS_S)
QUIET, DOOR, DEFROST = 0, 1, 2
"""Circumstances; the model errs differently in each."""


class ThermalModel(msgspec.Struct):
    """The model of one unit, a step of five minutes at a time. Constant in memory."""

    rls: Rls
    door: list[float]
    defrost: list[float]

    @classmethod
    def fresh(cls) -> "ThermalModel":
        return cls(Rls.of(UNKNOWNS), [0.0] * len(DOOR_LAGS_S), [0.0] * len(DEFROST_LAGS_S))

    def inputs(self, door: float, defrost: float) -> list[float]:
        """What drives it in this step, from the shares of it in which the door stood open and a defrost was on."""
        row = [1.0, door, *self.door, defrost, *self.defrost]
        self.door = [lag + share * (door - lag) for lag, share in zip(self.door, _DOOR_SHARES, strict=True)]
        self.defrost = [lag + share * (defrost - lag) for lag, share in zip(self.defrost, _DEFROST_SHARES, strict=True)]
        return row

    def circumstance(self) -> int:
        """Which of the circumstances this step is in: what happened up to an hour ago still shows."""
        if self.defrost[1] > 0.08:
            return DEFROST
        return DOOR if self.door[0] > 0.04 or self.door[1] > 0.04 else QUIET
