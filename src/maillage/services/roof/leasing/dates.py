"""What is due of a roof lease, and when."""

from zoneinfo import ZoneInfo

from maillage.kernel.sites import zone_info
from maillage.services.roof.leasing.model import IN_FORCE, OVER, RoofLease
from maillage.services.roof.rent.schedule import Period, notice_deadline, periods, term_at, term_bounds


def zone_of(lease: RoofLease) -> ZoneInfo:
    """The zone in which its days are counted."""
    return zone_info(lease.tz)


def periods_of(lease: RoofLease) -> list[Period]:
    """Its rent periods, as far as is known, in order."""
    return list(periods(lease.terms, lease.start, zone_of(lease), lease.until))


def unpaid(lease: RoofLease) -> list[Period]:
    """The rent periods that were not charged yet, in order."""
    return [period for period in periods_of(lease) if period.start >= lease.rent_paid_until]


def next_unpaid(lease: RoofLease) -> Period | None:
    """The first of them; it takes no time to find where little was charged yet."""
    known = periods(lease.terms, lease.start, zone_of(lease), lease.until)
    return next((period for period in known if period.start >= lease.rent_paid_until), None)


def wakes_at(lease: RoofLease) -> int | None:
    """The next instant at which the clock has something to do with it; None where there is none."""
    if not lease.going_on:
        return None
    if lease.state in OVER or (lease.state == "application" and not lease.lease):
        return 0  # left half-done
    if lease.state not in IN_FORCE:
        return lease.start
    if lease.given_back:
        return None
    following = next_unpaid(lease)
    return lease.until if following is None else min(following.start, lease.until)


def due_dates(lease: RoofLease, now: int) -> list[tuple[str, int]]:
    """(what, when), in order of time, of what is still to come."""
    if lease.state in OVER:
        return []
    if lease.state not in IN_FORCE:
        return [("lapses", lease.start)]
    zone, terms = zone_of(lease), lease.terms
    term = term_at(terms, lease.start, zone, now)
    found = [("starts", lease.start), ("ends", lease.until)]
    following = None if lease.given_back else next_unpaid(lease)
    if following is not None:
        found.append(("rent", following.start))
    if lease.ends is None:
        found.append(("term_ends", term_bounds(terms, lease.start, zone, term)[1]))
        deadlines = [notice_deadline(terms, lease.start, zone, each) for each in range(term, terms.renewals)]
        found += [("notice_by", at) for at in deadlines if at >= now][:1]
    return sorted((each for each in found if each[1] >= now), key=lambda each: each[1])
