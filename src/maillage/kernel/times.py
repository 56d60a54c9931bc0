"""Instants: integer seconds UTC inside, RFC 3339 outside; intervals are half-open."""

from datetime import UTC, datetime
from functools import lru_cache

from maillage.kernel.errors import Invalid

HOUR_S = 3_600
DAY_S = 86_400
WEEK_S = 7 * DAY_S
FOREVER = 1 << 40
"""The end of a lease that has none: the year 36812, beyond every end that can be asked."""
HORIZON_S = 50 * 366 * DAY_S
"""How far ahead an end may lie."""
PAST_TOLERANCE_S = 60
"""How far back a start may lie: clocks differ and requests travel."""


@lru_cache(maxsize=1 << 16)
def parse_time(text: str, field: str) -> int:
    """Seconds UTC of an RFC 3339 instant; fractions are cut off. A time without a zone is refused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(field, f"{text[:40]!r} is not an RFC 3339 time, such as 2026-12-01T08:00:00Z") from None
    if moment.tzinfo is None:
        raise Invalid(field, f"{text[:40]!r} has no zone; write {text[:19]}Z or an offset such as +01:00")
    try:
        second = int(moment.astimezone(UTC).timestamp() // 1)
    except OverflowError:
        second = -1
    if second < 0:  # the step functions of the pools begin at 0
        raise Invalid(field, f"{text[:40]!r} lies outside the years 1970 to 9999")
    return second


@lru_cache(maxsize=1 << 16)
def format_time(second: int) -> str:
    """RFC 3339 in UTC with Z, whole seconds. Many leases share their instants, so the texts are kept."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_end(second: int) -> str | None:
    """Like format_time; None for the end of an open lease."""
    return None if second >= FOREVER else format_time(second)


def month_bounds(month: str) -> tuple[int, int]:
    """First second of a month ``YYYY-MM`` (UTC) and of the next."""
    try:
        year, number = int(month[:4]), int(month[5:])
        if len(month) != 7 or month[4] != "-" or not month[5:].isdigit():
            raise ValueError
        first = datetime(year, number, 1, tzinfo=UTC)
        following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    except ValueError:
        raise Invalid("month", f"{month[:40]!r} is not a month such as 2026-12") from None
    return int(first.timestamp()), int(following.timestamp())


def month_of(second: int) -> str:
    """The month ``YYYY-MM`` (UTC) that an instant lies in."""
    return _month_of_day(second // DAY_S)


@lru_cache(maxsize=1 << 12)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).strftime("%Y-%m")
