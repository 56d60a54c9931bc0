"""One lease by several ways for its rent to rise, year by year."""

from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import from_micro
from maillage.services.roof.rent.amounts import months_in_all, payments, rent_micro, total_micro
from maillage.services.roof.rent.checks import checked_terms
from maillage.services.roof.rent.days import months_later
from maillage.services.roof.rent.documents import RentComparison, RentModel, RentYear
from maillage.services.roof.rent.terms import EscalatorEvery, Terms
from maillage.services.roof.rent.value import checked_rate, present_value_micro

USUAL: dict[EscalatorEvery, Decimal] = {"year": Decimal(3), "term": Decimal(15)}
"""Percent: what is usual in the trade, a year or a term (jptowerconsulting.com)."""
FIRST_YEAR, LAST_YEAR = 1970, 9_900
"""In which a lease may start."""


def compare(terms: Terms, start: date, rate_percent: float | None = None) -> RentComparison:
    """The terms, and beside them the same by both of ``USUAL``; with a rate also what each is worth on the day of the
    start. Invalid names what can't be."""
    terms = checked_terms(terms)
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise Invalid("start", f"{start} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    if rate_percent is not None:
        checked_rate(rate_percent)
    models = [terms]
    for every, percent in USUAL.items():
        usual = replace(terms, escalator_every=every, escalator_percent=percent)
        if usual != terms:
            models.append(usual)
    return RentComparison(
        start.isoformat(),
        months_later(start, months_in_all(terms)).isoformat(),
        from_micro(rent_micro(terms, 0)),
        terms.term_years,
        terms.renewals,
        rate_percent,
        [_model(model, start, rate_percent, asked=model is terms) for model in models],
    )


def _model(terms: Terms, start: date, rate_percent: float | None, asked: bool) -> RentModel:
    paid = payments(terms)
    value = None
    if rate_percent is not None:
        dated = ((months_later(start, month), micro) for month, micro in enumerate(paid))
        value = from_micro(present_value_micro(dated, start, rate_percent))
    years = [
        RentYear(
            month // 12 + 1,
            months_later(start, month).isoformat(),
            months_later(start, month + 12).isoformat(),
            from_micro(rent_micro(terms, month)),
            from_micro(sum(paid[month : month + 12])),
        )
        for month in range(0, len(paid), 12)
    ]
    name = f"{terms.escalator_percent} % a {terms.escalator_every}"
    return RentModel(
        name,
        float(terms.escalator_percent),
        terms.escalator_every,
        asked,
        from_micro(total_micro(terms)),
        value,
        years,
    )
