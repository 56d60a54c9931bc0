"""What a store can offer: its record, and the size, notice and calendar of each of its pools."""

import msgspec

from maillage.kernel.calendars import CalendarDocument, WeeklyCalendar, calendar_of
from maillage.kernel.errors import NotFound, PoolInUse
from maillage.kernel.events import Resized, SiteSet
from maillage.kernel.leases import Lease
from maillage.kernel.pools import Pool
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.reclaim import reclaim, victims
from maillage.kernel.scribe import Scribe
from maillage.kernel.sites import Site, zone_info
from maillage.kernel.times import FOREVER, format_time

LEASES_NAMED = 20
"""How many of the leases that stand in the way a refusal names."""


class PoolPlan(msgspec.Struct, frozen=True):
    """What a pool is to be: ``size`` in thousandths from ``since`` (seconds UTC; None is now) on."""

    kind: str
    size: int
    since: int | None = None
    notice_s: int = 0
    calendar: CalendarDocument | None = None


def set_site(scribe: Scribe, site: Site) -> bool:
    """Enter or change a site's record; False where it says what was known already.

    Refused (PoolInUse) where another time zone would move a calendar's hours away from leases that rely on them.
    """
    known = scribe.ledger.sites.get(site.id)
    if known == site:
        return False
    if known is not None and known.tz != site.tz:
        for pool in scribe.ledger.pools[site.id].values():
            if pool.calendar is not None:
                _refuse_if_closed_out(scribe, site, pool.kind, pool.calendar)
    scribe.record(SiteSet(site.id, scribe.ledger.next_seq(site.id), scribe.now, site))
    return True


def set_capacity(scribe: Scribe, site_id: str, plan: PoolPlan) -> Pool:
    """Give a pool its size, notice and calendar.

    Refused (PoolInUse) where house or firm leases need more than would be left, or where a lease lies outside the
    new calendar; both name the leases. Spot leases that no longer fit are reclaimed, newest first. A plan that
    changes nothing leaves no event.
    """
    ledger = scribe.ledger
    site = ledger.sites.get(site_id)
    if site is None:
        raise NotFound(f"the chain has no site {site_id[:64]!r}")
    scribe.policy.require_kind(plan.kind)
    calendar = None if plan.calendar is None else calendar_of(plan.calendar)
    since = scribe.now if plan.since is None else max(plan.since, scribe.now)
    pool = ledger.pools[site_id].get(plan.kind)
    if pool is not None:
        if _says_nothing_new(pool, plan, calendar, since):
            return pool
        _refuse_if_in_use(scribe, site_id, pool, plan.size, since)
        if calendar is not None:
            _refuse_if_closed_out(scribe, site, plan.kind, calendar)
        reclaim(scribe, _too_many(pool, plan.size, since), since, "resize")
    document = None if calendar is None or calendar.always_open else calendar.document()
    scribe.record(
        Resized(
            site_id,
            ledger.next_seq(site_id),
            scribe.now,
            plan.kind,
            plan.size,
            since,
            plan.notice_s,
            document,
        )
    )
    return ledger.pools[site_id][plan.kind]


def set_size(scribe: Scribe, site_id: str, kind: str, size: int) -> Pool:
    """Give a pool a size in thousandths from now on, and leave its notice and calendar as they are. See
    ``set_capacity``."""
    pool = scribe.ledger.pools.get(site_id, {}).get(kind)
    if pool is None:
        return set_capacity(scribe, site_id, PoolPlan(kind, size))
    calendar = None if pool.calendar is None else pool.calendar.document()
    return set_capacity(scribe, site_id, PoolPlan(kind, size, None, pool.notice_s, calendar))


def _says_nothing_new(pool: Pool, plan: PoolPlan, calendar: WeeklyCalendar | None, since: int) -> bool:
    known = None if pool.calendar is None else pool.calendar.document()
    asked = None if calendar is None or calendar.always_open else calendar.document()
    same_size = all(size == plan.size for _, _, size in pool.size_segments(since, FOREVER))
    return same_size and pool.notice_s == plan.notice_s and known == asked


def _refuse_if_in_use(scribe: Scribe, site_id: str, pool: Pool, size: int, since: int) -> None:
    if pool.committed.peak(since, FOREVER) <= size:
        return
    first = next(a for a, _, level in pool.committed.segments(since, FOREVER) if level > size)
    in_way = [lease for lease in _running(scribe, site_id, pool.kind) if lease.end > first and lease.cls != "spot"]
    raise PoolInUse(
        f"{from_thousandths(pool.committed.peak(since, FOREVER))} {pool.kind} are leased at {site_id} from "
        f"{format_time(first)} on; a size of at least that works, or a later 'from'",
        committed=from_thousandths(pool.committed.peak(since, FOREVER)),
        at=format_time(first),
        **_named(in_way),
    )


def _refuse_if_closed_out(scribe: Scribe, site: Site, kind: str, calendar: WeeklyCalendar) -> None:
    zone = zone_info(site.tz)
    outside = [
        lease
        for lease in _running(scribe, site.id, kind)
        if calendar.first_closed(max(lease.start, scribe.now), lease.end, zone) is not None
    ]
    if outside:
        raise PoolInUse(
            f"{len(outside)} leases of {kind} at {site.id} lie in hours that would be closed then",
            **_named(outside),
        )


def _too_many(pool: Pool, size: int, since: int) -> list[Lease]:
    """Spot leases over a smaller size: those that would go if somebody leased what is to be cut away."""
    if pool.all is pool.committed or pool.all.peak(since, FOREVER) <= size:
        return []
    shrunk = Pool(pool.kind, pool.zone)
    shrunk.sizes, shrunk.committed, shrunk.all, shrunk.spot = [size], pool.committed, pool.all, pool.spot
    return victims({pool.kind: shrunk}, {pool.kind: 0}, since, FOREVER)


def _running(scribe: Scribe, site_id: str, kind: str) -> list[Lease]:
    return [
        lease
        for lease in scribe.ledger.leases_of_site.get(site_id, ())
        if lease.is_active and kind in lease.needs and lease.end > scribe.now
    ]


def _named(leases: list[Lease]) -> dict[str, object]:
    return {"leases": [lease.id for lease in leases[:LEASES_NAMED]], "leases_in_the_way": len(leases)}
