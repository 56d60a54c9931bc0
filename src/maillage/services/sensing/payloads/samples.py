"""What is read out of a message, before it is checked."""

import math
from typing import NamedTuple

from maillage.services.sensing.model import Fault, Measure

TOO_FINE_MS = 100_000_000_000
"""A time that is a number counts seconds below this (the year 5138), milliseconds from it on (1973)."""


class Sample(NamedTuple):
    """One value as the device sent it, not yet scaled. ``at_ms`` is when by the device's own clock, None where it did
    not say; ``historical`` that it says itself that this is no present value."""

    measure: Measure
    raw: float
    at_ms: int | None = None
    historical: bool = False


class Decoded(NamedTuple):
    """What was found in a message, and what of it could not be read."""

    samples: list[Sample]
    faults: list[Fault]


class Unreadable(Exception):
    """Nothing of a message can be taken; ``fault`` is why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def number_of(value: object) -> float | Fault:
    """A value as a number: a truth is 1 or 0, and a whole number of any size is what it is. Text is no number, be it
    made of digits: a device that sends text once sends ``unavailable`` the next time."""
    if value is None:
        return Fault.MISSING
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            return Fault.OUT_OF_BOUNDS
        return number if math.isfinite(number) else Fault.NOT_A_NUMBER
    return Fault.NOT_A_NUMBER


def reading_of(sample: Sample) -> float | Fault:
    """The value in the measure's unit, rounded to its resolution; OUT_OF_BOUNDS where it can't be."""
    measure = sample.measure
    value = sample.raw * measure.scale + measure.offset
    if not math.isfinite(value):
        return Fault.NOT_A_NUMBER
    if not measure.minimum <= value <= measure.maximum:
        return Fault.OUT_OF_BOUNDS
    if measure.resolution > 0:
        # Twice: steps of 0.1 leave the dust of binary fractions, which nobody wants to see.
        value = round(round(value / measure.resolution) * measure.resolution, 12)
    return value + 0.0  # no minus zero
