"""A pool: one kind at one site, its size over time, and what is committed of it over time.

Two curves are kept. ``committed`` counts house and firm leases, ``all`` adds spot. Until a pool has had its first
spot lease they are the same object, which halves the work and the memory of most pools.
"""

from bisect import bisect_left, bisect_right
from zoneinfo import ZoneInfo

import msgspec

from maillage.kernel.calendars import WeeklyCalendar
from maillage.kernel.curves import StepFunction
from maillage.kernel.leases import Lease
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.times import HOUR_S, format_time

TRIM_ABOVE = 64
"""Breakpoints a curve may have before its past is cut off."""


class Shortfall(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a pool can't grant: ``no_pool``, ``closed``, ``full`` or ``reclaim_notice``; when first, what is left.
    Or why a site does not suit: ``attribute``, with its name for the kind."""

    kind: str
    why: str
    at: str | None = None
    available: int | float | None = None
    size: int | float | None = None


class Pool:
    """Sizes and levels are thousandths. Sizes change at ``size_times``; the first holds since ever."""

    __slots__ = ("all", "calendar", "committed", "kind", "notice_s", "size_times", "sizes", "spot", "zone")

    def __init__(self, kind: str, zone: ZoneInfo) -> None:
        self.kind = kind
        self.zone = zone
        self.size_times = [0]
        self.sizes = [0]
        self.notice_s = 0
        self.calendar: WeeklyCalendar | None = None
        self.committed = StepFunction()
        self.all = self.committed
        self.spot: dict[str, Lease] = {}  # what can be reclaimed, in order of grant

    # -- questions ---------------------------------------------------------------------------------------------

    def has_room(self, start: int, end: int, quantity: int, spot: bool) -> bool:
        """Whether ``quantity`` more fits under the size at every open instant of ``[start, end)``."""
        curve = self.all if spot else self.committed
        if start >= self.size_times[-1]:
            left = self.sizes[-1] - quantity
            if curve.top > left:
                curve.tighten()
            fits = curve.top <= left or curve.peak(start, end) <= left
        else:
            fits = self.room(start, end, spot) >= quantity
        return fits and (self.calendar is None or self.calendar.first_closed(start, end, self.zone) is None)

    def room(self, start: int, end: int, spot: bool) -> int:
        """Least that is free at any instant of ``[start, end)``, calendars aside; negative never happens."""
        curve = self.all if spot else self.committed
        return min(size - curve.peak(a, b) for a, b, size in self.size_segments(start, end))

    def most_room(self, start: int, end: int, spot: bool) -> int:
        """Most that is free at any instant of ``[start, end)``: no ask above it can fit there."""
        curve = self.all if spot else self.committed
        return max(size - curve.trough(a, b) for a, b, size in self.size_segments(start, end))

    def size_segments(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """(from, to, size) pieces that cover ``[start, end)``."""
        return StepFunction(self.size_times, self.sizes).segments(start, end)

    def size_at(self, instant: int) -> int:
        return self.sizes[bisect_right(self.size_times, instant) - 1]

    def shortfall(self, start: int, end: int, quantity: int, spot: bool) -> Shortfall:
        """Why has_room said no: the first closed instant, or the first that is too full."""
        if self.calendar is not None:
            closed_at = self.calendar.first_closed(start, end, self.zone)
            if closed_at is not None:
                return Shortfall(self.kind, "closed", format_time(closed_at))
        curve = self.all if spot else self.committed
        for seg_start, seg_end, size in self.size_segments(start, end):
            for at, _, level in curve.segments(seg_start, seg_end):
                if level + quantity > size:
                    left, most = from_thousandths(self.room(start, end, spot)), from_thousandths(size)
                    return Shortfall(self.kind, "full", format_time(at), left, most)
        raise AssertionError("shortfall asked of a pool that has room")

    # -- changes -----------------------------------------------------------------------------------------------

    def commit(self, start: int, end: int, quantity: int, spot: bool) -> None:
        """Take a quantity over ``[start, end)``, or give it back when negative."""
        if spot:
            if self.all is self.committed:
                self.all = self.committed.copy()
            self.all.add(start, end, quantity)
        else:
            self.committed.add(start, end, quantity)
            if self.all is not self.committed:
                self.all.add(start, end, quantity)

    def trim(self, now: int) -> None:
        """Cut off the past of a curve that has grown long; the last hour stays, for whoever looks back a little."""
        if self.all.times[TRIM_ABOVE // 2] < now - HOUR_S:
            self.committed.trim(now - HOUR_S)
            if self.all is not self.committed:
                self.all.trim(now - HOUR_S)
                self.spot = {name: lease for name, lease in self.spot.items() if lease.end > now}

    def resize(self, since: int, size: int, now: int) -> None:
        """Have this size from ``since`` on; changes that were planned for later are dropped."""
        first = bisect_left(self.size_times, since)
        del self.size_times[first:], self.sizes[first:]
        self.size_times.append(since)
        self.sizes.append(size)
        past = bisect_right(self.size_times, now - HOUR_S) - 1
        del self.size_times[:past], self.sizes[:past]
        self.size_times[0] = 0
