"""When a robot can be had within a window: pure arithmetic on a site's pool."""

from typing import NamedTuple

from maillage.kernel.pools import Pool
from maillage.services.robots.cleaning import ONE


class Slot(NamedTuple):
    """``[start, end)`` in seconds UTC."""

    start: int
    end: int


def free_slots(pool: Pool, start: int, end: int) -> list[Slot]:
    """Where in ``[start, end)`` the house could lease one robot, in order. Spot leases don't stand in its way."""
    found: list[Slot] = []
    for first, beyond, size in pool.size_segments(start, end):
        for a, b, level in pool.committed.segments(first, beyond):
            if level + ONE > size:
                continue
            for slot in _open(pool, a, b):
                if found and found[-1].end == slot.start:
                    slot = Slot(found.pop().start, slot.end)
                found.append(slot)
    return found


def best_slot(slots: list[Slot], wanted_s: int, least_s: int) -> Slot | None:
    """The first that is as long as wanted, cut to that; else the longest of at least ``least_s``."""
    for slot in slots:
        if slot.end - slot.start >= wanted_s:
            return Slot(slot.start, slot.start + wanted_s)
    longest = max(slots, key=lambda slot: slot.end - slot.start, default=None)
    return longest if longest is not None and longest.end - longest.start >= least_s else None


def _open(pool: Pool, start: int, end: int) -> list[Slot]:
    """The parts of a stretch in which the pool's calendar is open. Robots that can't be had at night, say, are rare:
    the walk goes by quarters of an hour, which calendars change at, and by minutes where they don't."""
    if pool.calendar is None or pool.calendar.always_open:
        return [Slot(start, end)]
    found: list[Slot] = []
    at = start
    while at < end:
        closed = pool.calendar.first_closed(at, end, pool.zone)
        until = end if closed is None else closed
        if at < until:
            found.append(Slot(at, until))
        at = until
        while at < end and pool.calendar.first_closed(at, at + 1, pool.zone) is not None:
            at += 60 - at % 60
    return found
