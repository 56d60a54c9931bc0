"""The day ahead of a site's house, as a curve by the hour: what it will need, what it has, and what others may have."""

from collections.abc import Sequence
from itertools import pairwise

from maillage.kernel.curves import StepFunction
from maillage.kernel.leases import Lease
from maillage.kernel.pools import Pool
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.times import DAY_S, format_time
from maillage.services.compute.house import KIND
from maillage.services.compute.house.documents import HourDocument
from maillage.services.compute.house.hours import LocalHour, hours_from

HOURS = 25
"""That 24 hours from now may touch."""


def day_from(now: int, pool: Pool) -> list[LocalHour]:
    """The hours of the next 24, that under way first and from now on."""
    hours = [hour for hour in hours_from(now, pool.zone, HOURS) if hour.start < now + DAY_S]
    return [LocalHour(max(hour.start, now), hour.end, hour.of_week) for hour in hours]


def hour_document(hour: LocalHour, expected: int, kept: int, pool: Pool, house: Sequence[Lease]) -> HourDocument:
    """An hour of a pool; ``house`` are all house leases that stand there."""
    leased = StepFunction()
    for lease in house:
        leased.add(lease.start, lease.end, lease.needs[KIND])
    edges = {hour.start, hour.end}
    for curve in (leased, pool.committed, pool.all, StepFunction(pool.size_times, pool.sizes)):
        edges |= {at for at in curve.times if hour.start < at < hour.end}
    times = sorted(edges)
    pieces = []
    for start, end in pairwise(times):
        stands, committed = leased.peak(start, end), pool.committed.peak(start, end)
        firm, spot = committed - stands, pool.all.peak(start, end) - committed
        pieces.append((stands, firm, spot, max(pool.size_at(start) - max(stands, kept) - firm - spot, 0)))
    standing, firms, spots, lefts = zip(*pieces, strict=True)
    figures = (expected, kept, min(standing), max(firms), max(spots), min(lefts))
    return HourDocument(format_time(hour.start), *map(from_thousandths, figures))
