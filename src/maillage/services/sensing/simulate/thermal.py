"""The thermal model, stepped exactly.

Air, food, wall and the lagging sensor are linear as long as door, fan and powers stay as they are, so a step of any
length is a matrix: the exponential of the system's. The door and the fan change the matrix, so there is one for each
mode; the compressor and the heater only add power.

    Ca dTa = (Tf-Ta)/Rf + (Tw-Ta)/Rw + door (Tamb-Ta)/Rinf - on Q (1-frost) + Qheater
    Cf dTf = (Ta-Tf)/Rf
    Cw dTw = (Tamb-Tw)/Rcase + (Ta-Tw)/Rw
    lag dTs = Ta-Ts
"""

from enum import IntEnum

import numpy as np
from scipy.linalg import expm

from maillage.services.sensing.simulate.cabinets import Cabinets, FloatArray

STATES = 4
"""Air, food, wall, sensor."""
FAN_FAILED_R_FOOD = 3.0
"""How much worse food and air exchange heat when the evaporator's fan stands."""
FAN_FAILED_COOLING = 0.4
"""What is left of the cooling power then."""


class Mode(IntEnum):
    """What a step's matrix depends on."""

    CLOSED = 0
    OPEN = 1
    AJAR = 2
    FAN = 3
    FAN_OPEN = 4


def exact_steps(cabinets: Cabinets, step_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The matrices of one step of ``step_s`` seconds: of the state (devices, modes, 4, 4), of 1 K in the room and of 1
    W into the air (devices, modes, 4 each). A step is ``state @ x + room * ambient + power * watts``."""
    share = {Mode.CLOSED: np.zeros(cabinets.count), Mode.FAN: np.zeros(cabinets.count)}
    share |= {Mode.OPEN: cabinets.open_share, Mode.FAN_OPEN: cabinets.open_share, Mode.AJAR: cabinets.ajar_share}
    system = np.zeros((cabinets.count, len(Mode), STATES + 2, STATES + 2))
    for mode in Mode:
        worse = FAN_FAILED_R_FOOD if mode in (Mode.FAN, Mode.FAN_OPEN) else 1.0
        food, wall = 1.0 / (cabinets.r_food * worse), 1.0 / cabinets.r_wall
        door, case = share[mode] / cabinets.r_infiltration, 1.0 / cabinets.r_case
        rows = system[:, mode]
        rows[:, 0, 0] = -(food + wall + door) / cabinets.c_air
        rows[:, 0, 1], rows[:, 0, 2] = food / cabinets.c_air, wall / cabinets.c_air
        rows[:, 0, 4], rows[:, 0, 5] = door / cabinets.c_air, 1.0 / cabinets.c_air
        rows[:, 1, 0], rows[:, 1, 1] = food / cabinets.c_food, -food / cabinets.c_food
        rows[:, 2, 0], rows[:, 2, 2] = wall / cabinets.c_case, -(wall + case) / cabinets.c_case
        rows[:, 2, 4] = case / cabinets.c_case
        rows[:, 3, 0], rows[:, 3, 3] = 1.0 / cabinets.sensor_lag_s, -1.0 / cabinets.sensor_lag_s
    whole = expm(system * step_s)
    return whole[..., :STATES, :STATES], whole[..., :STATES, STATES], whole[..., :STATES, STATES + 1]
