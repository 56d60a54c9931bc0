"""What comes in about alarms and goes out: RFC 3339 for instants, minutes for the exposure clock."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.documents import TimeText
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery, DeliveryState
from maillage.services.sensing.coldchain.escalation.plan import Contact, Plan, PlanStep
from maillage.services.sensing.coldchain.haccp.entry import Entry, EntryKind
from maillage.services.sensing.coldchain.model import Act, Alarm, AlarmKind, Disposition, Level, State
from maillage.services.sensing.model import Side

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^\s*\S[^\x00-\x1f\x7f]*$")]
"""A person's."""
Words = Annotated[str, Meta(max_length=1_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Deed = Annotated[str, Meta(min_length=1, max_length=1_000, pattern=r"^\s*\S[^\x00-\x08\x0b-\x1f\x7f]*$")]
ShortWords = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Acknowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has seen it, and what they mean to do."""

    by: Name
    note: Words = ""


class Snooze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Page nobody until then, four hours ahead at most."""

    until: TimeText
    by: Name
    note: Words = ""


class Downgrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why what is critical is only a warning here."""

    by: Name
    note: Deed


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was done, and what became of the product; which lot of it and how much, in words."""

    by: Name
    text: Deed
    disposition: Disposition
    quantity: ShortWords = ""
    lot: ShortWords = ""


class Verify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who vouches for it, in which role."""

    by: Name
    role: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^\s*\S[^\x00-\x1f\x7f]*$")]
    note: Words = ""


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A temperature taken by hand, or a device held against a reference thermometer (``calibration``, EN 13486), °C.

    ``measured`` is what the thermometer in the hand says, or the device; ``reference`` what it should say, with
    ``tolerance`` for how far off it may be.
    """

    kind: Literal["manual_check", "calibration"]
    unit: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
    by: Name
    measured: Annotated[float, Meta(ge=-100, le=200)]
    device: ShortWords = ""
    reference: Annotated[float, Meta(ge=-100, le=200)] | None = None
    tolerance: Annotated[float, Meta(ge=0, le=20)] = 0.5
    note: Words = ""


class ActDocument(msgspec.Struct, frozen=True):
    by: str
    at: str
    note: str
    role: str


class CorrectionDocument(msgspec.Struct, frozen=True):
    """``text`` is what was done."""

    by: str
    at: str
    text: str
    disposition: Disposition
    quantity: str
    lot: str


class StepDocument(msgspec.Struct, frozen=True):
    at: str
    what: str
    by: str
    note: str


class DeliveryDocument(msgspec.Struct, frozen=True):
    """One message to one contact. ``next_at`` is when it is tried again."""

    id: str
    contact: str
    channel: str
    state: DeliveryState
    attempts: int
    reason: str
    next_at: str | None
    settled_at: str | None


class AlarmDocument(msgspec.Struct, frozen=True):
    """``exposure_min`` is what the exposure clock says now, or said when the alarm recovered; ``last`` the measure's
    last value. ``history`` and ``deliveries`` come with a single alarm only."""

    id: str
    site: str
    unit: str
    kind: AlarmKind
    level: Level
    state: State
    incident: str
    text: str
    device: str | None
    measure: str | None
    rule: str | None
    side: Side | None
    limit: float | None
    extreme: float | None
    last: float | None
    last_at: str | None
    exposure_min: float | None
    count: int
    began_at: str
    raised_at: str
    recovered_at: str | None
    acknowledged: ActDocument | None
    action: CorrectionDocument | None
    cleared_at: str | None
    verified: ActDocument | None
    snoozed_until: str | None
    history: list[StepDocument] | None = None
    deliveries: list[DeliveryDocument] | None = None


class AlarmDocuments(msgspec.Struct, frozen=True):
    """A page of alarms, the newest first."""

    items: list[AlarmDocument]
    next: str | None


class PlanDocument(msgspec.Struct, frozen=True):
    """A site's plan as it holds; ``set`` says whether somebody set it. ``secrets`` are what the webhooks' receivers
    verify messages with, by contact, and are there only in the answer that sets a plan."""

    set: bool
    steps: list[PlanStep]
    contacts: dict[str, Contact]
    shifts: dict[str, dict[str, list[tuple[str, str]]]]
    repeat_s: int | None
    page_on_advice: bool
    secrets: dict[str, str] | None = None


class EntryDocument(msgspec.Struct, frozen=True):
    """An entry of a log; all but ``hash`` is what the hash is of."""

    site: str
    seq: int
    at: str
    kind: EntryKind
    unit: str
    device: str
    by: str
    text: str
    data: dict[str, str | int]
    previous: str
    hash: str


class EntryDocuments(msgspec.Struct, frozen=True):
    """A page of a log, the oldest first."""

    items: list[EntryDocument]
    next: str | None


def alarm_document(
    alarm: Alarm,
    exposure_ms: int | None,
    last: tuple[int, float] | None,
    deliveries: list[Delivery] | None = None,
) -> AlarmDocument:
    """``exposure_ms`` in all; with ``deliveries``, the history as well."""
    correction = alarm.correction
    return AlarmDocument(
        alarm.id,
        alarm.site,
        alarm.unit,
        alarm.kind,
        alarm.level,
        alarm.state,
        alarm.incident,
        alarm.text,
        alarm.device or None,
        alarm.measure or None,
        alarm.rule or None,
        alarm.side,
        alarm.limit,
        alarm.extreme,
        None if last is None else last[1],
        None if last is None else format_time(last[0] // 1_000),
        None if exposure_ms is None else round(exposure_ms / 60_000, 1),
        alarm.count,
        format_time(alarm.began_ms // 1_000),
        format_time(alarm.raised_ms // 1_000),
        None if alarm.recovered_ms is None else format_time(alarm.recovered_ms // 1_000),
        _act(alarm.acknowledged),
        None
        if correction is None
        else CorrectionDocument(
            correction.act.by,
            format_time(correction.act.at),
            correction.act.note,
            correction.disposition,
            correction.quantity,
            correction.lot,
        ),
        _time(alarm.cleared_at),
        _act(alarm.verified),
        _time(alarm.snoozed_until),
        None
        if deliveries is None
        else [StepDocument(format_time(step.at), step.what, step.by, step.note) for step in alarm.history],
        None if deliveries is None else [_delivery(delivery) for delivery in deliveries],
    )


def plan_document(plan: Plan, is_set: bool, secrets: dict[str, str] | None = None) -> PlanDocument:
    return PlanDocument(is_set, plan.steps, plan.contacts, plan.shifts, plan.repeat_s, plan.page_on_advice, secrets)


def entry_document(entry: Entry) -> EntryDocument:
    """An entry as it stands outside: its instant in RFC 3339, as it is hashed."""
    return EntryDocument(
        entry.site,
        entry.seq,
        format_time(entry.at),
        entry.kind,
        entry.unit,
        entry.device,
        entry.by,
        entry.text,
        entry.data,
        entry.previous,
        entry.hash,
    )


def _delivery(delivery: Delivery) -> DeliveryDocument:
    return DeliveryDocument(
        delivery.id,
        delivery.contact,
        delivery.channel,
        delivery.state,
        delivery.attempts,
        delivery.reason,
        format_time(delivery.due_at) if delivery.state == "waiting" else None,
        _time(delivery.settled_at),
    )


def _act(act: Act | None) -> ActDocument | None:
    return None if act is None else ActDocument(act.by, format_time(act.at), act.note, act.role)


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)
