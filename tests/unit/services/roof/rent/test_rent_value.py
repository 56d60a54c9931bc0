"""Present values, against the formula of spreadsheets' XNPV done naively."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.services.roof.rent.value import checked_rate, present_value_micro

TODAY = date(2027, 1, 1)
PAYMENTS = st.lists(
    st.tuples(st.dates(TODAY, date(2077, 1, 1)), st.integers(1, 500_000_000).map(lambda cents: cents * 10_000)),
    max_size=50,
)


def naive_xnpv(rate: float, dated: list[tuple[date, int]]) -> float:
    return sum(amount / (1 + rate) ** ((day - TODAY).days / 365) for day, amount in dated)


def test_the_published_example_of_xnpv_is_met() -> None:
    # Microsoft's example of XNPV at 9 %: -10,000 on 2008-01-01 and what follows come to 2,086.65.
    dates = [date(2008, 3, 1), date(2008, 10, 30), date(2009, 2, 15), date(2009, 4, 1)]
    paid = [(day, micro * 1_000_000) for day, micro in zip(dates, (2_750, 4_250, 3_250, 2_750), strict=True)]
    assert present_value_micro(paid, date(2008, 1, 1), 9.0) == 12_086_650_000


def test_what_is_due_today_is_worth_what_it_is() -> None:
    assert present_value_micro([(TODAY, 1_230_000)], TODAY, 50.0) == 1_230_000


def test_a_year_of_365_days_takes_the_whole_rate() -> None:
    assert present_value_micro([(TODAY + timedelta(days=365), 110_000_000)], TODAY, 10.0) == 100_000_000


@given(PAYMENTS, st.floats(0, 100))
def test_it_agrees_with_a_naive_sum(dated: list[tuple[date, int]], rate: float) -> None:
    found = present_value_micro(dated, TODAY, rate)
    assert found % 10_000 == 0
    assert math.isclose(found, naive_xnpv(rate / 100, dated), rel_tol=1e-11, abs_tol=5_001)


@given(PAYMENTS)
def test_at_no_rate_it_is_the_sum(dated: list[tuple[date, int]]) -> None:
    assert present_value_micro(dated, TODAY, 0.0) == sum(micro for _, micro in dated)


@given(PAYMENTS, st.floats(0, 100), st.floats(0, 100))
def test_a_higher_rate_never_makes_it_worth_more(dated: list[tuple[date, int]], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert present_value_micro(dated, TODAY, high) <= present_value_micro(dated, TODAY, low)


@pytest.mark.parametrize("rate", [-0.01, 100.01, math.nan, math.inf, -math.inf])
def test_a_rate_that_cannot_be_is_refused(rate: float) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_rate(rate)
    assert refusal.value.extra["field"] == "rate"


@pytest.mark.parametrize("rate", [0.0, 8.0, 100.0])
def test_rates_from_nothing_to_a_hundred_percent_are_taken(rate: float) -> None:
    assert checked_rate(rate) == rate
