"""Roof leases as they come in and go out."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from maillage.kernel.documents import Quantity, ShortText, TimeText
from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import from_micro, from_thousandths
from maillage.kernel.sites import zone_info
from maillage.kernel.times import format_time, parse_time
from maillage.services.roof.leasing.dates import due_dates
from maillage.services.roof.leasing.model import Antenna, Document, RoofLease, State, Step
from maillage.services.roof.leasing.steps import possible
from maillage.services.roof.rent.checks import checked_terms
from maillage.services.roof.rent.days import midnight
from maillage.services.roof.rent.terms import EscalatorEvery, Terms

MOUNTS_MAX, ANTENNAS_MAX, NEEDS_MAX = 64, 256, 16
NOTE_MAX = 2_000
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
Note = Annotated[str, Meta(max_length=NOTE_MAX)]
DayText = Annotated[str, Meta(max_length=10, examples=["2027-01-01"])]


class TermsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The terms. ``rent_per_month`` is for the whole lease, in the currency of the chain's price book; left out it is
    what the chain asks for so many mounts of the roof."""

    rent_per_month: Quantity | None = None
    term_years: int = 5
    renewals: int = 5
    escalator_percent: Quantity = 3
    escalator_every: EscalatorEvery = "year"
    notice_months: int = 12
    early_termination_months: int = 12


