"""Rent rolls, as documents."""

from collections.abc import Sequence

from maillage.kernel.paging import Page
from maillage.kernel.quantities import from_micro
from maillage.kernel.times import format_time
from maillage.services.roof.rent.documents import Escalation, RentRoll, RollLine, RollYear
from maillage.services.roof.rent.roll import Outlook, Roll, mean_remaining_years, summed


def roll_document(
    rolls: Sequence[Roll], some: Page[Roll], now: int, currency: str, rate_percent: float, prospects: bool
) -> RentRoll:
    """Of all leases in question, with the lines of some of them."""
    remaining_years = mean_remaining_years(rolls)
    return RentRoll(
        format_time(now),
        currency,
        rate_percent,
        prospects,
        from_micro(sum(each.rent_micro for each in rolls)),
        None if remaining_years is None else round(remaining_years, 2),
        from_micro(sum(each.total.committed for each in rolls)),
        from_micro(sum(each.total.with_renewals for each in rolls)),
        from_micro(sum(each.value.committed for each in rolls)),
        from_micro(sum(each.value.with_renewals for each in rolls)),
        _years(summed(each.years for each in rolls)),
        len(rolls),
        [_line(each) for each in some.items],
        some.next,
    )


def _line(roll: Roll) -> RollLine:
    lease, rise = roll.lease, roll.escalation
    return RollLine(
        lease.id,
        lease.tenant,
        lease.site,
        lease.state,
        lease.tz,
        format_time(lease.start),
        from_micro(roll.rent_micro),
        None if rise is None else Escalation(format_time(rise[0]), from_micro(rise[1])),
        None if roll.notice_by is None else format_time(roll.notice_by),
        format_time(roll.committed_until),
        format_time(roll.runs_until),
        round(roll.remaining_years, 2),
        from_micro(roll.total.committed),
        from_micro(roll.total.with_renewals),
        from_micro(roll.value.committed),
        from_micro(roll.value.with_renewals),
        _years(roll.years),
    )


def _years(years: dict[int, Outlook]) -> list[RollYear]:
    return [RollYear(year, from_micro(each.committed), from_micro(each.with_renewals)) for year, each in years.items()]
