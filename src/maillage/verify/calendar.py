"""Weekly calendars: the list of a pool's open hours as spans of UTC seconds, and whether they cover a lease."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAY_MIN = 1_440
LOOK_AHEAD_DAYS = 23
"""A week with a closed minute shows it within eight days, or fifteen where a clock change skips that minute."""

Windows = list[list[tuple[int, int]]]
"""For each weekday from Monday, (opens, closes) in minutes after local midnight."""


def read_calendar(document: dict[str, Any]) -> Windows | None:
    """The windows of ``{"mon": [["08:00", "20:00"]], ...}``, None when always open.

    ValueError, with what is wrong, when it is no calendar.
    """
    windows: Windows = [[] for _ in DAYS]
    for day, spans in document.items():
        if day not in DAYS or not isinstance(spans, list):
            raise ValueError(f"{day!r} is no list of windows of a weekday, mon to sun")
        for span in spans:
            if not isinstance(span, list) or len(span) != 2:
                raise ValueError(f"{span!r} is no window such as ['08:00', '20:00']")
            opens, closes = _minutes(span[0]), _minutes(span[1])
            if opens >= closes:
                raise ValueError(f"the window {span!r} closes before it opens")
            windows[DAYS.index(day)].append((opens, closes))
    always_open = all(_open_minutes(spans) == DAY_MIN for spans in windows)
    return None if always_open else windows


def first_closed(windows: Windows, zone: ZoneInfo, start: int, end: int) -> int | None:
    """First second of ``[start, end)`` outside every window, or None. Seconds UTC.

    A window lasts from the first instant at which the store's clock shows its opening to the first at which it shows
    its closing; a time that a clock change skips counts as if the clock had not changed yet (PEP 495, fold 0).
    """
    first_day = datetime.fromtimestamp(start, zone).date() - timedelta(days=1)
    days = min((end - start) // 86_400 + 3, LOOK_AHEAD_DAYS)
    spans: list[tuple[int, int]] = []
    for day in (first_day + timedelta(days=number) for number in range(days + 1)):
        for opens, closes in windows[day.weekday()]:
            spans.append((_instant(day, opens, zone), _instant(day, closes, zone)))
    open_until = start
    for opens_at, closes_at in sorted(spans):
        if opens_at > open_until:
            break
        open_until = max(open_until, closes_at)
    return open_until if open_until < end else None


def _minutes(text: object) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text):
        raise ValueError(f"{text!r} is no time of day from 00:00 to 24:00")
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _open_minutes(spans: list[tuple[int, int]]) -> int:
    return len({minute for opens, closes in spans for minute in range(opens, closes)})


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """Hours and minutes on the clock, not hours after midnight: on the day of a clock change the two differ."""
    if minutes == DAY_MIN:
        return _instant(day + timedelta(days=1), 0, zone)
    return int(datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone).timestamp())