class NewRoofLease(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inquiry. ``start`` is a day at the site; ``needs`` is what is wanted beside mounts, such as roof_power (kW).
    ``tenant`` is said by an operator who enters it for somebody."""

    site: ShortText
    start: DayText
    mounts: Annotated[list[ShortText], Meta(min_length=1, max_length=MOUNTS_MAX)]
    antennas: Annotated[list[Antenna], Meta(min_length=1, max_length=ANTENNAS_MAX)]
    needs: Annotated[dict[ShortText, Quantity], Meta(max_length=NEEDS_MAX)] = {}
    terms: TermsDocument = TermsDocument()
    tenant: ShortText | None = None
    exclusion_zone_m: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    interference_clause: Annotated[str, Meta(max_length=4_000)] | None = None


class StepWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be remembered of a step: why it was declined, what was removed and restored."""

    note: Note = ""


class SignWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of the agreement, where they are not those that were asked for. They run for as long."""

    note: Note = ""
    terms: TermsDocument | None = None


class NoticeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notice: for the end of the first term that it is in time for; with ``ends``, the end of a rent month (an
    instant, or a day at the site), for then, at the fee that the terms name."""

    note: Note = ""
    ends: TimeText | None = None


class NetworksWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address ranges (CIDR) of the subscribers that the roof serves: these and no others."""

    networks: Annotated[list[ShortText], Meta(max_length=1_000)]


class StepDocument(msgspec.Struct, frozen=True):
    """Somebody did something, and then the lease was in ``state``."""

    at: str
    by: str
    act: str
    state: State
    note: str


class PaperDocument(msgspec.Struct, frozen=True):
    """Something attached."""

    id: str
    kind: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    by: str
    at: str


class NextDocument(msgspec.Struct, frozen=True):
    """What can be done now, by whom, what state it leads ``to``, and which kinds of documents are missing for it."""

    act: str
    by: list[str]
    to: State
    missing: list[str]


class DueDocument(msgspec.Struct, frozen=True):
    """Something that has its day: lapses, starts, rent, notice_by, term_ends, ends."""

    what: str
    at: str


class RoofLeaseDocument(msgspec.Struct, frozen=True):
    """A roof lease. ``lease`` is the lease of capacity that it holds all its ``needs`` by; ``runs_until`` is with all
    renewals, ``ends`` is set once notice was given, and ``fee`` is what that costs. ``load`` says how the weight is
    seen to: ``leased`` of the site's roof_load, or ``reviewed`` by a person, where the site has none."""

    id: str
    tenant: str
    site: str
    state: State
    mounts: list[str]
    antennas: list[Antenna]
    needs: dict[str, int | float]
    load: str
    terms: TermsDocument
    start: str
    runs_until: str
    ends: str | None
    fee: str | None
    lease: str | None
    exclusion_zone_m: float | None
    interference_clause: str
    subscriber_networks: list[str]
    rent_paid_until: str | None
    created_at: str
    revision: int
    next: list[NextDocument]
    due: list[DueDocument]
    history: list[StepDocument]
    documents: list[PaperDocument]


def day_start(text: str, tz: str, field: str) -> int:
    """The midnight that begins a day, in a site's zone."""
    try:
        day = date.fromisoformat(text)
        if str(day) == text:  # and not one of ISO 8601's other forms
            return midnight(day, zone_info(tz))
    except (ValueError, OverflowError):
        pass
    raise Invalid(field, f"{text[:40]!r} is no day such as 2027-01-01")


def ends_of(text: str, tz: str) -> int:
    """When a notice is to end a lease: an instant, or a day at the site, with whose first moment it is over."""
    return day_start(text, tz, "ends") if DAY.fullmatch(text) else parse_time(text, "ends")


def terms_of(document: TermsDocument, asking_rent: str | None, mounts: int) -> Terms:
    """The terms that a document means; ``asking_rent`` is the roof's for a mount and month. Invalid naming the field
    that is wrong."""
    rent = None if asking_rent is None else Decimal(asking_rent) * mounts
    if document.rent_per_month is not None:
        rent = _decimal(document.rent_per_month, "terms.rent_per_month")
    if rent is None:
        raise Invalid("terms.rent_per_month", "the chain names no rent for this roof: say what you offer")
    terms = Terms(
        rent_per_month=rent,
        term_years=document.term_years,
        renewals=document.renewals,
        escalator_percent=_decimal(document.escalator_percent, "terms.escalator_percent"),
        escalator_every=document.escalator_every,
        notice_months=document.notice_months,
        early_termination_months=document.early_termination_months,
    )
    try:
        return checked_terms(terms)
    except Invalid as refusal:
        field = refusal.extra["field"]
        raise Invalid(f"terms.{field}", refusal.detail.removeprefix(f"{field}: ")) from None


def roof_lease_document(lease: RoofLease, now: int) -> RoofLeaseDocument:
    """As it goes out."""
    terms = lease.terms
    return RoofLeaseDocument(
        lease.id,
        lease.tenant,
        lease.site,
        lease.state,
        list(lease.mounts),
        list(lease.antennas),
        {kind: from_thousandths(quantity) for kind, quantity in lease.needs.items()},
        "leased" if "roof_load" in lease.needs else "reviewed",
        TermsDocument(
            f"{terms.rent_per_month:.2f}",
            terms.term_years,
            terms.renewals,
            f"{terms.escalator_percent:f}",
            terms.escalator_every,
            terms.notice_months,
            terms.early_termination_months,
        ),
        format_time(lease.start),
        format_time(lease.runs_until),
        None if lease.ends is None else format_time(lease.ends),
        None if lease.ends is None else from_micro(lease.fee_micro),
        lease.lease or None,
        lease.exclusion_zone_m,
        lease.interference_clause,
        list(lease.subscriber_networks),
        format_time(lease.rent_paid_until) if lease.rent_paid_until else None,
        format_time(lease.created_at),
        lease.revision,
        [msgspec.convert(each, NextDocument) for each in possible(lease)],
        [DueDocument(what, format_time(at)) for what, at in due_dates(lease, now)],
        [_step_document(step) for step in lease.history],
        [paper_document(document) for document in lease.documents],
    )


def paper_document(document: Document) -> PaperDocument:
    """As it goes out."""
    values = {name: getattr(document, name) for name in document.__struct_fields__}
    return PaperDocument(**{**values, "at": format_time(document.at)})


def _step_document(step: Step) -> StepDocument:
    return StepDocument(format_time(step.at), step.by, step.act, step.state, step.note)


def _decimal(value: Quantity, field: str) -> Decimal:
    text = str(value)
    if isinstance(value, str) and not DECIMAL.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is no decimal number, such as 1250.00")
    return Decimal(text)
