"""Weekly calendars: when a pool exists at all, in the local time of its site."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from maillage.kernel.errors import Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1_440
WINDOWS_MAX = 48

CalendarDocument = dict[str, list[tuple[str, str]]]
"""``{"mon": [["08:00", "20:00"]], ...}``: a day that is absent is closed, ``24:00`` is the end of a day."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def calendar_of(document: CalendarDocument) -> "WeeklyCalendar":
    """The calendar that a document means. Thousands of pools share a few calendars, so each is made once."""
    return _shared_calendar(tuple((day, tuple(map(tuple, windows))) for day, windows in document.items()))


@lru_cache(maxsize=1_024)
def _shared_calendar(days: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> "WeeklyCalendar":
    return WeeklyCalendar({day: list(windows) for day, windows in days})


class WeeklyCalendar:
    """Opening windows of each weekday, in minutes after local midnight, sorted, disjoint and merged."""

    def __init__(self, document: CalendarDocument) -> None:
        """Refuses unknown days, times that are no times, windows that end before they start or overlap."""
        self.windows: list[list[tuple[int, int]]] = [[] for _ in DAYS]
        for day, windows in document.items():
            if day not in DAYS:
                raise Invalid(f"calendar.{day[:16]}", f"is not a day; the days are {', '.join(DAYS)}")
            if len(windows) > WINDOWS_MAX:
                raise Invalid(f"calendar.{day}", f"at most {WINDOWS_MAX} windows a day")
            self.windows[DAYS.index(day)] = _merged(day, windows)
        if not any(self.windows):
            raise Invalid("calendar", "has no open hour; leave it out for always open, or set the size to 0")

    @property
    def always_open(self) -> bool:
        return all(windows == [(0, DAY_MIN)] for windows in self.windows)

    def document(self) -> CalendarDocument:
        """The calendar as it is written outside."""
        return {
            day: [(_clock(opens), _clock(closes)) for opens, closes in windows]
            for day, windows in zip(DAYS, self.windows, strict=True)
            if windows
        }

    def first_closed(self, start: int, end: int, zone: ZoneInfo) -> int | None:
        """The first closed second in ``[start, end)``, or None when all of it is open.

        The walk goes day by day and is short whatever the interval: a week that is not open throughout has a
        closed minute within eight days (within fifteen where a clock change skips it).
        """
        if self.always_open:
            return None
        at = start
        day = datetime.fromtimestamp(start, UTC).astimezone(zone).date()
        while at < end:
            for opens, closes in self.windows[day.weekday()]:
                closes_at = _instant(day, closes, zone)
                if closes_at <= at:
                    continue
                if _instant(day, opens, zone) > at:
                    return at
                at = closes_at
                if at >= end:
                    return None
            day += timedelta(days=1)
            if _instant(day, 0, zone) > at:
                return at
        return None


def _merged(day: str, windows: list[tuple[str, str]]) -> list[tuple[int, int]]:
    spans = sorted((_minutes(day, opens), _minutes(day, closes)) for opens, closes in windows)
    merged: list[tuple[int, int]] = []
    for opens, closes in spans:
        if closes <= opens:
            raise Invalid(
                f"calendar.{day}",
                f"the window {_clock(opens)} to {_clock(closes)} ends before it starts; "
                "one over midnight is written as two, up to 24:00 and from 00:00",
            )
        if merged and opens < merged[-1][1]:
            raise Invalid(f"calendar.{day}", f"two windows overlap at {_clock(opens)}")
        if merged and opens == merged[-1][1]:
            merged[-1] = (merged[-1][0], closes)
        else:
            merged.append((opens, closes))
    return merged


def _minutes(day: str, text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise Invalid(f"calendar.{day}", f"{text[:16]!r} is not a time of day from 00:00 to 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """UTC second of a local time; a time that a clock change skips counts as if the clock had not changed yet."""
    if minutes == DAY_MIN:
        day, minutes = day + timedelta(days=1), 0
    return int(datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone).timestamp())
