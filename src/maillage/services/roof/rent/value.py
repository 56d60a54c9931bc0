"""What payments to come are worth today."""

import math
from collections.abc import Iterable
from datetime import date

from maillage.kernel.errors import Invalid
from maillage.services.roof.rent.amounts import CENT_MICRO

RATE_PERCENT_MAX = 100
DAYS_A_YEAR = 365
"""Actual days over 365, as spreadsheets' XNPV has it."""


def checked_rate(rate_percent: float, field: str = "rate") -> float:
    """A yearly effective rate in percent, or Invalid."""
    if not 0 <= rate_percent <= RATE_PERCENT_MAX:  # also for NaN
        raise Invalid(field, f"{rate_percent} is out of range; a rate goes from 0 to {RATE_PERCENT_MAX} percent a year")
    return rate_percent


def present_value_micro(payments: Iterable[tuple[date, int]], today: date, rate_percent: float) -> int:
    """The net present value of payments (day, micro-units) at a yearly effective rate, to the cent, in micro-units.

    Each is divided by (1 + rate) to the power of the days from ``today`` to its own over 365.
    """
    per_day = math.log1p(rate_percent / 100) / DAYS_A_YEAR
    base = today.toordinal()
    worth = math.fsum(micro * math.exp((base - day.toordinal()) * per_day) for day, micro in payments)
    return round(worth / CENT_MICRO) * CENT_MICRO
