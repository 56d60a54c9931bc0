"""What the months of a lease cost, against sums that are worked out elsewhere or naively."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.roof.rent.amounts import (
    CENT_MICRO,
    exact_rent,
    months_in_all,
    payments,
    rent_micro,
    to_cent,
    total_micro,
)
from maillage.services.roof.rent.terms import Terms
from tests.unit.services.roof.rent.rent_terms import any_terms, terms


@pytest.mark.parametrize(
    ("percent", "every", "total"), [("3", "year", 570_904_990_000), ("15", "term", 525_224_310_000)]
)
def test_thirty_years_of_a_thousand_a_month_come_to_the_published_sums(percent: str, every: str, total: int) -> None:
    assert total_micro(terms("1000", percent, escalator_every=every)) == total


def test_the_rent_rises_unrounded() -> None:
    # 0.10 a month and 4 %: rounded every year it would stay at 0.10 for ever
    lease = terms("0.10", "4", term_years=10, renewals=2)
    assert rent_micro(lease, 0) == 10 * CENT_MICRO
    assert rent_micro(lease, 12 * 29) == 31 * CENT_MICRO  # 0.10 * 1.04^29 = 0.3119


def test_without_an_escalator_every_payment_is_the_rent() -> None:
    assert set(payments(terms("1234.56", "0"))) == {1_234_560_000}


def test_half_a_cent_is_rounded_up() -> None:
    assert [to_cent(Fraction(cents, 200)) // CENT_MICRO for cents in (0, 1, 2, 3, 5)] == [0, 1, 1, 2, 3]


def test_a_payment_makes_up_for_what_the_ones_before_it_were_rounded_by() -> None:
    lease = terms("0.05", "50", term_years=2, renewals=0)  # 0.05 a month, then 0.075
    assert [micro // CENT_MICRO for micro in payments(lease)[12:16]] == [8, 7, 8, 7]


@given(any_terms(), st.data())
def test_any_number_of_payments_adds_up_to_the_exact_sum_to_the_cent(lease: Terms, data: st.DataObject) -> None:
    months = data.draw(st.integers(0, months_in_all(lease)))
    exact = sum((exact_rent(lease, month) for month in range(months)), Fraction())
    assert abs(Fraction(total_micro(lease, months), 1_000_000) - exact) <= Fraction(1, 200)
    assert total_micro(lease, months) == to_cent(exact)


@given(any_terms())
def test_every_payment_is_less_than_a_cent_away_from_the_months_rent(lease: Terms) -> None:
    paid = payments(lease)
    assert len(paid) == months_in_all(lease)
    for month, micro in enumerate(paid):
        assert micro % CENT_MICRO == 0
        assert micro >= CENT_MICRO
        assert abs(Fraction(micro, 1_000_000) - exact_rent(lease, month)) < Fraction(1, 100)


@given(any_terms())
def test_the_rent_never_falls_and_rises_only_with_its_steps(lease: Terms) -> None:
    step = 12 if lease.escalator_every == "year" else 12 * lease.term_years
    rents = [exact_rent(lease, month) for month in range(months_in_all(lease))]
    assert rents == sorted(rents)
    assert len(set(rents)) <= -(-len(rents) // step)
    assert all(rents[month] == rents[month - month % step] for month in range(len(rents)))
