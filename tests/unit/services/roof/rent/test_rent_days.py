"""Months from the day that a lease starts on, over short months, leap days and changes of clocks."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.roof.rent.days import RentMonths, day_of, midnight, months_later

CHICAGO = ZoneInfo("America/Chicago")
ZONES = st.sampled_from(["America/Chicago", "America/Santiago", "America/Havana", "Asia/Kolkata", "UTC"])
DAYS = st.dates(date(2020, 1, 1), date(2080, 1, 1))


def test_a_month_that_lacks_the_day_begins_on_its_last_and_the_next_on_the_day_again() -> None:
    days = [months_later(date(2027, 1, 31), months) for months in range(6)]
    assert [day.isoformat()[5:] for day in days] == ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30"]


def test_a_lease_from_a_leap_day_comes_back_to_it_every_four_years() -> None:
    years = [months_later(date(2028, 2, 29), 12 * year).isoformat() for year in range(5)]
    assert years == ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]


def test_months_go_back_as_well() -> None:
    assert months_later(date(2027, 3, 31), -1) == date(2027, 2, 28)
    assert months_later(date(2027, 1, 15), -13) == date(2025, 12, 15)


def test_midnight_follows_the_clocks_of_the_zone() -> None:
    winter, summer = midnight(date(2027, 1, 1), CHICAGO), midnight(date(2027, 7, 1), CHICAGO)
    assert datetime.fromtimestamp(winter, UTC).hour == 6
    assert datetime.fromtimestamp(summer, UTC).hour == 5


def test_a_day_without_a_midnight_begins_when_the_clocks_change() -> None:
    zone = ZoneInfo("America/Santiago")  # 2026-09-06 begins at 01:00
    begins = midnight(date(2026, 9, 6), zone)
    assert datetime.fromtimestamp(begins, zone).hour == 1
    assert day_of(begins, zone) == date(2026, 9, 6)
    assert day_of(begins - 1, zone) == date(2026, 9, 5)


def test_of_two_midnights_of_a_day_the_first_counts() -> None:
    zone = ZoneInfo("America/Havana")  # on 2026-11-01 the hour from 00:00 comes twice
    begins = midnight(date(2026, 11, 1), zone)
    assert day_of(begins - 1, zone) == date(2026, 10, 31)
    assert day_of(begins + 3_600, zone) == date(2026, 11, 1)
    assert datetime.fromtimestamp(begins + 3_600, zone).hour == 0


@given(DAYS, ZONES, st.integers(0, 600))
def test_months_come_one_after_the_other_and_are_counted_back(day: date, name: str, month: int) -> None:
    zone = ZoneInfo(name)
    months = RentMonths(midnight(day, zone), zone)
    assert months.first == day
    assert months.at(0) == midnight(day, zone)
    assert 27 * 86_400 < months.at(month + 1) - months.at(month) < 32 * 86_400
    assert months.begun_before(months.at(month), 700) == month
    assert months.begun_before(months.at(month) + 1, 700) == month + 1


@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_a_start_that_changed_rules_have_moved_off_midnight_keeps_its_dates(hours: int) -> None:
    start = midnight(date(2027, 3, 1), CHICAGO) + hours * 3_600
    months = RentMonths(start, CHICAGO)
    assert months.at(0) == start
    assert [months.day(month) for month in (0, 1, 2)] == [date(2027, 3, 1), date(2027, 4, 1), date(2027, 5, 1)]


@given(DAYS)
def test_all_months_of_half_a_century_have_the_day_or_their_last(day: date) -> None:
    days = [months_later(day, month) for month in range(601)]
    assert all(later.day == day.day or (later + timedelta(days=1)).day == 1 for later in days)
    assert all((b.year - a.year) * 12 + b.month - a.month == 1 for a, b in pairwise(days))
