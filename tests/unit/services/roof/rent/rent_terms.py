"""Terms that hold, for tests of rent."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from maillage.services.roof.rent.checks import checked_terms
from maillage.services.roof.rent.terms import Terms


def terms(rent: str = "1000", percent: str = "3", **more: Any) -> Terms:
    """Checked; 30 years in six terms unless told otherwise."""
    return checked_terms(Terms(rent_per_month=Decimal(rent), escalator_percent=Decimal(percent), **more))


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    """Of up to 30 years, with notice of up to a term."""
    term_years = draw(st.integers(1, 10))
    return checked_terms(
        Terms(
            rent_per_month=Decimal(draw(st.integers(1, 500_000))) / 100,
            escalator_percent=Decimal(draw(st.integers(0, 150_000))) / 10_000,
            escalator_every=draw(st.sampled_from(["year", "term"])),
            term_years=term_years,
            renewals=draw(st.integers(0, min(10, 30 // term_years - 1))),
            notice_months=draw(st.integers(0, min(60, 12 * term_years))),
            early_termination_months=draw(st.integers(0, 120)),
        )
    )
