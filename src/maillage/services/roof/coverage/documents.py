"""Coverage as a document."""

from collections.abc import Sequence
from typing import Any

import msgspec

from maillage.services.roof.coverage.cell import is_capped
from maillage.services.roof.coverage.roof_figures import RoofFigures
from maillage.services.roof.coverage.signal_chance import PLACES
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.coverage.together_figures import TogetherFigures
from maillage.services.roof.radio.budgets import LinkBudget, limiting_direction
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import warnings_for

NOTE = "cell_km is how far the radio reaches; it is not catchment_km, how far people come from to the store."


def coverage_document(
    budget: LinkBudget,
    scenario: Scenario,
    probability: float,
    resolution_m: float,
    reach_km: float,
    roofs: Sequence[RoofFigures],
    together: TogetherFigures | None,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """What ``maillage roof coverage --json`` prints. People have a decimal, because a raster shares them out."""
    return {
        "radio": {
            "band": budget.id,
            "fc_ghz": budget.fc_ghz,
            "rain_mm_h": budget.rain_mm_h,
            "scenario": scenario,
            "limiting": limiting_direction(budget),
            "probability": probability,
            "resolution_m": resolution_m,
            "reach_km": reach_km,
        },
        "note": NOTE,
        "warnings": list(warnings),
        "roofs": [_roof(each, scenario) for each in roofs],
        "together": None if together is None else _rounded(msgspec.to_builtins(together)),
    }


def warnings_of(stations: Sequence[Station], budget: LinkBudget, scenario: Scenario) -> list[str]:
    """What a reader must know of the model at these heights, each sentence once."""
    heights_m = sorted({station.height_m for station in stations})
    told = (
        warnings_for(scenario, height_m, budget.ue_height_m, place=place) for height_m in heights_m for place in PLACES
    )
    return list(dict.fromkeys(sentence for sentences in told for sentence in sentences))


def _roof(figures: RoofFigures, scenario: Scenario) -> dict[str, Any]:
    document: dict[str, Any] = _rounded(msgspec.to_builtins(figures))
    for place in PLACES:
        document[place]["cell_capped"] = is_capped(document[place]["cell_km"], scenario)
    return document


def _rounded(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each, name) for each in value]
    return round(value, 1 if name.startswith("people") else 4) if isinstance(value, float) else value
