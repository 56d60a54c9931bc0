"""Values and spans as people read them."""

_UNITS = {"Cel": "°C", "[degF]": "°F", "1": ""}
"""UCUM codes that are not what one writes."""


def shown(value: float, unit: str = "") -> str:
    """``-11.8 °C`` of a value and its UCUM unit."""
    return f"{round(value, 2):g} {_UNITS.get(unit, unit)}".rstrip()


def span(seconds: float) -> str:
    """``15 min`` of 900 seconds."""
    if seconds < 120:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 7_200 else f"{round(seconds / 3_600, 1):g} h"
