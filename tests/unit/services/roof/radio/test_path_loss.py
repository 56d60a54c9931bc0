"""Path loss by TR 38.901: against values of other implementations, and what any loss must be like."""

import csv
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.roof.radio.indoor import wall_loss_db
from maillage.services.roof.radio.path_loss import los_probability, path_loss_db, shadow_sigma_db
from maillage.services.roof.radio.scenarios import CONDITIONS, SCENARIOS, Condition, Scenario
from maillage.services.roof.radio.tr38901 import rma, uma
from maillage.services.roof.radio.validity import BOUNDS, DISTANCE_MIN_M, distance_max_m
from tests.shared_data import shared_file

scenarios = st.sampled_from(SCENARIOS)
conditions = st.sampled_from(CONDITIONS)


def reference() -> list[dict[str, str]]:
    with shared_file("standards/tr38901_reference.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_of_the_reference_table_comes_out() -> None:
    rows = reference()
    assert len(rows) == 168
    for row in rows:
        scenario: Any = row["scenario"]
        condition: Any = row["condition"]
        where = [float(row[name]) for name in ("d2d_m", "fc_ghz", "h_bs_m", "h_ut_m")]
        streets = {name: float(row[name]) for name in ("h_bldg_m", "w_street_m") if row[name]}
        assert path_loss_db(scenario, condition, *where, **streets) == pytest.approx(float(row["pl_db"]), abs=1e-3), row
        assert los_probability(scenario, where[0], where[3]) == pytest.approx(float(row["p_los"]), abs=1e-6), row
        assert shadow_sigma_db(scenario, condition, *where) == float(row["sigma_sf_db"]), row
        assert wall_loss_db("low", where[1]) == pytest.approx(float(row["o2i_tw_low_db"]), abs=1e-3), row
        assert wall_loss_db("high", where[1]) == pytest.approx(float(row["o2i_tw_high_db"]), abs=1e-3), row


@pytest.mark.parametrize(
    ("scenario", "condition", "fc_ghz", "h_bs_m", "d2d_m", "loss_db"),
    [
        ("UMa", "LOS", 3.5, 25, 1_000, 109.41),
        ("UMa", "NLOS", 3.5, 25, 1_000, 141.67),
        ("UMa", "LOS", 3.5, 25, 50, 77.21),  # 76.26 where d2D is taken for d3D
        ("UMi", "NLOS", 3.5, 10, 100, 104.64),
        ("UMi", "NLOS", 3.5, 10, 250, 118.64),
        ("UMi", "NLOS", 3.5, 10, 1_000, 139.89),
        ("UMi", "LOS", 26, 10, 250, 111.06),
        ("RMa", "LOS", 3.5, 10, 2_000, 116.83),
        ("RMa", "NLOS", 3.5, 35, 2_000, 142.05),
    ],
)
def test_values_to_remember(
    scenario: Scenario, condition: Condition, fc_ghz: float, h_bs_m: float, d2d_m: float, loss_db: float
) -> None:
    assert path_loss_db(scenario, condition, d2d_m, fc_ghz, h_bs_m, 1.5) == pytest.approx(loss_db, abs=0.006)


def test_streets_and_buildings_count_in_rma_without_line_of_sight() -> None:
    plain = path_loss_db("RMa", "NLOS", 2_000, 0.7, 35, 1.5)
    wider = path_loss_db("RMa", "NLOS", 2_000, 0.7, 35, 1.5, w_street_m=40)
    assert plain - wider == pytest.approx(7.1 * np.log10(2))
    higher = path_loss_db("RMa", "NLOS", 2_000, 0.7, 35, 1.5, h_bldg_m=10)
    expected = 7.5 * np.log10(2) + 3.7 * (10**2 - 5**2) / 35**2 * np.log10(35)
    assert higher - plain == pytest.approx(expected)


def test_rma_in_line_of_sight_has_more_shadowing_beyond_its_breakpoint() -> None:
    edge_m = float(rma.breakpoint_m(np.array(0.7), np.array(10.0), np.array(1.5)))
    assert edge_m == pytest.approx(2 * np.pi * 10 * 1.5 * 0.7e9 / 3.0e8)
    sigma = shadow_sigma_db("RMa", "LOS", np.array([100, edge_m - 1, edge_m + 1, 10_000]), 0.7, 10, 1.5)
    assert sigma.tolist() == [4, 4, 6, 6]


@pytest.mark.parametrize(("scenario", "sigma_db"), [("UMa", 7), ("UMi", 7), ("RMa", 8)])
def test_shadowing_with_a_building_is_the_same_with_and_without_line_of_sight(
    scenario: Scenario, sigma_db: float
) -> None:
    h_bs_m = BOUNDS[scenario].h_bs_m.low
    for condition in CONDITIONS:
        sigma = shadow_sigma_db(scenario, condition, [20, 4_000], 2.1, h_bs_m, 1.5, indoor=True)
        assert sigma.tolist() == [sigma_db, sigma_db]


@given(st.data(), scenarios, conditions)
def test_a_loss_grows_with_distance_and_never_undercuts_line_of_sight(
    data: st.DataObject, scenario: Scenario, condition: Condition
) -> None:
    bounds = BOUNDS[scenario]
    fc_ghz = data.draw(st.floats(*bounds.fc_ghz))
    h_bs_m = data.draw(st.floats(*bounds.h_bs_m))
    h_ut_m = data.draw(st.floats(bounds.h_ut_m.low, min(bounds.h_ut_m.high, 12.9)))
    far_m = distance_max_m(scenario, "NLOS")
    d2d_m = np.geomspace(DISTANCE_MIN_M, far_m, 300)
    loss = path_loss_db(scenario, condition, d2d_m, fc_ghz, h_bs_m, h_ut_m)
    assert (np.diff(loss) > -1e-9).all()
    assert (loss >= path_loss_db(scenario, "LOS", d2d_m, fc_ghz, h_bs_m, h_ut_m)).all()


@given(st.data(), scenarios, conditions)
def test_an_array_gives_what_its_numbers_give(data: st.DataObject, scenario: Scenario, condition: Condition) -> None:
    bounds = BOUNDS[scenario]
    spans = [(DISTANCE_MIN_M, distance_max_m(scenario, condition)), bounds.fc_ghz, bounds.h_bs_m, bounds.h_ut_m]
    rows = data.draw(st.lists(st.tuples(*(st.floats(*span) for span in spans)), min_size=1, max_size=5))
    whole = path_loss_db(scenario, condition, *np.array(rows).T)
    assert whole.shape == (len(rows),)
    assert whole == pytest.approx([float(path_loss_db(scenario, condition, *row)) for row in rows])
    chances = los_probability(scenario, np.array(rows)[:, 0], np.array(rows)[:, 3])
    assert chances == pytest.approx([float(los_probability(scenario, row[0], row[3])) for row in rows])
    assert ((chances >= 0) & (chances <= 1)).all()


def test_arguments_broadcast_together() -> None:
    loss = path_loss_db("UMi", "NLOS", np.array([[100.0], [200.0]]), np.array([3.5, 26.0, 39.0]), 10, 1.5)
    assert loss.shape == (2, 3)
    assert loss[1, 2] == path_loss_db("UMi", "NLOS", 200, 39, 10, 1.5)
    assert los_probability("RMa", [100, 200], [[1.5], [3.0]]).shape == (2, 2)


@given(scenarios, st.floats(0, 10_000))
def test_line_of_sight_is_sure_nearby_and_rarer_farther_off(scenario: Scenario, d2d_m: float) -> None:
    assert los_probability(scenario, 10, 1.5) == 1
    assert los_probability(scenario, d2d_m + 100, 1.5) < los_probability(scenario, 10, 1.5)
    assert los_probability(scenario, d2d_m + 1, 1.5) <= los_probability(scenario, d2d_m, 1.5)


def test_high_terminals_in_uma_see_more_and_may_see_roofs_as_their_ground() -> None:
    assert los_probability("UMa", 300, 22.5) > los_probability("UMa", 300, 13) == los_probability("UMa", 300, 1.5)
    heights = dict(uma.environment_heights(np.array(300.0), np.array(19.5)))
    raised = (6.5 / 10) ** 1.5 * 1.25 * 27 * np.exp(-2)
    assert heights[1.0] == pytest.approx(1 / (1 + raised))
    assert heights[12.0] == heights[15.0] == heights[18.0] == pytest.approx((1 - heights[1.0]) / 3)
    assert heights[21.0] == 0


@given(st.floats(1.5, 22.5), st.floats(10, 5_000))
def test_the_chances_of_all_environment_heights_add_up(h_ut_m: float, d2d_m: float) -> None:
    heights = list(uma.environment_heights(np.array(d2d_m), np.array(h_ut_m)))
    assert sum(float(chance) for _, chance in heights) == pytest.approx(1)
    assert all(height_m < h_ut_m for height_m, chance in heights if chance > 0)


def test_the_loss_to_a_high_terminal_is_the_mean_over_the_environment_heights() -> None:
    d, f, h_bs, h_ut = (np.array(each) for each in (900.0, 3.5, 25.0, 16.5))
    of_height = {height_m: float(uma.los_db(d, f, h_bs, h_ut, height_m)) for height_m in (1.0, 12.0, 15.0)}
    mean = path_loss_db("UMa", "LOS", d, f, h_bs, h_ut)
    ground = dict(uma.environment_heights(d, h_ut))[1.0]
    assert mean == pytest.approx(ground * of_height[1.0] + (1 - ground) * (of_height[12.0] + of_height[15.0]) / 2)
    assert min(of_height.values()) < mean < max(of_height.values())
