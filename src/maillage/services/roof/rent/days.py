"""Months from the day on which a lease starts, in its site's time zone."""

from bisect import bisect_left
from calendar import monthrange
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from maillage.kernel.times import HOUR_S


def midnight(day: date, zone: ZoneInfo) -> int:
    """Seconds UTC at which a day begins. Where a change of clocks leaves midnight out, the instant of the change; where
    it brings midnight twice, the first."""
    return int(datetime.combine(day, time(), zone).timestamp())


def day_of(instant: int, zone: ZoneInfo) -> date:
    """The local day that an instant (seconds UTC) lies in."""
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).date()


def months_later(day: date, months: int) -> date:
    """So many months (negative: before), on the same day of the month or the month's last where it has none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, day.day if day.day <= 28 else min(day.day, monthrange(year, month + 1)[1]))


class RentMonths:
    """Month 0 begins with the lease, ``start``, the others at midnight of their first day.

    Each is counted from the first day and not from the month before: a lease that starts on the 31st has its months
    begin on the 31st, or on the last of the shorter ones.
    """

    def __init__(self, start: int, zone: ZoneInfo) -> None:
        self._start, self._zone = start, zone
        # The day of the nearest midnight: a zone whose rules were changed after the lease was made shifts no dates.
        self.first = day_of(start + 12 * HOUR_S, zone)

    def day(self, month: int) -> date:
        """The day on which a month begins."""
        return months_later(self.first, month)

    def at(self, month: int) -> int:
        """The instant (seconds UTC) at which a month begins."""
        return self._start if month == 0 else midnight(self.day(month), self._zone)

    def begun_before(self, instant: int, months: int) -> int:
        """How many of the first ``months`` have begun before an instant (seconds UTC)."""
        return bisect_left(range(months), instant, key=self.at)
