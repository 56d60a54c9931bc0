"""One lease by several escalators, side by side."""

from datetime import date
from decimal import Decimal

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.rent.comparison import compare
from tests.unit.services.roof.rent.rent_terms import terms

START = date(2027, 1, 1)


def test_the_usual_two_are_compared_to_the_cent() -> None:
    found = compare(terms(), START)
    assert [(model.name, model.asked, model.total) for model in found.models] == [
        ("3 % a year", True, "570904.99"),
        ("15 % a term", False, "525224.31"),
    ]
    assert (found.start, found.end) == ("2027-01-01", "2057-01-01")
    assert all(model.present_value is None for model in found.models)


def test_another_escalator_stands_before_the_usual_two() -> None:
    found = compare(terms("1000", "2.5"), START)
    assert [model.name for model in found.models] == ["2.5 % a year", "3 % a year", "15 % a term"]
    assert [model.asked for model in found.models] == [True, False, False]


def test_years_are_counted_from_the_start_and_add_up() -> None:
    for model in compare(terms("1234.56", term_years=3, renewals=2), date(2028, 2, 29)).models:
        assert [(year.start, year.end) for year in model.years[:2]] == [
            ("2028-02-29", "2029-02-28"),
            ("2029-02-28", "2030-02-28"),
        ]
        assert len(model.years) == 9
        assert sum(Decimal(year.rent) for year in model.years) == Decimal(model.total)


def test_at_a_rate_both_are_worth_less_than_their_sum_and_at_none_the_same() -> None:
    discounted, plain = (compare(terms(), START, rate).models for rate in (8.0, 0.0))
    for less, whole in zip(discounted, plain, strict=True):
        assert whole.present_value == whole.total
        assert Decimal(less.present_value or 0) < Decimal(less.total)
    naive = sum(
        1_000 * 1.03 ** (month // 12) / 1.08 ** ((date(2027 + month // 12, month % 12 + 1, 1) - START).days / 365)
        for month in range(360)
    )
    assert float(discounted[0].present_value or 0) == pytest.approx(naive, abs=0.05)


def test_a_rent_so_high_that_only_its_own_escalator_keeps_it_within_bounds_is_compared_all_the_same() -> None:
    found = compare(terms("8000000", "0"), START)
    assert found.models[0].total == "2880000000.00"
    assert len(found.models) == 3


@pytest.mark.parametrize("start", [date(1969, 12, 31), date(9901, 1, 1)])
def test_a_start_outside_the_calendar_is_refused(start: date) -> None:
    with pytest.raises(Invalid) as refusal:
        compare(terms(), start)
    assert refusal.value.extra["field"] == "start"


def test_a_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="rate"):
        compare(terms(), START, -1.0)
