"""Which terms can be."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.rent.amounts import months_in_all, rent_micro
from maillage.services.roof.rent.checks import EARLY_TERMINATION_MONTHS_MAX, RENT_MAX, checked_terms
from maillage.services.roof.rent.terms import Terms

GOOD = Terms(rent_per_month=Decimal(1_000))


@pytest.mark.parametrize(
    "changes",
    [
        {"rent_per_month": Decimal("0.01")},
        {"rent_per_month": Decimal(RENT_MAX), "escalator_percent": Decimal(0)},
        {"term_years": 30, "renewals": 0},
        {"term_years": 10, "renewals": 4},
        {"term_years": 1, "renewals": 10},
        {"escalator_percent": Decimal("0.0001")},
        {"escalator_percent": Decimal(50), "term_years": 1},
        {"notice_months": 0, "early_termination_months": 0},
        {"notice_months": 60, "early_termination_months": EARLY_TERMINATION_MONTHS_MAX},
    ],
)
def test_terms_at_the_edge_of_what_can_be_are_taken(changes: dict[str, Any]) -> None:
    wanted = msgspec.structs.replace(GOOD, **changes)
    assert checked_terms(wanted) == wanted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rent_per_month", Decimal(0)),
        ("rent_per_month", Decimal("-1")),
        ("rent_per_month", Decimal("0.001")),
        ("rent_per_month", Decimal("1E-5000")),
        ("rent_per_month", Decimal("100.0000000000000000000000000000000001")),
        ("rent_per_month", Decimal(RENT_MAX + 1)),
        ("rent_per_month", Decimal("1E+5000")),
        ("rent_per_month", Decimal("NaN")),
        ("rent_per_month", Decimal("sNaN")),
        ("rent_per_month", Decimal("Infinity")),
        ("escalator_percent", Decimal("-0.1")),
        ("escalator_percent", Decimal("50.0001")),
        ("escalator_percent", Decimal("3.00001")),
        ("escalator_percent", Decimal("NaN")),
        ("escalator_every", "month"),
        ("term_years", 0),
        ("term_years", 31),
        ("renewals", -1),
        ("renewals", 11),
        ("notice_months", -1),
        ("notice_months", 61),
        ("early_termination_months", -1),
        ("early_termination_months", 121),
    ],
)
def test_terms_that_cannot_be_are_refused_by_their_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_terms(msgspec.structs.replace(GOOD, **{field: value}))
    assert refusal.value.extra["field"] == field


def test_all_renewals_together_end_within_what_can_be_granted() -> None:
    with pytest.raises(Invalid, match="55 years") as refusal:
        checked_terms(msgspec.structs.replace(GOOD, renewals=10))
    assert refusal.value.extra["field"] == "renewals"


def test_notice_is_given_within_the_term_that_it_ends() -> None:
    with pytest.raises(Invalid, match="from 0 to 12") as refusal:
        checked_terms(msgspec.structs.replace(GOOD, term_years=1, notice_months=13))
    assert refusal.value.extra["field"] == "notice_months"


def test_a_rent_that_would_rise_beyond_what_can_be_charged_is_refused_at_once() -> None:
    steep = msgspec.structs.replace(GOOD, escalator_percent=Decimal(50))
    with pytest.raises(Invalid, match="rise above") as refusal:
        checked_terms(steep)
    assert refusal.value.extra["field"] == "escalator_percent"
    assert rent_micro(steep, months_in_all(steep) - 1) > RENT_MAX * 1_000_000


def test_numbers_come_out_in_their_plainest_form() -> None:
    lease = checked_terms(
        msgspec.structs.replace(GOOD, rent_per_month=Decimal("1.5E+3"), escalator_percent=Decimal("10.00"))
    )
    assert (str(lease.rent_per_month), str(lease.escalator_percent)) == ("1500", "10")
    none = checked_terms(msgspec.structs.replace(GOOD, escalator_percent=Decimal("-0.0")))
    assert str(none.escalator_percent) == "0"
