"""Which terms a roof can be let on."""

from decimal import Decimal

from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import MONEY_MAX
from maillage.services.roof.rent.amounts import exact_rent, months_in_all, months_of_term
from maillage.services.roof.rent.terms import Terms

TERM_YEARS_MAX = 30
RENEWALS_MAX = 10
YEARS_MAX = 50
"""With all renewals: what the kernel can grant a lease for."""
ESCALATOR_PERCENT_MAX = 50
NOTICE_MONTHS_MAX = 60
EARLY_TERMINATION_MONTHS_MAX = 120
RENT_MAX = MONEY_MAX // EARLY_TERMINATION_MONTHS_MAX
"""A month, in the currency's unit, also in the last year: the largest fee for ending early is then one that can be
charged."""


def checked_terms(terms: Terms) -> Terms:
    """The same with its numbers in their plainest form, or Invalid naming the field that is wrong."""
    rent = _plain(terms.rent_per_month, "rent_per_month", 2, RENT_MAX)
    if rent == 0:
        raise Invalid("rent_per_month", "is 0; the least is 0.01")
    escalator = _plain(terms.escalator_percent, "escalator_percent", 4, ESCALATOR_PERCENT_MAX)
    _within(terms.term_years, "term_years", 1, TERM_YEARS_MAX)
    _within(terms.renewals, "renewals", 0, RENEWALS_MAX)
    years = terms.term_years * (1 + terms.renewals)
    if years > YEARS_MAX:
        raise Invalid("renewals", f"with all renewals it would run for {years} years; at most {YEARS_MAX} can be let")
    _within(terms.notice_months, "notice_months", 0, min(NOTICE_MONTHS_MAX, months_of_term(terms)))
    _within(terms.early_termination_months, "early_termination_months", 0, EARLY_TERMINATION_MONTHS_MAX)
    if terms.escalator_every not in ("year", "term"):
        raise Invalid("escalator_every", "is year or term")
    checked = replace(terms, rent_per_month=rent, escalator_percent=escalator)
    if exact_rent(checked, months_in_all(checked) - 1) > RENT_MAX:
        raise Invalid("escalator_percent", f"the rent would rise above {RENT_MAX:,} a month, the most that can be")
    return checked


def _plain(value: Decimal, field: str, decimals: int, most: int) -> Decimal:
    """A decimal without needless zeros or exponent."""
    if not (value.is_finite() and 0 <= value <= most):
        raise Invalid(field, f"{str(value)[:40]} is out of range; it goes from 0 to {most:,}")
    if value != round(value, decimals):
        raise Invalid(field, f"{str(value)[:40]} has more than {decimals} decimals")
    return Decimal(format(value.normalize() + 0, "f"))


def _within(value: int, field: str, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Invalid(field, f"{value} is out of range; it goes from {least} to {most}")
