"""Where the models of TR 38.901 hold (Table 7.4.1-1), and what is refused outside.

A model is never stretched without a word: distances, frequencies and heights outside its table are refused. What the
table fixes at one value (25 m for UMa, 10 m for UMi) and real roofs have otherwise is taken within bounds of our own,
and ``warnings_for`` tells of it.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from maillage.kernel.errors import Invalid
from maillage.services.roof.radio.scenarios import CONDITIONS, SCENARIOS, Condition, Scenario
from maillage.services.roof.radio.tr38901.uma import CLUTTER_UT_M

Place = Literal["outdoor", "indoor_low", "indoor_high"]
DISTANCE_MIN_M = 10.0
"""Of all scenarios, on the ground."""


class Span(NamedTuple):
    """From ``low`` to ``high``, both included."""

    low: float
    high: float


class Bounds(NamedTuple):
    """Of a scenario. ``h_bs_m`` of UMa and UMi is ours: the table has 25 m and 10 m alone."""

    los_max_m: float
    nlos_max_m: float
    fc_ghz: Span
    h_bs_m: Span
    h_ut_m: Span


FREQUENCIES_GHZ = Span(0.5, 100)
"""Of the report as a whole."""
BOUNDS: dict[Scenario, Bounds] = {
    "UMa": Bounds(5_000, 5_000, FREQUENCIES_GHZ, Span(25, 150), Span(1.5, 22.5)),
    "UMi": Bounds(5_000, 5_000, FREQUENCIES_GHZ, Span(3, 25), Span(1.5, 22.5)),
    "RMa": Bounds(10_000, 5_000, Span(0.5, 30), Span(10, 150), Span(1, 10)),
}
STREETS_AND_BUILDINGS_M = Span(5, 50)
"""Of RMa's average street width and average building height."""
DEFINED_AT_M: dict[Scenario, float] = {"UMa": 25.0, "UMi": 10.0}


def require_scenario(scenario: str, condition: str = "LOS") -> None:
    """Invalid unless both are known, as they are written in the report."""
    if scenario not in SCENARIOS:
        raise Invalid("scenario", f"there is no {scenario[:40]!r} here; there are {', '.join(SCENARIOS)}")
    if condition not in CONDITIONS:
        raise Invalid("condition", f"{condition[:40]!r} is neither LOS nor NLOS")


def distance_max_m(scenario: Scenario, condition: Condition) -> float:
    """The farthest d2D that the model is defined for."""
    bounds = BOUNDS[scenario]
    return bounds.los_max_m if condition == "LOS" else bounds.nlos_max_m


def require_valid(
    scenario: Scenario,
    condition: Condition,
    d2d_m: ArrayLike,
    fc_ghz: ArrayLike,
    h_bs_m: ArrayLike,
    h_ut_m: ArrayLike,
    *,
    h_bldg_m: ArrayLike = 5.0,
    w_street_m: ArrayLike = 20.0,
) -> None:
    """Invalid, naming the field and what fits instead, where a value of any array lies outside the model or is not
    finite. ``h_bldg_m`` and ``w_street_m`` are looked at in RMa alone, which alone has them."""
    require_scenario(scenario, condition)
    require_antennas(scenario, fc_ghz, h_bs_m, h_ut_m)
    reach = Span(DISTANCE_MIN_M, distance_max_m(scenario, condition))
    _require("d2d_m", d2d_m, reach, lambda d: _distance(d, reach, f"{scenario} {condition}"))
    if scenario == "RMa":
        span = STREETS_AND_BUILDINGS_M
        _require("h_bldg_m", h_bldg_m, span, lambda h: f"average buildings of {h:g} m; RMa has {_from_to(span)} m")
        _require("w_street_m", w_street_m, span, lambda w: f"average streets of {w:g} m; RMa has {_from_to(span)} m")


def require_antennas(scenario: Scenario, fc_ghz: ArrayLike, h_bs_m: ArrayLike, h_ut_m: ArrayLike) -> None:
    """The part of ``require_valid`` that does not depend on a distance."""
    bounds = BOUNDS[scenario]
    _require("fc_ghz", fc_ghz, bounds.fc_ghz, lambda f: _frequency(f, scenario))
    _require("h_bs_m", h_bs_m, bounds.h_bs_m, lambda h: _antenna(h, scenario))
    _require("h_ut_m", h_ut_m, bounds.h_ut_m, lambda h: _terminal(h, scenario))


