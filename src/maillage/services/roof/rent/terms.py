"""The terms on which a roof is let."""

from decimal import Decimal
from typing import Literal

import msgspec

EscalatorEvery = Literal["year", "term"]


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``rent_per_month`` is for the whole lease, in the currency of the chain's price book, and rises by
    ``escalator_percent`` every year or every term. The lease runs for ``term_years`` and then for up to ``renewals``
    further terms of as many years, each by itself unless notice is given ``notice_months`` before. Ended before a
    term is over, it costs ``early_termination_months`` of the rent that then is due.

    Market practice (first terms of five years, four or five renewals by themselves, 3 % a year or 10 to 20 % a term)
    is told by legalclarity.org and jptowerconsulting.com.
    """

    rent_per_month: Decimal
    term_years: int = 5
    renewals: int = 5
    escalator_percent: Decimal = Decimal(3)
    escalator_every: EscalatorEvery = "year"
    notice_months: int = 12
    early_termination_months: int = 12
