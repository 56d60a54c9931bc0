"""The periods and terms of a lease, notice, and an end before the end."""

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.kernel.times import format_time
from maillage.services.roof.rent.amounts import CENT_MICRO, months_in_all, total_micro
from maillage.services.roof.rent.days import midnight
from maillage.services.roof.rent.schedule import (
    check_end,
    early_termination_fee_micro,
    end_after_notice,
    notice_deadline,
    periods,
    runs_until,
    term_at,
    term_bounds,
)
from maillage.services.roof.rent.terms import Terms
from tests.unit.services.roof.rent.rent_terms import any_terms, terms

CHICAGO = ZoneInfo("America/Chicago")
START = midnight(date(2027, 3, 1), CHICAGO)
LEASE = terms()
ZONES = st.sampled_from([CHICAGO, ZoneInfo("America/Havana"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")])
STARTS = st.dates(date(2026, 1, 1), date(2040, 1, 1))


def day(year: int, month: int = 3, number: int = 1) -> int:
    return midnight(date(year, month, number), CHICAGO)


def test_periods_are_months_of_the_stores_own_calendar() -> None:
    first, second, *_ = periods(LEASE, START, CHICAGO)
    assert (format_time(first.start), format_time(first.end)) == ("2027-03-01T06:00:00Z", "2027-04-01T05:00:00Z")
    assert first.line == "roof rent 2027-03-01 to 2027-04-01"
    assert second.line == "roof rent 2027-04-01 to 2027-05-01"
    assert first.amount_micro == 1_000_000_000


def test_a_lease_from_a_leap_day_has_its_months_at_the_end_of_february() -> None:
    lines = [each.line for each in periods(LEASE, midnight(date(2028, 2, 29), CHICAGO), CHICAGO)]
    assert lines[0] == "roof rent 2028-02-29 to 2028-03-29"
    assert lines[11:13] == ["roof rent 2029-01-29 to 2029-02-28", "roof rent 2029-02-28 to 2029-03-29"]
    assert lines[48] == "roof rent 2032-02-29 to 2032-03-29"


@given(any_terms(), STARTS, ZONES)
def test_periods_follow_on_without_a_gap_and_come_to_the_total(lease: Terms, first: date, zone: ZoneInfo) -> None:
    start = midnight(first, zone)
    found = list(periods(lease, start, zone))
    assert found[0].start == start
    assert all(a.end == b.start and a.beyond == b.first and a.start < a.end for a, b in pairwise(found))
    assert found[-1].end == runs_until(lease, start, zone)
    assert sum(each.amount_micro for each in found) == total_micro(lease)
    assert len({each.line for each in found}) == months_in_all(lease)


@given(any_terms(), STARTS, ZONES, st.integers(-400, 12_000), st.integers(0, 86_399))
def test_until_cuts_and_changes_nothing_before(
    lease: Terms, first: date, zone: ZoneInfo, days: int, seconds: int
) -> None:
    start = midnight(first, zone)
    until = start + 86_400 * days + seconds
    whole, cut = list(periods(lease, start, zone)), list(periods(lease, start, zone, until))
    assert cut == whole[: len(cut)]
    assert all(each.start < until for each in cut)
    assert len(cut) == len(whole) or whole[len(cut)].start >= until


def test_until_the_end_of_a_period_that_period_is_the_last() -> None:
    *_, last = periods(LEASE, START, CHICAGO, until=day(2028, 7))
    assert last.end == day(2028, 7)


def test_terms_begin_and_end_on_the_day_of_the_start() -> None:
    assert term_bounds(LEASE, START, CHICAGO, 0) == (START, day(2032))
    assert term_bounds(LEASE, START, CHICAGO, 5) == (day(2052), day(2057))
    assert runs_until(LEASE, START, CHICAGO) == day(2057)


def test_an_instant_lies_in_the_term_that_has_begun_and_is_not_over() -> None:
    found = [
        term_at(LEASE, START, CHICAGO, instant)
        for instant in (START - 1, START, day(2032) - 1, day(2032), day(2057) - 1, day(2070))
    ]
    assert found == [0, 0, 0, 1, 5, 5]


def test_notice_ends_the_first_term_that_it_is_in_time_for() -> None:
    deadline = notice_deadline(LEASE, START, CHICAGO, 0)
    assert deadline == day(2031)
    assert end_after_notice(LEASE, START, CHICAGO, START - 86_400) == day(2032)
    assert end_after_notice(LEASE, START, CHICAGO, deadline) == day(2032)
    assert end_after_notice(LEASE, START, CHICAGO, deadline + 1) == day(2037)
    assert end_after_notice(LEASE, START, CHICAGO, day(2056)) == day(2057)


def test_without_notice_time_the_last_instant_of_a_term_will_do() -> None:
    lease = terms(notice_months=0)
    assert end_after_notice(lease, START, CHICAGO, day(2032)) == day(2032)
    assert end_after_notice(lease, START, CHICAGO, day(2032) + 1) == day(2037)


def test_notice_is_counted_back_in_months_from_a_leap_day() -> None:
    lease, start = terms(notice_months=3), midnight(date(2028, 2, 29), CHICAGO)
    assert notice_deadline(lease, start, CHICAGO, 0) == midnight(date(2032, 11, 29), CHICAGO)


@given(any_terms(), STARTS, ZONES, st.integers(-400, 12_000))
def test_the_end_after_notice_is_a_terms_and_never_comes_nearer(
    lease: Terms, first: date, zone: ZoneInfo, days: int
) -> None:
    start = midnight(first, zone)
    instant = start + 86_400 * days
    ends = [term_bounds(lease, start, zone, term)[1] for term in range(lease.renewals + 1)]
    found = end_after_notice(lease, start, zone, instant)
    assert found in ends
    assert found >= min(instant, ends[-1])
    assert end_after_notice(lease, start, zone, instant + 86_400) >= found


def test_a_lease_can_be_ended_with_a_rent_period_only() -> None:
    check_end(LEASE, START, CHICAGO, day(2029, 6), day(2029, 5))
    with pytest.raises(Invalid, match="2029-06-01") as refusal:
        check_end(LEASE, START, CHICAGO, day(2029, 5, 17), day(2029, 5))
    assert refusal.value.extra["field"] == "ends"
    assert refusal.value.extra["allowed"] == format_time(day(2029, 6))


@pytest.mark.parametrize(
    ("ends", "instant", "allowed"),
    [
        (START, START - 86_400, day(2027, 4)),  # before any rent was due
        (day(2028), day(2029, 5, 17), day(2029, 6)),  # in the past
        (day(2058), day(2029), day(2057)),  # after it is over by itself
        (day(2029, 6) + 3_600, day(2029), day(2029, 7)),
    ],
)
def test_other_ends_are_refused_and_the_next_that_can_be_is_named(ends: int, instant: int, allowed: int) -> None:
    with pytest.raises(Invalid) as refusal:
        check_end(LEASE, START, CHICAGO, ends, instant, "end")
    assert (refusal.value.extra["field"], refusal.value.extra["allowed"]) == ("end", format_time(allowed))


def test_to_end_early_costs_months_of_the_rent_that_would_have_been_due_then() -> None:
    fee = early_termination_fee_micro(LEASE, START, CHICAGO, day(2029), day(2028, 12))
    assert fee == 12 * 1_060_900_000  # 1,000 * 1.03^2
    before = early_termination_fee_micro(LEASE, START, CHICAGO, day(2029, 2), day(2028, 12))
    assert before == 12 * 1_030_000_000


def test_to_end_with_a_term_costs_nothing_if_notice_is_in_time_and_a_fee_after_that() -> None:
    assert early_termination_fee_micro(LEASE, START, CHICAGO, day(2032), day(2031)) == 0
    late = early_termination_fee_micro(LEASE, START, CHICAGO, day(2032), day(2031) + 1)
    assert late == 13_911_290_000  # 12 * 1,000 * 1.03^5 = 13,911.2889
    assert early_termination_fee_micro(LEASE, START, CHICAGO, day(2037), day(2031) + 1) == 0


@given(any_terms(), STARTS, st.data())
def test_every_end_of_a_period_is_an_end_and_its_fee_is_whole_cents(
    lease: Terms, first: date, data: st.DataObject
) -> None:
    start = midnight(first, CHICAGO)
    found = list(periods(lease, start, CHICAGO))
    chosen = data.draw(st.sampled_from(found))
    check_end(lease, start, CHICAGO, chosen.end, chosen.start)
    fee = early_termination_fee_micro(lease, start, CHICAGO, chosen.end, chosen.start)
    assert fee >= 0 and fee % CENT_MICRO == 0
    assert fee == 0 or chosen.end < end_after_notice(lease, start, CHICAGO, chosen.start)
