"""Quantities and money: exact, or refused."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import (
    MONEY_MAX,
    QUANTITY_MAX,
    from_micro,
    from_thousandths,
    to_micro,
    to_thousandths,
)


@pytest.mark.parametrize(
    ("value", "thousandths"),
    [
        (1, 1_000),
        (0.001, 1),
        (0.1 + 0.2, 300),
        (2.675, 2_675),
        ("0.125", 125),
        ("+3", 3_000),
        ("1.50000", 1_500),
        (QUANTITY_MAX, QUANTITY_MAX * 1_000),
        (str(QUANTITY_MAX), QUANTITY_MAX * 1_000),
        (123_456_789.125, 123_456_789_125),
    ],
)
def test_a_quantity_is_counted_in_thousandths(value: float | str, thousandths: int) -> None:
    assert to_thousandths(value, "needs") == thousandths


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        1e308,
        -1e308,
        2**53,
        2**64,
        pytest.param(10**5_000, id="5,001 digits"),
        QUANTITY_MAX + 1,
        1e13,
        str(2**53),
    ],
)
def test_what_can_not_be_counted_exactly_is_out_of_range(value: float | str) -> None:
    with pytest.raises(Invalid, match="out of range") as refused:
        to_thousandths(value, "needs")
    assert refused.value.extra["field"] == "needs"


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, -0.001, "0", "-4", "0.000"])
def test_nothing_or_less_than_nothing_is_too_little_to_ask(value: float | str) -> None:
    with pytest.raises(Invalid, match=r"too small; the least is 0\.001"):
        to_thousandths(value, "needs")


def test_a_pool_may_be_empty_but_not_less() -> None:
    assert to_thousandths(0, "size", minimum=0) == 0
    with pytest.raises(Invalid, match="the least is 0"):
        to_thousandths(-1, "size", minimum=0)


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        (0.0004, "0.001"),
        (1.0005, "1"),
        ("1.2345", "1.234"),
        (1_234_567.8915, "1234567.892"),
        ("123456789.00000000000000000001", "123456789"),
    ],
)
def test_finer_than_a_thousandth_is_refused_with_what_would_work(value: float | str, nearest: str) -> None:
    with pytest.raises(Invalid, match=f"finer than a thousandth; {nearest} would work"):
        to_thousandths(value, "needs")
    to_thousandths(nearest, "needs")


@pytest.mark.parametrize("text", ["", " 1", "1e3", "1.", ".5", "0x10", "1,5", "NaN", "inf", "--1", "1" * 21, "1\n"])
def test_a_text_that_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not a decimal"):
        to_thousandths(text, "needs")
    with pytest.raises(Invalid, match="not a decimal"):
        to_micro(text, "max_price")


@given(st.integers(1, 2**43 * 1_000))
def test_thousandths_survive_the_way_out_and_back(thousandths: int) -> None:
    outside = from_thousandths(thousandths)
    assert to_thousandths(outside, "needs") == thousandths
    assert isinstance(outside, int) == (thousandths % 1_000 == 0)


@pytest.mark.parametrize(
    ("value", "micro"),
    [("12.50", 12_500_000), (12.5, 12_500_000), (0, 0), ("0.000001", 1), (1e-6, 1), (MONEY_MAX, MONEY_MAX * 10**6)],
)
def test_money_is_counted_in_micro_units(value: float | str, micro: int) -> None:
    assert to_micro(value, "max_price") == micro


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, "-0.01", MONEY_MAX + 1, 1e308])
def test_money_out_of_range_is_refused(value: float | str) -> None:
    with pytest.raises(Invalid, match="out of range"):
        to_micro(value, "max_price")


@pytest.mark.parametrize("value", ["0.0000001", 1e-7, "1.2345678"])
def test_money_finer_than_a_micro_unit_is_refused(value: float | str) -> None:
    with pytest.raises(Invalid, match="six decimals"):
        to_micro(value, "max_price")


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.00"), (12_500_000, "12.50"), (37_500, "0.0375"), (1, "0.000001"), (-1_500_000, "-1.50"), (-1, "-0.000001")],
)
def test_money_is_written_with_two_decimals_or_as_many_as_it_needs(micro: int, text: str) -> None:
    assert from_micro(micro) == text
    assert Decimal(text) * 10**6 == micro
