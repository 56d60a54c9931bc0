"""Weekly calendars: open hours on the clock of the store, whatever the clock does."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.calendars import DAYS, CalendarDocument, WeeklyCalendar, calendar_of
from maillage.kernel.errors import Invalid
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S, format_time
from tests.kernel_world import at

CHICAGO, PARIS, TOKYO = ZoneInfo("America/Chicago"), ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Tokyo")
SHOP_HOURS: CalendarDocument = {day: [("08:00", "20:00")] for day in DAYS}
ALL_DAY: CalendarDocument = {day: [("00:00", "24:00")] for day in DAYS}


def closed_at(calendar: CalendarDocument, start: str, end: str, zone: ZoneInfo = CHICAGO) -> str | None:
    second = calendar_of(calendar).first_closed(at(start), at(end), zone)
    return None if second is None else format_time(second)


def test_the_whole_open_day_is_open_to_its_last_second() -> None:
    assert closed_at(SHOP_HOURS, "2026-12-01T08:00:00-06:00", "2026-12-01T20:00:00-06:00") is None


def test_a_second_too_early_or_too_late_is_closed() -> None:
    assert closed_at(SHOP_HOURS, "2026-12-01T07:59:59-06:00", "2026-12-01T09:00:00-06:00") == "2026-12-01T13:59:59Z"
    assert closed_at(SHOP_HOURS, "2026-12-01T19:00:00-06:00", "2026-12-01T20:00:01-06:00") == "2026-12-02T02:00:00Z"


def test_a_day_that_is_absent_is_closed() -> None:
    weekdays: CalendarDocument = {day: [("00:00", "24:00")] for day in DAYS[:5]}
    assert closed_at(weekdays, "2026-11-30T00:00:00-06:00", "2026-12-05T00:00:00-06:00") is None
    assert closed_at(weekdays, "2026-12-04T12:00:00-06:00", "2026-12-05T00:00:01-06:00") == "2026-12-05T06:00:00Z"
    assert closed_at(weekdays, "2026-12-06T12:00:00-06:00", "2026-12-06T13:00:00-06:00") == "2026-12-06T18:00:00Z"


def test_a_night_is_two_windows_that_meet_at_midnight() -> None:
    night: CalendarDocument = {"tue": [("22:00", "24:00")], "wed": [("00:00", "06:00")]}
    assert closed_at(night, "2026-12-01T22:00:00-06:00", "2026-12-02T06:00:00-06:00") is None
    assert closed_at(night, "2026-12-01T22:00:00-06:00", "2026-12-02T06:00:01-06:00") == "2026-12-02T12:00:00Z"


def test_a_lunch_break_is_closed() -> None:
    clinic: CalendarDocument = {"tue": [("08:00", "12:00"), ("13:00", "17:00")]}
    assert closed_at(clinic, "2026-12-01T11:00:00-06:00", "2026-12-01T14:00:00-06:00") == "2026-12-01T18:00:00Z"
    assert closed_at(clinic, "2026-12-01T13:00:00-06:00", "2026-12-01T17:00:00-06:00") is None


@pytest.mark.parametrize(
    ("zone", "day", "before", "after"),
    [
        (CHICAGO, "2026-03-08", "-06:00", "-05:00"),  # clocks go forward at 02:00
        (CHICAGO, "2026-11-01", "-05:00", "-06:00"),  # and back at 02:00
        (PARIS, "2026-03-29", "+01:00", "+02:00"),
        (PARIS, "2026-10-25", "+02:00", "+01:00"),
    ],
)
def test_on_the_day_of_a_clock_change_the_shop_opens_by_its_own_clock(
    zone: ZoneInfo, day: str, before: str, after: str
) -> None:
    assert closed_at(SHOP_HOURS, f"{day}T08:00:00{after}", f"{day}T20:00:00{after}", zone) is None
    by_the_old_clock = at(f"{day}T08:00:00{before}"), at(f"{day}T20:00:00{before}")
    assert calendar_of(SHOP_HOURS).first_closed(*by_the_old_clock, zone) is not None
    # From midnight to midnight such a day has 23 or 25 hours, all of them open in a store that never closes at night.
    night_too: CalendarDocument = ALL_DAY | {"wed": [("06:00", "24:00")]}
    assert closed_at(night_too, f"{day}T00:00:00{before}", f"{day}T23:59:59{after}", zone) is None


def test_the_hour_that_comes_twice_is_open_once_through() -> None:
    early: CalendarDocument = {"sun": [("00:00", "03:00")]}
    assert closed_at(early, "2026-11-01T00:00:00-05:00", "2026-11-01T03:00:00-06:00") is None
    assert at("2026-11-01T03:00:00-06:00") - at("2026-11-01T00:00:00-05:00") == 4 * HOUR_S


def test_the_hour_that_is_skipped_is_no_gap() -> None:
    early: CalendarDocument = {"sun": [("00:00", "02:00"), ("03:00", "06:00")]}
    assert closed_at(early, "2026-03-08T00:00:00-06:00", "2026-03-08T06:00:00-05:00") is None


def test_a_midnight_that_a_clock_change_skips_is_no_gap() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # goes from 00:00 to 01:00
    no_mondays: CalendarDocument = {day: ALL_DAY[day] for day in DAYS if day != "mon"}
    assert closed_at(no_mondays, "2026-03-28T20:00:00+02:00", "2026-03-29T06:00:00+03:00", beirut) is None


def test_always_open_is_open_for_ever() -> None:
    assert calendar_of(ALL_DAY).always_open
    assert calendar_of(ALL_DAY).first_closed(0, FOREVER, CHICAGO) is None
    assert not calendar_of(SHOP_HOURS).always_open


def test_an_interval_of_decades_is_decided_at_its_first_closed_second() -> None:
    start = at("2026-12-01T09:00:00-06:00")
    assert calendar_of(SHOP_HOURS).first_closed(start, start + 49 * 366 * DAY_S, CHICAGO) == start + 11 * HOUR_S
    assert calendar_of(SHOP_HOURS).first_closed(start, FOREVER, CHICAGO) == start + 11 * HOUR_S


@pytest.mark.parametrize(
    ("calendar", "problem"),
    [
        ({}, "no open hour"),
        ({"mon": []}, "no open hour"),
        ({"monday": [("08:00", "20:00")]}, "is not a day"),
        ({"Mon": [("08:00", "20:00")]}, "is not a day"),
        ({"mon": [("20:00", "08:00")]}, "ends before it starts; one over midnight is written as two"),
        ({"mon": [("08:00", "08:00")]}, "ends before it starts"),
        ({"mon": [("08:00", "12:00"), ("11:59", "13:00")]}, "overlap at 11:59"),
        ({"mon": [("08:00", "12:00"), ("08:00", "12:00")]}, "overlap"),
        ({"mon": [("8:00", "12:00")]}, "not a time of day"),
        ({"mon": [("08:00", "24:01")]}, "not a time of day"),
        ({"mon": [("08:60", "12:00")]}, "not a time of day"),
        ({"mon": [("08:00\n", "12:00")]}, "not a time of day"),
        (
            {
                "mon": [
                    (f"{hour // 60:02d}:{hour % 60:02d}", f"{hour // 60:02d}:{hour % 60 + 1:02d}")
                    for hour in range(0, 98, 2)
                ]
            },
            "at most 48",
        ),
    ],
)
def test_what_is_no_calendar_is_refused(calendar: CalendarDocument, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        WeeklyCalendar(calendar)


def test_windows_that_touch_are_written_back_as_one_and_in_order() -> None:
    calendar = WeeklyCalendar({"tue": [("12:00", "24:00"), ("08:00", "12:00")], "mon": []})
    assert calendar.document() == {"tue": [("08:00", "24:00")]}


HALF_HOURS = st.integers(6, 48).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
CALENDARS = st.dictionaries(
    st.sampled_from(DAYS),
    st.tuples(HALF_HOURS, HALF_HOURS).filter(lambda span: span[0] < span[1]).map(lambda span: [span]),
    min_size=1,
)


@given(
    CALENDARS,
    st.integers(at("2026-01-01T00:00:00Z") // 900, at("2027-01-01T00:00:00Z") // 900),
    st.integers(1, 300),
    st.sampled_from([CHICAGO, PARIS, TOKYO]),
)
def test_open_is_what_the_clock_on_the_wall_says(
    calendar: CalendarDocument, start_quarter: int, quarters: int, zone: ZoneInfo
) -> None:
    # Windows of these calendars begin and end outside the hours that clock changes skip or repeat.
    def is_open(second: int) -> bool:
        local = datetime.fromtimestamp(second, UTC).astimezone(zone)
        clock = f"{local.hour:02d}:{local.minute:02d}"
        return any(opens <= clock < closes for opens, closes in calendar.get(DAYS[local.weekday()], []))

    start, end = start_quarter * 900, (start_quarter + quarters) * 900
    closed = next((second for second in range(start, end, 900) if not is_open(second)), None)
    assert calendar_of(calendar).first_closed(start, end, zone) == closed
