"""The thermal model's exact steps, against the equations solved by another method."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from maillage.services.sensing.simulate.cabinets import Cabinets, draw_cabinets
from maillage.services.sensing.simulate.thermal import FAN_FAILED_R_FOOD, Mode, exact_steps


@pytest.fixture(scope="module")
def cabinets() -> Cabinets:
    return draw_cabinets(4, np.random.default_rng(3))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_step_is_the_solution_of_the_equations(cabinets: Cabinets, mode: Mode) -> None:
    one, room, watts = 1, 24.0, -900.0
    share = {Mode.OPEN: cabinets.open_share, Mode.FAN_OPEN: cabinets.open_share, Mode.AJAR: cabinets.ajar_share}
    door = share[mode][one] if mode in share else 0.0
    r_food = cabinets.r_food[one] * (FAN_FAILED_R_FOOD if mode in (Mode.FAN, Mode.FAN_OPEN) else 1.0)

    def slope(_: float, state: np.ndarray) -> list[float]:
        air, food, wall, sensor = state
        into_air = (food - air) / r_food + (wall - air) / cabinets.r_wall[one] + watts
        into_air += door * (room - air) / cabinets.r_infiltration[one]
        into_wall = (room - wall) / cabinets.r_case[one] + (air - wall) / cabinets.r_wall[one]
        return [
            into_air / cabinets.c_air[one],
            (air - food) / r_food / cabinets.c_food[one],
            into_wall / cabinets.c_case[one],
            (air - sensor) / cabinets.sensor_lag_s[one],
        ]

    start = np.array([-18.0, -20.0, -5.0, -19.0])
    solved = solve_ivp(slope, (0.0, 600.0), start, rtol=1e-10, atol=1e-10).y[:, -1]
    state, ambient, power = exact_steps(cabinets, 60.0)
    stepped = start
    for _ in range(10):
        stepped = state[one, mode] @ stepped + ambient[one, mode] * room + power[one, mode] * watts
    assert stepped == pytest.approx(solved, abs=1e-6)


def test_without_cooling_everything_ends_at_the_room(cabinets: Cabinets) -> None:
    state, ambient, _ = exact_steps(cabinets, 300 * 86_400.0)
    for device in range(cabinets.count):
        end = state[device, Mode.CLOSED] @ np.full(4, -20.0) + ambient[device, Mode.CLOSED] * 22.0
        assert end == pytest.approx(np.full(4, 22.0), abs=0.01)


def test_devices_differ_and_every_third_is_a_chiller(cabinets: Cabinets) -> None:
    assert cabinets.kinds == ["freezer", "freezer", "chiller", "freezer"]
    assert len(set(cabinets.r_food)) == 4
    assert cabinets.heater_w[2] == 0.0
