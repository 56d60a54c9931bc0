"""What the rent of each month is, exact, and what is paid of it, to the cent.

The rent rises unrounded. What is paid up to a month is the exact sum, rounded once (half up); a payment is the
difference of two such sums. So any number of payments from the first on adds up to the exact sum to the cent, and no
payment is a cent or more away from the month's exact rent.
"""

from fractions import Fraction
from functools import lru_cache

from maillage.kernel.quantities import MICRO
from maillage.services.roof.rent.terms import Terms

CENT_MICRO = MICRO // 100
"""A cent is a hundredth of the currency's unit, also in currencies that have no coins of it."""


def months_of_term(terms: Terms) -> int:
    """How many months each term has."""
    return 12 * terms.term_years


def months_in_all(terms: Terms) -> int:
    """How many months there are with all renewals."""
    return months_of_term(terms) * (1 + terms.renewals)


def months_a_step(terms: Terms) -> int:
    """For how many months the rent stays as it is."""
    return 12 if terms.escalator_every == "year" else months_of_term(terms)


def exact_rent(terms: Terms, month: int) -> Fraction:
    """Of a month, 0 being the first, in the currency's unit."""
    factor = 1 + Fraction(terms.escalator_percent) / 100
    return Fraction(terms.rent_per_month) * factor ** (month // months_a_step(terms))


def rent_micro(terms: Terms, month: int) -> int:
    """The rent of a month, to the nearest cent, in micro-units: what it is said to be. Payments are ``payments``."""
    return to_cent(exact_rent(terms, month))


def to_cent(amount: Fraction) -> int:
    """Micro-units of an exact amount that is not negative, rounded half up to the cent."""
    return _half_up(amount.numerator * 100, amount.denominator) * CENT_MICRO


@lru_cache(maxsize=256)
def payments(terms: Terms) -> tuple[int, ...]:
    """What is paid for each month, with all renewals, in micro-units."""
    a_step, months = months_a_step(terms), months_in_all(terms)
    # All over one denominator: sums of Fractions would look for common divisors of hundreds of digits each time.
    rent, factor = Fraction(terms.rent_per_month) * 100, 1 + Fraction(terms.escalator_percent) / 100
    last = (months - 1) // a_step
    denominator = rent.denominator * factor.denominator**last
    cents = [rent.numerator * factor.numerator**step * factor.denominator ** (last - step) for step in range(last + 1)]
    paid = exact = 0
    found = []
    for month in range(months):
        exact += cents[month // a_step]
        due = _half_up(exact, denominator)
        found.append((due - paid) * CENT_MICRO)
        paid = due
    return tuple(found)


def total_micro(terms: Terms, months: int | None = None) -> int:
    """The exact sum of the first months' rent (of all, if left out), to the cent, in micro-units."""
    return sum(payments(terms)[:months])


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
