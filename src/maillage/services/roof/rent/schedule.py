"""The rent periods of a lease, its terms, and how it can end before its last.

Instants are seconds UTC. Rent is paid in advance, for months that begin at midnight of the site's zone. ``terms`` are
taken to be checked (``checks.checked_terms``).
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from maillage.kernel.errors import Invalid
from maillage.kernel.times import format_time
from maillage.services.roof.rent.amounts import exact_rent, months_in_all, months_of_term, payments, to_cent
from maillage.services.roof.rent.days import RentMonths
from maillage.services.roof.rent.terms import Terms


class Period(NamedTuple):
    """A month of a lease: rent of ``amount_micro`` micro-units is due at ``start`` for ``[start, end)``. ``first`` and
    ``beyond`` are the local days on which it begins and the next does; ``line`` is how an invoice names it."""

    start: int
    end: int
    first: date
    beyond: date
    amount_micro: int

    @property
    def line(self) -> str:
        return f"roof rent {self.first} to {self.beyond}"


def periods(terms: Terms, start: int, zone: ZoneInfo, until: int | None = None) -> Iterator[Period]:
    """In order; with ``until`` those that begin before it, each of them whole."""
    months = RentMonths(start, zone)
    at, day = months.at(0), months.day(0)
    for number, amount_micro in enumerate(payments(terms), start=1):
        if until is not None and at >= until:
            return
        beyond_at, beyond = months.at(number), months.day(number)
        yield Period(at, beyond_at, day, beyond, amount_micro)
        at, day = beyond_at, beyond


def runs_until(terms: Terms, start: int, zone: ZoneInfo) -> int:
    """When the last renewal is over."""
    return RentMonths(start, zone).at(months_in_all(terms))


def term_bounds(terms: Terms, start: int, zone: ZoneInfo, term: int) -> tuple[int, int]:
    """When a term begins and ends; 0 is the first, ``terms.renewals`` the last."""
    months, length = RentMonths(start, zone), months_of_term(terms)
    return months.at(term * length), months.at((term + 1) * length)


def term_at(terms: Terms, start: int, zone: ZoneInfo, instant: int) -> int:
    """The term that an instant lies in: the first before the start, the last after the end."""
    begun = RentMonths(start, zone).begun_before(instant + 1, months_in_all(terms))
    return max(begun - 1, 0) // months_of_term(terms)


def notice_deadline(terms: Terms, start: int, zone: ZoneInfo, term: int) -> int:
    """Until when, at the latest, notice can be given for the lease to end with a term; at that very instant it is still
    in time. It is the midnight that begins the day ``notice_months`` before the one on which the next term begins."""
    return RentMonths(start, zone).at((term + 1) * months_of_term(terms) - terms.notice_months)


def end_after_notice(terms: Terms, start: int, zone: ZoneInfo, instant: int) -> int:
    """When the lease ends if notice is given at an instant: with the first term whose deadline is not over, or else
    with the last. Until then its rent is certain, whether notice is given or not."""
    for term in range(terms.renewals):
        if instant <= notice_deadline(terms, start, zone, term):
            return term_bounds(terms, start, zone, term)[1]
    return runs_until(terms, start, zone)


def check_end(terms: Terms, start: int, zone: ZoneInfo, ends: int, instant: int, field: str = "ends") -> None:
    """Invalid unless a lease can be ended at ``ends``, as declared at ``instant``: a rent period has to end then, and
    not before it was declared. ``extra['allowed']`` is the next such end, as text."""
    months, length = RentMonths(start, zone), months_in_all(terms)
    month = months.begun_before(ends, length)
    if month >= 1 and months.at(month) == ends and ends >= instant:
        return
    following = months.begun_before(max(ends, instant, start + 1), length)
    raise Invalid(
        field,
        f"a lease ends with a rent period that is not over yet; the next to end does so on {months.day(following)}",
        allowed=format_time(months.at(following)),
    )


def early_termination_fee_micro(terms: Terms, start: int, zone: ZoneInfo, ends: int, instant: int) -> int:
    """What it costs, in micro-units, to end a lease at ``ends`` (see ``check_end``), as declared at ``instant``:
    ``early_termination_months`` times the rent of the month that would begin then, to the cent. Nothing where notice
    given at that instant would have ended it by then."""
    if ends >= end_after_notice(terms, start, zone, instant):
        return 0
    month = RentMonths(start, zone).begun_before(ends, months_in_all(terms))
    return to_cent(terms.early_termination_months * exact_rent(terms, month))
