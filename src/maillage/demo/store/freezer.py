"""A freezer by the thermal model, a minute at a time, so that its compressor can stop and be mended as people act."""

from typing import NamedTuple

import numpy as np

from maillage.services.sensing.simulate.cabinets import draw_cabinets
from maillage.services.sensing.simulate.faults import FaultKind, PlannedFault
from maillage.services.sensing.simulate.inputs import draw_inputs
from maillage.services.sensing.simulate.run import NOISE_K
from maillage.services.sensing.simulate.thermal import exact_steps

STEP_S = 60


class Measured(NamedTuple):
    """What its sensors say: °C of the air, whether a door is open, whether it defrosts."""

    temperature: float
    door: bool
    defrost: bool


class Freezer:
    """The same for the same ``seed``. It begins cold, at the minute ``at_min`` of a day by which doors and defrosts
    go."""

    def __init__(self, seed: int, at_min: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._cabinet = cabinet = draw_cabinets(1, self._rng)
        self._matrices, self._room, self._power = exact_steps(cabinet, STEP_S)
        set_c = cabinet.set_c[0]
        wall_share = cabinet.r_wall[0] / (cabinet.r_wall[0] + cabinet.r_case[0])
        self._state = np.array([set_c, set_c, set_c + (cabinet.ambient_c[0] - set_c) * wall_share, set_c])
        self._runs = True
        self._at_min = at_min
        self.compressor_stopped = False

    @property
    def food_c(self) -> float:
        """How cold the food really is, which no sensor says."""
        return float(self._state[1])

    def minute(self) -> Measured:
        """Let a minute go by."""
        cabinet, faults = self._cabinet, list[PlannedFault]()
        if self.compressor_stopped:
            kind = FaultKind.COMPRESSOR_OFF
            faults = [PlannedFault(device=0, kind=kind, start_min=self._at_min, end_min=self._at_min + 1)]
        inputs = draw_inputs(cabinet, faults, self._at_min, 1, self._rng)
        mode = inputs.mode[0, 0]
        air_c, set_c, half_c = self._state[0], cabinet.set_c[0], cabinet.half_band_c[0]
        self._runs = bool(air_c > set_c + half_c or (self._runs and air_c > set_c - half_c))
        cooling_w = inputs.cooling_w[0, 0] * inputs.may_cool[0, 0] if self._runs else 0.0
        self._state = (
            self._matrices[0, mode] @ self._state
            + self._room[0, mode] * inputs.ambient_c[0, 0]
            + self._power[0, mode] * (inputs.heater_w[0, 0] - cooling_w)
        )
        self._at_min += 1
        shown_c = round(float(self._state[3] + self._rng.normal(0.0, NOISE_K)), 1)
        return Measured(shown_c, bool(inputs.door[0, 0]), bool(inputs.defrost[0, 0]))
