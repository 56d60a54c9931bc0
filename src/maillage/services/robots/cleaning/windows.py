"""Weekly windows in a site's time zone that may run over midnight: when a floor may be cleaned."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from maillage.kernel.calendars import DAY_MIN, DAYS
from maillage.kernel.errors import Invalid

WINDOWS_A_DAY = 8
WEEK_MIN = 7 * DAY_MIN
EVERY_DAYS_MAX = 28
WindowsDocument = dict[str, list[tuple[str, str]]]
"""``{"mon": [["21:30", "06:30"]], ...}``: a window stands at the day that it begins on; one that does not end after its
beginning ends on the next day."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class Window(NamedTuple):
    """``[start, end)`` in seconds UTC, and the local day that it begins on."""

    start: int
    end: int
    day: date


class WeeklyWindows:
    """Windows by weekday, in minutes after the local midnight that their day begins with."""

    def __init__(self, document: WindowsDocument) -> None:
        """Invalid for days and times that are none, none at all, and windows that overlap, be it over midnight."""
        self._of_day: list[list[tuple[int, int]]] = [[] for _ in DAYS]
        for day, windows in document.items():
            if day not in DAYS:
                raise Invalid(f"windows.{day[:16]}", f"is not a day; the days are {', '.join(DAYS)}")
            if len(windows) > WINDOWS_A_DAY:
                raise Invalid(f"windows.{day}", f"at most {WINDOWS_A_DAY} windows a day")
            self._of_day[DAYS.index(day)] = sorted(_span(day, *window) for window in windows)
        _require_apart(self._of_day)

    def after(self, instant: int, zone: ZoneInfo) -> Iterator[Window]:
        """Those that end after an instant, in order, without end."""
        day = datetime.fromtimestamp(instant, UTC).astimezone(zone).date() - timedelta(days=1)
        while True:
            for opens, closes in self._of_day[day.weekday()]:
                window = Window(_instant(day, opens, zone), _instant(day, closes, zone), day)
                if instant < window.end and window.start < window.end:  # a change of clocks may leave nothing of one
                    yield window
            day += timedelta(days=1)

    def beginnings(self, instant: int, zone: ZoneInfo, every_days: int, last: date | None) -> Iterator[Window]:
        """Of those the ones in which something begins that is to begin every so many days, given the day that it last
        began on (None: it never did)."""
        for window in self.after(instant, zone):
            if last is None or (window.day - last).days >= every_days:
                yield window
                last = window.day


def _span(day: str, opens: str, closes: str) -> tuple[int, int]:
    start, end = _minutes(day, opens), _minutes(day, closes)
    if start == DAY_MIN:
        raise Invalid(f"windows.{day}", "a window can't begin at 24:00; it begins at 00:00 of the next day")
    return start, end if end > start else end + DAY_MIN


def _minutes(day: str, text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise Invalid(f"windows.{day}", f"{text[:16]!r} is not a time of day from 00:00 to 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def _require_apart(of_day: list[list[tuple[int, int]]]) -> None:
    spans = [(number * DAY_MIN + a, number * DAY_MIN + b) for number, spans in enumerate(of_day) for a, b in spans]
    if not spans:
        raise Invalid("windows", 'has no window; write such as {"mon": [["21:30", "06:30"]]}')
    following = [*spans[1:], (spans[0][0] + WEEK_MIN, spans[0][1] + WEEK_MIN)]
    for (_, end), (start, _) in zip(spans, following, strict=True):
        if start < end:
            raise Invalid(f"windows.{DAYS[start // DAY_MIN % 7]}", "begins before the window before it has ended")


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """UTC second of a local time; one that a clock change skips counts as if the clock had not changed yet."""
    day += timedelta(days=minutes // DAY_MIN)
    minutes %= DAY_MIN
    return int(datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone).timestamp())
