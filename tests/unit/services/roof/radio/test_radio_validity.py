"""What the models of TR 38.901 are refused for, and what they are warned of."""

import math
from typing import Any

import numpy as np
import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.radio.path_loss import los_probability, path_loss_db, shadow_sigma_db
from maillage.services.roof.radio.validity import require_valid, warnings_for

GOOD: dict[str, dict[str, Any]] = {
    "UMa": {"condition": "NLOS", "d2d_m": 500, "fc_ghz": 3.5, "h_bs_m": 25, "h_ut_m": 1.5},
    "UMi": {"condition": "NLOS", "d2d_m": 500, "fc_ghz": 3.5, "h_bs_m": 10, "h_ut_m": 1.5},
    "RMa": {"condition": "NLOS", "d2d_m": 500, "fc_ghz": 3.5, "h_bs_m": 35, "h_ut_m": 1.5},
}


@pytest.mark.parametrize(
    ("scenario", "field", "value", "told"),
    [
        ("UMa", "d2d_m", 9.9, "9.9 m is nearer than the 10 m from which UMa NLOS is defined"),
        ("UMi", "d2d_m", 5_001, "5001 m is farther than the 5000 m up to which UMi NLOS is defined"),
        ("RMa", "d2d_m", 5_001, "farther than the 5000 m up to which RMa NLOS"),
        ("RMa", "d2d_m", -20, "nearer than the 10 m"),
        ("UMa", "fc_ghz", 0.4, "0.4 GHz is outside the 0.5 to 100 GHz of UMa"),
        ("UMi", "fc_ghz", 101, "outside the 0.5 to 100 GHz of UMi"),
        ("RMa", "fc_ghz", 39, "outside the 0.5 to 30 GHz of RMa; UMi and UMa go on to 100 GHz"),
        ("UMa", "h_bs_m", 10, "10 m is too low for UMa, which is taken from 25 m on; UMi or RMa fits"),
        ("UMa", "h_bs_m", 24.9, "UMi or RMa fits an antenna of this height"),
        ("UMa", "h_bs_m", 6, "; UMi fits an antenna of this height"),
        ("UMi", "h_bs_m", 30, "30 m is too high for UMi, which is taken up to 25 m; UMa or RMa fits"),
        ("RMa", "h_bs_m", 8, "8 m is too low for RMa, which is taken from 10 m on; UMi fits"),
        ("RMa", "h_bs_m", 200, "too high for RMa, which is taken up to 150 m"),
        ("UMi", "h_bs_m", 0, "0 m is not above the ground"),
        ("RMa", "h_bs_m", -3, "-3 m is not above the ground"),
        ("UMa", "h_ut_m", 1.4, "a terminal at 1.4 m is outside the 1.5 to 22.5 m of UMa"),
        ("UMi", "h_ut_m", 23, "outside the 1.5 to 22.5 m of UMi"),
        ("RMa", "h_ut_m", 10.1, "outside the 1 to 10 m of RMa"),
        ("RMa", "h_ut_m", -1.5, "-1.5 m is not above the ground"),
        ("RMa", "h_bldg_m", 4, "average buildings of 4 m; RMa has 5 to 50 m"),
        ("RMa", "w_street_m", 51, "average streets of 51 m; RMa has 5 to 50 m"),
        ("UMa", "condition", "los", "'los' is neither LOS nor NLOS"),
    ],
)
def test_what_a_model_is_not_defined_for_is_refused(scenario: Any, field: str, value: Any, told: str) -> None:
    asked = GOOD[scenario] | {field: value}
    with pytest.raises(Invalid, match=told.replace("(", r"\(")) as refused:
        path_loss_db(scenario, **asked)
    assert refused.value.extra["field"] == field


@pytest.mark.parametrize("field", ["d2d_m", "fc_ghz", "h_bs_m", "h_ut_m", "h_bldg_m", "w_street_m"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(field: str, value: float) -> None:
    with pytest.raises(Invalid, match="is not a finite number") as refused:
        path_loss_db("RMa", **GOOD["RMa"] | {field: np.array([GOOD["RMa"].get(field, 20.0), value])})
    assert refused.value.extra["field"] == field


@pytest.mark.parametrize(("scenario", "asked"), GOOD.items())
def test_the_edges_of_a_model_are_within_it(scenario: Any, asked: dict[str, Any]) -> None:
    require_valid(scenario, **asked | {"d2d_m": [10, 5_000], "fc_ghz": [0.5, 30]})


def test_rma_goes_twice_as_far_in_line_of_sight() -> None:
    assert path_loss_db("RMa", "LOS", 10_000, 3.5, 35, 1.5) > path_loss_db("RMa", "LOS", 5_000, 3.5, 35, 1.5)


def test_streets_and_buildings_are_not_looked_at_outside_rma() -> None:
    plain = path_loss_db("UMi", **GOOD["UMi"])
    assert path_loss_db("UMi", **GOOD["UMi"], h_bldg_m=400, w_street_m=-1) == plain


def test_an_unknown_scenario_is_told_which_there_are() -> None:
    unknown: Any = "InH"
    with pytest.raises(Invalid, match="there is no 'InH' here; there are UMa, UMi, RMa"):
        path_loss_db(unknown, "LOS", 100, 3.5, 10, 1.5)
    with pytest.raises(Invalid, match="'InH'"):
        los_probability(unknown, 100, 1.5)


def test_shadowing_and_the_chance_of_a_line_of_sight_are_refused_alike() -> None:
    with pytest.raises(Invalid, match="h_bs_m: 10 m is too low for UMa"):
        shadow_sigma_db("UMa", "LOS", 100, 3.5, 10, 1.5)
    with pytest.raises(Invalid, match="d2d_m: -1 m is no distance"):
        los_probability("UMi", [5, -1], 1.5)
    with pytest.raises(Invalid, match="d2d_m: nan is not a finite number"):
        los_probability("UMi", math.nan, 1.5)
    with pytest.raises(Invalid, match="a terminal at 12 m"):
        los_probability("RMa", 5, 12)


def test_what_is_as_the_report_defines_it_is_not_warned_of() -> None:
    assert warnings_for("UMa", 25) == warnings_for("UMi", 10) == warnings_for("RMa", 12) == []
    assert warnings_for("RMa", 12, place="indoor_low") == warnings_for("UMi", 10, place="indoor_high") == []


@pytest.mark.parametrize(
    ("warnings", "told"),
    [
        (warnings_for("UMi", 12), "UMi is defined for antennas at 10 m; at 12 m its losses are stretched"),
        (warnings_for("UMa", 40), "UMa is defined for antennas at 25 m"),
        (warnings_for("UMa", 25, 13), "losses are means over what is left to chance"),
        (warnings_for("RMa", 10, h_bldg_m=15), "average building of 15 m is higher than the antenna at 10 m"),
        (warnings_for("RMa", 10, place="indoor_high"), "RMa has the low building loss alone"),
    ],
)
def test_what_is_stretched_is_warned_of(warnings: list[str], told: str) -> None:
    assert len(warnings) == 1
    assert told in warnings[0]
