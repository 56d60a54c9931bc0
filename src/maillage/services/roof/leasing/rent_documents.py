"""What a roof lease costs, as it goes out."""

from datetime import date

import msgspec

from maillage.kernel.quantities import from_micro
from maillage.kernel.times import format_time
from maillage.services.roof.leasing.dates import periods_of
from maillage.services.roof.leasing.model import RoofLease


class PeriodDocument(msgspec.Struct, frozen=True, rename={"first": "from", "beyond": "to"}):
    """Rent for the days from ``from`` up to ``to``, due at ``start``; ``charged`` once it is on an invoice."""

    start: str
    first: date
    beyond: date
    amount: str
    charged: bool


class RentDocument(msgspec.Struct, frozen=True):
    """The rent periods of a roof lease as far as is known (see ``ends``), and what they come to; ``fee`` is what ending
    it early costs besides."""

    roof_lease: str
    currency: str
    ends: str
    periods: list[PeriodDocument]
    rent: str
    fee: str
    total: str


def rent_document(lease: RoofLease, currency: str) -> RentDocument:
    """In order of time."""
    periods = periods_of(lease)
    rent = sum(period.amount_micro for period in periods)
    return RentDocument(
        lease.id,
        currency,
        format_time(lease.until),
        [
            PeriodDocument(
                format_time(period.start),
                period.first,
                period.beyond,
                from_micro(period.amount_micro),
                period.end <= lease.rent_paid_until,
            )
            for period in periods
        ],
        from_micro(rent),
        from_micro(lease.fee_micro),
        from_micro(rent + lease.fee_micro),
    )
