"""The simulation itself: all devices side by side, minute by minute."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid
from maillage.services.sensing.simulate.cabinets import Cabinets, FloatArray, draw_cabinets
from maillage.services.sensing.simulate.faults import MINUTES_A_DAY, FaultKind, PlannedFault, draw_faults
from maillage.services.sensing.simulate.inputs import BoolArray, Inputs, draw_inputs
from maillage.services.sensing.simulate.thermal import STATES, exact_steps

STEP_S = 60
START_S = 1_767_225_600
"""2026-01-01T00:00:00Z."""
DEVICES_MAX, DAYS_MAX, CELLS_MAX = 1_000, 3_660, 30_000_000
"""At most so many readings (devices times minutes) are kept in memory: 700 MB."""
NOISE_K, QUANTUM_K = 0.1, 0.1
LOSS_WITHIN_MIN = 2 * MINUTES_A_DAY
"""Food that leaves its limits so soon after a fault's end left them because of the fault."""
CHUNK_CELLS = 30_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What was simulated. Arrays are (devices, minutes): ``value`` as a sensor reports it, NaN where it was silent;
    ``food_c`` the truth. ``left_min`` is, for each fault, the minute in which food left its limits because of it."""

    cabinets: Cabinets
    faults: list[PlannedFault]
    left_min: list[int | None]
    value: FloatArray
    door: BoolArray
    defrost: BoolArray
    food_c: FloatArray


def simulate(devices: int, days: int, seed: int, advance: Callable[[int], object] = lambda _: None) -> Run:
    """A year, or what ``days`` says, of ``devices``; the same for the same seed. ``advance`` hears of the minutes that
    were done. Invalid for sizes out of range."""
    require_sizes(devices, days, seed)
    rng = np.random.default_rng(seed)
    cabinets = draw_cabinets(devices, rng)
    faults = draw_faults(cabinets.kinds, days, rng)
    total = days * MINUTES_A_DAY
    value, food = np.empty((devices, total)), np.empty((devices, total))
    door, defrost = np.empty((devices, total), bool), np.empty((devices, total), bool)
    for first, inputs, states in _stretches(cabinets, faults, total, rng):
        span = slice(first, first + len(states))
        noise = rng.normal(0.0, NOISE_K, (len(states), devices))
        value[:, span] = (states[..., 3] + noise).T
        food[:, span] = states[..., 1].T
        door[:, span], defrost[:, span] = inputs.door.T, inputs.defrost.T
        advance(len(states))
    _spoil(value, faults)
    value = np.round(value / QUANTUM_K) * QUANTUM_K
    left = [_left(fault, food[fault.device], cabinets.food_limit_c[fault.device]) for fault in faults]
    return Run(cabinets=cabinets, faults=faults, left_min=left, value=value, door=door, defrost=defrost, food_c=food)


def require_sizes(devices: int, days: int, seed: int) -> None:
    """Invalid, naming the option, unless a simulation of this size can be made."""
    if not 1 <= devices <= DEVICES_MAX:
        raise Invalid("devices", f"must be 1 to {DEVICES_MAX:,}")
    if not 1 <= days <= DAYS_MAX:
        raise Invalid("days", f"must be 1 to {DAYS_MAX:,}")
    if devices * days * MINUTES_A_DAY > CELLS_MAX:
        fit = CELLS_MAX // (devices * MINUTES_A_DAY)
        raise Invalid("days", f"are too many for {devices:,} devices: at most {fit:,} fit, or take fewer devices")
    if seed < 0:
        raise Invalid("seed", "must not be negative")


def _stretches(
    cabinets: Cabinets, faults: list[PlannedFault], total: int, rng: np.random.Generator
) -> Iterator[tuple[int, Inputs, FloatArray]]:
    """Inputs and states (minutes, devices, 4), a stretch at a time."""
    matrices, room, power = exact_steps(cabinets, STEP_S)
    every = np.arange(cabinets.count)
    wall = cabinets.set_c + (cabinets.ambient_c - cabinets.set_c) * cabinets.r_wall / (
        cabinets.r_wall + cabinets.r_case
    )
    state = np.stack([cabinets.set_c, cabinets.set_c, wall, cabinets.set_c], axis=1)[..., None]
    running = np.ones((cabinets.count, 1, 1), bool)
    warm = (cabinets.set_c + cabinets.half_band_c)[:, None, None]
    cold = (cabinets.set_c - cabinets.half_band_c)[:, None, None]
    stretch = max(CHUNK_CELLS // cabinets.count, 60)
    for first in range(0, total, stretch):
        minutes = min(stretch, total - first)
        inputs = draw_inputs(cabinets, faults, first, minutes, rng)
        step = matrices[every, inputs.mode]
        push = room[every, inputs.mode] * inputs.ambient_c[..., None]
        into_air = power[every, inputs.mode]
        push = (push + into_air * inputs.heater_w[..., None])[..., None]
        cooled = (into_air * (inputs.cooling_w * inputs.may_cool)[..., None])[..., None]
        states = np.empty((minutes, cabinets.count, STATES, 1))
        for minute in range(minutes):
            # A thermostat: on above the band, off below it, and as it was within.
            air = state[:, :1]
            running = (air > warm) | (running & (air > cold))
            state = np.matmul(step[minute], state, out=states[minute])
            state += push[minute]
            state -= running * cooled[minute]
        yield first, inputs, states[..., 0]


def _spoil(value: FloatArray, faults: list[PlannedFault]) -> None:
    """What broken sensors report instead."""
    for fault in faults:
        seen = value[fault.device, fault.start_min : fault.end_min]
        if fault.kind is FaultKind.SENSOR_DRIFT:
            seen += fault.strength * np.arange(len(seen)) / MINUTES_A_DAY
        elif fault.kind is FaultKind.SENSOR_STUCK:
            seen[:] = seen[0]
        elif fault.kind is FaultKind.SENSOR_DROPOUT:
            seen[:] = np.nan


def _left(fault: PlannedFault, food_c: FloatArray, limit_c: float) -> int | None:
    warm = food_c[fault.start_min : fault.end_min + LOSS_WITHIN_MIN] > limit_c
    return fault.start_min + int(np.argmax(warm)) if warm.any() else None