def require_frequency(fc_ghz: ArrayLike) -> None:
    """Invalid outside the report's own range, which is that of the walls as well."""
    span = FREQUENCIES_GHZ
    _require("fc_ghz", fc_ghz, span, lambda f: f"{f:g} GHz is outside the {_from_to(span)} GHz of TR 38.901")


def require_outdoors(scenario: Scenario, d2d_m: ArrayLike, h_ut_m: ArrayLike) -> None:
    """What the chance of a line of sight needs: any distance that is finite and not negative."""
    require_scenario(scenario)
    _require("d2d_m", d2d_m, Span(0, np.finfo(float).max), lambda d: f"{d:g} m is no distance")
    _require("h_ut_m", h_ut_m, BOUNDS[scenario].h_ut_m, lambda h: _terminal(h, scenario))


def warnings_for(
    scenario: Scenario,
    h_bs_m: float,
    h_ut_m: float = 1.5,
    *,
    h_bldg_m: float = 5.0,
    place: Place = "outdoor",
) -> list[str]:
    """What a reader of a loss within the bounds must know about it, in sentences; none where all is as defined."""
    told = []
    defined_m = DEFINED_AT_M.get(scenario)
    if defined_m is not None and h_bs_m != defined_m:
        told.append(f"{scenario} is defined for antennas at {defined_m:g} m; at {h_bs_m:g} m its losses are stretched.")
    if scenario == "UMa" and h_ut_m >= CLUTTER_UT_M:
        told.append(
            f"At {h_ut_m:g} m the terminal may see roofs as its ground: losses are means over what is left to chance."
        )
    if scenario == "RMa" and h_bldg_m > h_bs_m:
        told.append(f"The average building of {h_bldg_m:g} m is higher than the antenna at {h_bs_m:g} m.")
    if scenario == "RMa" and place == "indoor_high":
        told.append("RMa has the low building loss alone (TR 38.901, 7.4.3.1); the high one is taken from UMa and UMi.")
    return told


def _require(field: str, values: ArrayLike, span: Span, told: Callable[[float], str]) -> None:
    numbers = np.asarray(values, dtype=float)
    if not numbers.size or (span.low <= numbers.min() and numbers.max() <= span.high):  # false for NaN
        return
    wrong = float(numbers[~((numbers >= span.low) & (numbers <= span.high))].flat[0])
    raise Invalid(field, told(wrong) if np.isfinite(wrong) else f"{wrong} is not a finite number")


def _distance(d2d_m: float, reach: Span, model: str) -> str:
    if d2d_m < reach.low:
        return f"{d2d_m:g} m is nearer than the {reach.low:g} m from which {model} is defined"
    return f"{d2d_m:g} m is farther than the {reach.high:g} m up to which {model} is defined"


def _frequency(fc_ghz: float, scenario: Scenario) -> str:
    span = BOUNDS[scenario].fc_ghz
    hint = "; UMi and UMa go on to 100 GHz" if span.high < fc_ghz <= FREQUENCIES_GHZ.high else ""
    return f"{fc_ghz:g} GHz is outside the {_from_to(span)} GHz of {scenario}{hint}"


def _antenna(h_bs_m: float, scenario: Scenario) -> str:
    if h_bs_m <= 0:
        return f"{h_bs_m:g} m is not above the ground"
    span = BOUNDS[scenario].h_bs_m
    fitting = [other for other in SCENARIOS if BOUNDS[other].h_bs_m.low <= h_bs_m <= BOUNDS[other].h_bs_m.high]
    hint = f"; {' or '.join(fitting)} fits an antenna of this height" if fitting else ""
    if h_bs_m < span.low:
        return f"{h_bs_m:g} m is too low for {scenario}, which is taken from {span.low:g} m on{hint}"
    return f"{h_bs_m:g} m is too high for {scenario}, which is taken up to {span.high:g} m{hint}"


def _terminal(h_ut_m: float, scenario: Scenario) -> str:
    if h_ut_m <= 0:
        return f"{h_ut_m:g} m is not above the ground"
    return f"a terminal at {h_ut_m:g} m is outside the {_from_to(BOUNDS[scenario].h_ut_m)} m of {scenario}"


def _from_to(span: Span) -> str:
    return f"{span.low:g} to {span.high:g}"
