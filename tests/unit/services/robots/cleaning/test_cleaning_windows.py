"""Weekly windows over midnight, in a site's time zone."""

from datetime import date
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from maillage.kernel.calendars import DAYS
from maillage.kernel.errors import Invalid
from maillage.kernel.times import DAY_S, HOUR_S, format_time, parse_time
from maillage.services.robots.cleaning.windows import WeeklyWindows

PARIS = ZoneInfo("Europe/Paris")
NIGHTLY = {day: [("21:30", "06:30")] for day in DAYS}
NOON = parse_time("2026-12-01T12:00:00Z", "at")
"""A Tuesday."""


def shown(windows, count: int) -> list[tuple[str, str]]:
    return [(format_time(window.start), format_time(window.end)) for window in islice(windows, count)]


def test_a_window_over_midnight_ends_on_the_next_day() -> None:
    assert shown(WeeklyWindows(NIGHTLY).after(NOON, PARIS), 2) == [
        ("2026-12-01T20:30:00Z", "2026-12-02T05:30:00Z"),
        ("2026-12-02T20:30:00Z", "2026-12-03T05:30:00Z"),
    ]


def test_one_that_is_open_already_comes_first() -> None:
    late = parse_time("2026-12-02T02:00:00Z", "at")
    assert next(WeeklyWindows(NIGHTLY).after(late, PARIS)).day == date(2026, 12, 1)


def test_days_and_several_windows_a_day_come_in_order() -> None:
    windows = WeeklyWindows({"sat": [("22:00", "24:00"), ("05:00", "07:00")]})
    found = list(islice(windows.after(NOON, PARIS), 3))
    assert [format_time(window.start) for window in found] == [
        "2026-12-05T04:00:00Z",
        "2026-12-05T21:00:00Z",
        "2026-12-12T04:00:00Z",
    ]
    assert found[1].end - found[1].start == 2 * HOUR_S


@pytest.mark.parametrize(
    ("night", "hours"),
    [("2026-03-28", 8), ("2026-10-24", 10), ("2026-12-01", 9)],
    ids=["the clock goes forward", "the clock goes back", "no change"],
)
def test_a_night_with_a_change_of_clocks_is_an_hour_shorter_or_longer(night: str, hours: int) -> None:
    window = next(WeeklyWindows(NIGHTLY).after(parse_time(f"{night}T12:00:00Z", "at"), PARIS))
    assert window.end - window.start == hours * HOUR_S


def test_a_window_that_a_change_of_clocks_leaves_nothing_of_is_left_out() -> None:
    windows = WeeklyWindows({"sun": [("02:00", "03:00")]})
    before = parse_time("2026-03-28T12:00:00Z", "at")
    assert next(windows.after(before, PARIS)).day == date(2026, 4, 5)


def test_something_begins_every_so_many_days() -> None:
    windows = WeeklyWindows(NIGHTLY)
    found = list(islice(windows.beginnings(NOON, PARIS, 3, date(2026, 11, 30)), 3))
    assert [window.day for window in found] == [date(2026, 12, 3), date(2026, 12, 6), date(2026, 12, 9)]
    assert next(windows.beginnings(NOON, PARIS, 3, None)).day == date(2026, 12, 1)


def test_with_two_windows_a_day_something_daily_begins_in_the_first() -> None:
    windows = WeeklyWindows({day: [("05:00", "07:00"), ("22:00", "23:00")] for day in DAYS})
    found = list(islice(windows.beginnings(NOON - DAY_S // 2, PARIS, 1, date(2026, 11, 30)), 2))
    assert [format_time(window.start)[11:13] for window in found] == ["04", "04"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "has no window"),
        ({"mon": []}, "has no window"),
        ({"montag": [("21:00", "22:00")]}, "is not a day"),
        ({"mon": [("25:00", "26:00")]}, "not a time of day"),
        ({"mon": [("24:00", "06:00")]}, "can't begin at 24:00"),
        ({"mon": [("21:00", "23:00"), ("22:00", "23:30")]}, "has ended"),
        ({"mon": [("21:30", "06:30")], "tue": [("06:00", "07:00")]}, "has ended"),
        ({"sun": [("21:30", "06:30")], "mon": [("06:00", "07:00")]}, "has ended"),
        ({"mon": [("21:30", "21:30")], "tue": [("00:00", "01:00")]}, "has ended"),
        ({"mon": [(f"{hour:02d}:00", f"{hour:02d}:30") for hour in range(9)]}, "at most 8"),
    ],
)
def test_what_is_no_window_is_refused(document: dict, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        WeeklyWindows(document)


def test_a_window_may_last_a_whole_day() -> None:
    window = next(WeeklyWindows({"mon": [("06:00", "06:00")]}).after(NOON, PARIS))
    assert window.end - window.start == DAY_S
