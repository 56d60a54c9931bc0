"""Hours as the clock in the store has them: shops live by local time, and so does what their computers do."""

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from maillage.kernel.times import HOUR_S


class LocalHour(NamedTuple):
    """``[start, end)``, seconds UTC; ``of_week`` counts from Monday 00:00 local time."""

    start: int
    end: int
    of_week: int


def hour_at(instant: int, zone: ZoneInfo) -> LocalHour:
    """The hour that an instant lies in. When clocks go back an hour comes twice, when they go forward one never."""
    local = datetime.fromtimestamp(instant, UTC).astimezone(zone)
    start = instant - local.minute * 60 - local.second
    return LocalHour(start, start + HOUR_S, local.weekday() * 24 + local.hour)


def hours_from(instant: int, zone: ZoneInfo, count: int) -> list[LocalHour]:
    """So many hours, that of the instant first; they follow on one another, also where clocks change by less."""
    hours = [hour_at(instant, zone)]
    while len(hours) < count:
        turn = hours[-1].end
        following = hour_at(turn, zone)
        hours.append(LocalHour(turn, following.end, following.of_week))
    return hours
