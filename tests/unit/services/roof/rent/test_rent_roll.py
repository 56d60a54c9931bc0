"""The rent to come of a lease, and of several together."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.paging import Page
from maillage.services.roof.rent.amounts import payments
from maillage.services.roof.rent.days import midnight
from maillage.services.roof.rent.roll import Outlook, mean_remaining_years, roll, summed
from maillage.services.roof.rent.roll_documents import roll_document
from maillage.services.roof.rent.schedule import periods
from maillage.services.roof.rent.terms import Terms
from tests.unit.services.roof.rent.rent_terms import any_terms, terms
from tests.unit.services.roof.rent.roof_leases_made import TZ, roof_lease

ZONE = ZoneInfo(TZ)
FIVE_YEARS, THIRTY_YEARS = 63_709_630_000, 570_904_990_000  # of 1,000 a month at 3 % a year


def at(year: int, month: int = 1, number: int = 1) -> int:
    return midnight(date(year, month, number), ZONE)


def test_on_the_day_of_the_start_the_whole_first_term_is_committed() -> None:
    found = roll(roof_lease(), at(2027) + 40_000, 8.0)
    assert found.total == Outlook(FIVE_YEARS, THIRTY_YEARS)
    assert (found.committed_until, found.runs_until) == (at(2032), at(2057))
    assert found.notice_by == at(2031)
    assert found.escalation == (at(2028), 1_030_000_000)
    assert found.rent_micro == 1_000_000_000
    assert found.remaining_years == pytest.approx(5.0, abs=0.005)
    assert [(year, each.committed) for year, each in list(found.years.items())[:2]] == [
        (2027, 12_000_000_000),
        (2028, 12_360_000_000),
    ]
    assert found.years[2032].committed == 0 < found.years[2032].with_renewals
    assert list(found.years) == list(range(2027, 2057))


def test_what_fell_due_before_today_is_not_to_come() -> None:
    found = roll(roof_lease(), at(2027, 3, 2), 8.0)
    assert found.total.committed == FIVE_YEARS - 3_000_000_000
    assert found.years[2027].committed == 9_000_000_000


def test_a_lease_that_has_not_begun_counts_whole_and_its_term_from_its_start() -> None:
    found = roll(roof_lease(state="signed"), at(2026, 2), 8.0)
    assert found.total == Outlook(FIVE_YEARS, THIRTY_YEARS)
    assert found.rent_micro == 1_000_000_000
    assert found.remaining_years == pytest.approx(5.0, abs=0.005)


def test_once_notice_would_be_late_the_next_term_is_committed_too() -> None:
    before, after = (roll(roof_lease(), now, 0.0) for now in (at(2031), at(2031) + 1))
    assert (before.committed_until, before.notice_by) == (at(2032), at(2031))
    assert (after.committed_until, after.notice_by) == (at(2037), at(2036))
    assert after.total.committed > before.total.committed
    assert after.total.with_renewals == before.total.with_renewals


def test_after_notice_nothing_but_what_is_due_until_the_end_is_to_come() -> None:
    found = roll(roof_lease(ends=at(2029, 7)), at(2029), 0.0)
    assert found.total == Outlook(6_365_400_000, 6_365_400_000)  # 6 * 1,060.90
    assert (found.committed_until, found.runs_until, found.notice_by, found.escalation) == (
        at(2029, 7),
        at(2029, 7),
        None,
        None,
    )


def test_in_the_last_term_there_is_nothing_to_give_notice_of() -> None:
    found = roll(roof_lease(), at(2053), 0.0)
    assert found.notice_by is None
    assert found.total.committed == found.total.with_renewals


def test_of_a_lease_that_is_over_nothing_is_to_come() -> None:
    found = roll(roof_lease(ends=at(2029, 7)), at(2029, 7), 8.0)
    assert found.total == found.value == Outlook(0, 0)
    assert (found.rent_micro, found.remaining_years, found.years) == (0, 0.0, {})
    assert mean_remaining_years([found]) is None


def test_a_rent_that_never_rises_has_no_next_rise() -> None:
    assert roll(roof_lease(let=terms("500", "0")), at(2028), 8.0).escalation is None


def test_years_are_those_of_the_stores_own_calendar() -> None:
    lease = roof_lease(tz="Asia/Kolkata", let=terms("1000", "0", term_years=1, renewals=0))  # 18:30 UTC the day before
    assert list(roll(lease, lease.start, 8.0).years) == [2027]


def test_the_mean_of_what_is_left_is_weighted_by_rent() -> None:
    small = roll(roof_lease(let=terms("100", term_years=1, notice_months=0, renewals=0)), at(2027), 8.0)
    large = roll(roof_lease(let=terms("900", term_years=10, renewals=0)), at(2027), 8.0)
    assert mean_remaining_years([small, large]) == pytest.approx(0.1 * 1 + 0.9 * 10, abs=0.005)


def test_years_of_several_leases_are_summed_in_order() -> None:
    one, other = {2030: Outlook(1, 2), 2031: Outlook(0, 5)}, {2029: Outlook(7, 7), 2030: Outlook(10, 20)}
    assert summed([one, other]) == {2029: Outlook(7, 7), 2030: Outlook(11, 22), 2031: Outlook(0, 5)}
    assert list(summed([one, other])) == [2029, 2030, 2031]


@given(any_terms(), st.dates(date(2025, 1, 1), date(2035, 1, 1)), st.integers(-800, 11_500), st.floats(0, 30))
def test_the_roll_says_what_the_schedule_says(lease_terms: Terms, first: date, days: int, rate: float) -> None:
    lease = roof_lease(first=first, let=lease_terms)
    now = lease.start + 86_400 * days + 40_000
    found = roll(lease, now, rate)
    today = date.fromordinal(first.toordinal() + days)
    coming = [each for each in periods(lease_terms, lease.start, ZONE) if each.first >= today]
    assert found.total.with_renewals == sum(each.amount_micro for each in coming)
    assert found.total.committed == sum(each.amount_micro for each in coming if each.start < found.committed_until)
    assert sum(each.with_renewals for each in found.years.values()) == found.total.with_renewals
    assert sum(each.committed for each in found.years.values()) == found.total.committed
    assert 0 <= found.value.committed <= found.value.with_renewals <= found.total.with_renewals
    assert roll(lease, now, 0.0).value == found.total


def test_the_document_adds_its_lines_up() -> None:
    rolls = [roll(roof_lease(name, let=terms(rent)), at(2028, 5), 7.5) for name, rent in (("a", "750.5"), ("b", "320"))]
    document = roll_document(rolls, Page(rolls, None), at(2028, 5), "USD", 7.5, prospects=False)
    assert [line.lease for line in document.items] == ["a", "b"]
    for name in ("committed", "with_renewals", "present_value_committed", "present_value_with_renewals"):
        whole, lines = getattr(document, name), [getattr(line, name) for line in document.items]
        assert round(float(whole) * 100) == sum(round(float(each) * 100) for each in lines)
    assert document.rent_per_month == "1102.62"  # 773.015 and 329.60
    assert document.items[0].next_escalation is not None
    assert document.items[0].next_escalation.at == "2029-01-01T06:00:00Z"
    assert document.items[0].notice_by == "2031-01-01T06:00:00Z"
    assert document.years[0].year == 2028
    assert payments(terms("320"))[16] == 329_600_000


def test_the_document_of_no_lease_is_all_zeros() -> None:
    document = roll_document([], Page([], None), at(2028), "USD", 8.0, prospects=True)
    assert (document.items, document.years, document.remaining_years) == ([], [], None)
    assert (document.committed, document.present_value_with_renewals) == ("0.00", "0.00")
