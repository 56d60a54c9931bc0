"""Rent as it goes out: amounts are decimal texts in the chain's currency, instants RFC 3339."""

import msgspec

from maillage.services.roof.rent.terms import EscalatorEvery


class RentYear(msgspec.Struct, frozen=True):
    """A year of a lease, by its days, of which ``end`` is the first of the next. ``rent`` is what is paid in it."""

    year: int
    start: str
    end: str
    rent_per_month: str
    rent: str


class RentModel(msgspec.Struct, frozen=True):
    """One way for the rent to rise. ``asked`` is the one that was asked for; ``present_value`` is null without a
    rate."""

    name: str
    escalator_percent: float
    escalator_every: EscalatorEvery
    asked: bool
    total: str
    present_value: str | None
    years: list[RentYear]


class RentComparison(msgspec.Struct, frozen=True):
    """The same lease by several models, from ``start`` with all renewals to ``end``."""

    start: str
    end: str
    rent_per_month: str
    term_years: int
    renewals: int
    rate_percent: float | None
    models: list[RentModel]


class Escalation(msgspec.Struct, frozen=True):
    """When the rent rises next, and to what."""

    at: str
    rent_per_month: str


class RollYear(msgspec.Struct, frozen=True):
    """What falls due within a calendar year of the site's time zone, from the day of the roll on."""

    year: int
    committed: str
    with_renewals: str


class RollLine(msgspec.Struct, frozen=True):
    """A lease. ``committed_until`` is when it ends, or, while that is open, when it would with notice given now; the
    rent until then is ``committed``. ``runs_until`` is when it ends, or would with all renewals. ``notice_by`` is the
    last instant at which notice still ends it at ``committed_until``, null where nothing is left to renew."""

    lease: str
    tenant: str
    site: str
    state: str
    time_zone: str
    start: str
    rent_per_month: str
    next_escalation: Escalation | None
    notice_by: str | None
    committed_until: str
    runs_until: str
    remaining_years: float
    committed: str
    with_renewals: str
    present_value_committed: str
    present_value_with_renewals: str
    years: list[RollYear]


class RentRoll(msgspec.Struct, frozen=True):
    """The rent to come of all ``leases`` in question, and a page of their lines; sums are those of all lines.
    ``remaining_years`` is the mean of the lines', weighted by their rent of now, null where none is paid."""

    as_of: str
    currency: str
    rate_percent: float
    prospects: bool
    rent_per_month: str
    remaining_years: float | None
    committed: str
    with_renewals: str
    present_value_committed: str
    present_value_with_renewals: str
    years: list[RollYear]
    leases: int
    items: list[RollLine]
    next: str | None
