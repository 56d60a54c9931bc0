"""The rent roll: what is to come of a lease, for certain and with all renewals, and what that is worth today."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from maillage.kernel.sites import zone_info
from maillage.kernel.times import DAY_S
from maillage.services.roof.leasing.model import RoofLease
from maillage.services.roof.rent.amounts import months_a_step, months_in_all, payments, rent_micro
from maillage.services.roof.rent.days import RentMonths, day_of
from maillage.services.roof.rent.schedule import end_after_notice, notice_deadline, term_at
from maillage.services.roof.rent.value import present_value_micro

YEAR_S = 365.25 * DAY_S
"""For how many years a lease has left."""


class Outlook(NamedTuple):
    """Amounts in micro-units, until the lease's end or the earliest that it can have, and with all renewals."""

    committed: int
    with_renewals: int


class Roll(NamedTuple):
    """A lease's rent to come. Amounts in micro-units, instants in seconds UTC; the fields are told of in
    ``documents.RollLine``."""

    lease: RoofLease
    rent_micro: int
    escalation: tuple[int, int] | None
    notice_by: int | None
    committed_until: int
    runs_until: int
    remaining_years: float
    total: Outlook
    value: Outlook
    years: dict[int, Outlook]


def roll(lease: RoofLease, now: int, rate_percent: float) -> Roll:
    """Of the rent that falls due on this day (of the site's zone) or later, at a yearly effective rate."""
    terms, zone = lease.terms, zone_info(lease.tz)
    months, today = RentMonths(lease.start, zone), day_of(now, zone)
    whole = months_in_all(terms)
    last = lease.until
    committed_until = last if lease.ends is not None else end_after_notice(terms, lease.start, zone, now)
    committed_months, all_months = months.begun_before(committed_until, whole), months.begun_before(last, whole)
    coming = [
        (day, micro, month < committed_months)
        for month, micro in enumerate(payments(terms)[:all_months])
        if (day := months.day(month)) >= today
    ]
    certain = [(day, micro) for day, micro, committed in coming if committed]
    month = max(months.begun_before(now + 1, whole) - 1, 0)
    return Roll(
        lease,
        rent_micro(terms, month) if now < last else 0,
        _escalation(lease, months, month, all_months),
        _notice_by(lease, committed_until),
        committed_until,
        last,
        max(committed_until - max(now, lease.start), 0) / YEAR_S,
        Outlook(sum(micro for _, micro in certain), sum(micro for _, micro, _ in coming)),
        Outlook(
            present_value_micro(certain, today, rate_percent),
            present_value_micro(((day, micro) for day, micro, _ in coming), today, rate_percent),
        ),
        _by_year(coming),
    )


def summed(years: Iterable[dict[int, Outlook]]) -> dict[int, Outlook]:
    """By calendar year, of several leases."""
    found: dict[int, Outlook] = {}
    for one in years:
        for year, (committed, with_renewals) in one.items():
            before = found.get(year, Outlook(0, 0))
            found[year] = Outlook(before.committed + committed, before.with_renewals + with_renewals)
    return dict(sorted(found.items()))


def mean_remaining_years(rolls: Sequence[Roll]) -> float | None:
    """Weighted by the rent of now; None where there is none."""
    rent = sum(each.rent_micro for each in rolls)
    return sum(each.rent_micro * each.remaining_years for each in rolls) / rent if rent else None


def _by_year(coming: Iterable[tuple[date, int, bool]]) -> dict[int, Outlook]:
    committed: dict[int, int] = {}
    everything: dict[int, int] = {}
    for day, micro, certain in coming:
        everything[day.year] = everything.get(day.year, 0) + micro
        committed[day.year] = committed.get(day.year, 0) + (micro if certain else 0)
    return {year: Outlook(committed[year], micro) for year, micro in everything.items()}


def _escalation(lease: RoofLease, months: RentMonths, month: int, all_months: int) -> tuple[int, int] | None:
    a_step = months_a_step(lease.terms)
    following = (month // a_step + 1) * a_step
    if following >= all_months or not lease.terms.escalator_percent:
        return None
    return months.at(following), rent_micro(lease.terms, following)


def _notice_by(lease: RoofLease, committed_until: int) -> int | None:
    """None where the end is known, or comes by itself."""
    zone = zone_info(lease.tz)
    term = term_at(lease.terms, lease.start, zone, committed_until - 1)
    if lease.ends is not None or term == lease.terms.renewals:
        return None
    return notice_deadline(lease.terms, lease.start, zone, term)
