"""A site's plan: who is told, by which channel, how long after an alarm was raised, in which shift."""

import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from maillage.kernel.calendars import DAY_MIN, CalendarDocument, WeeklyCalendar, calendar_of
from maillage.kernel.errors import Invalid
from maillage.kernel.times import DAY_S
from maillage.services.sensing.coldchain.model import LEVELS, Alarm

CONSOLE = "console"
"""A contact that every plan has: an event, on /v1/events and to webhooks for ``sensing.alarm.escalated``."""
OTHERWISE = "otherwise"
"""The shift of all hours that no calendar of the plan has."""
CONTACTS_MAX, STEPS_MAX, SHIFTS_MAX = 32, 32, 8
REPEAT_MIN_S = 300
SNOOZE_MAX_S = 4 * 3_600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
"""As HTML's ``<input type=email>`` has it: what is deliverable in practice, and nothing that ends a header."""


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Somebody to tell: an e-mail address, or a webhook's URL; one of the two."""

    email: Annotated[str, Meta(max_length=320)] | None = None
    webhook: Annotated[str, Meta(max_length=2_048)] | None = None


class PlanStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``after_s`` after an alarm was raised, ``to`` are told, if it is still not acknowledged, is of ``severity`` or
    worse, and ``shift`` is on (any, where it is None)."""

    after_s: Annotated[int, Meta(ge=0, le=DAY_S)]
    to: Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(min_length=1, max_length=CONTACTS_MAX)]
    shift: Annotated[str, Meta(max_length=32)] | None = None
    severity: Literal["warning", "critical"] = "warning"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """``shifts`` are weekly calendars in the site's time zone. After the last step it is repeated every ``repeat_s``,
    if that is given. ``page_on_advice`` has statistics treated as warnings: without it they are only shown."""

    steps: Annotated[list[PlanStep], Meta(min_length=1, max_length=STEPS_MAX)]
    contacts: Annotated[dict[str, Contact], Meta(max_length=CONTACTS_MAX)] = {}
    shifts: Annotated[dict[str, CalendarDocument], Meta(max_length=SHIFTS_MAX)] = {}
    repeat_s: Annotated[int, Meta(ge=REPEAT_MIN_S, le=DAY_S)] | None = None
    page_on_advice: bool = False

    @cached_property
    def rounds(self) -> list[tuple[int, list[PlanStep]]]:
        """The steps by when they come, the earliest first."""
        by_time: dict[int, list[PlanStep]] = {}
        for step in self.steps:
            by_time.setdefault(step.after_s, []).append(step)
        return sorted(by_time.items())

    def round_at(self, done: int) -> tuple[int, list[PlanStep]] | None:
        """(seconds after the alarm, steps) of the round after ``done`` ones; None where there is none."""
        rounds = self.rounds
        if done < len(rounds):
            return rounds[done]
        if self.repeat_s is None:
            return None
        return rounds[-1][0] + (done - len(rounds) + 1) * self.repeat_s, rounds[-1][1]

    def pages(self, alarm: Alarm) -> bool:
        """Whether anybody is told of such an alarm."""
        return alarm.kind != "advice" or self.page_on_advice

    def to_tell(self, steps: list[PlanStep], alarm: Alarm, at: int, zone: ZoneInfo) -> list[str]:
        """The contacts that these steps name for an alarm at an instant, each once."""
        level = max(LEVELS[alarm.level], LEVELS["warning"])
        told = [
            contact
            for step in steps
            if LEVELS[step.severity] <= level and (step.shift is None or self.is_on(step.shift, at, zone))
            for contact in step.to
        ]
        return list(dict.fromkeys(told))

    def is_on(self, shift: str, at: int, zone: ZoneInfo) -> bool:
        """Whether a shift is at work at an instant."""
        if shift == OTHERWISE:
            return not any(_is_open(calendar_of(document), at, zone) for document in self.shifts.values())
        return _is_open(calendar_of(self.shifts[shift]), at, zone)


DEFAULT_PLAN = Plan([PlanStep(after_s, [CONSOLE]) for after_s in (0, 600, 1_800)])
"""Where nobody set one: on the console at once, and again after 10 and 30 minutes."""


def checked_plan(plan: Plan) -> Plan:
    """The plan itself, or Invalid naming what is wrong."""
    for name, document in plan.shifts.items():
        if not _NAME.fullmatch(name) or name == OTHERWISE:
            raise Invalid(
                f"shifts.{name[:32]}", f"a shift's name is 1 to 32 of A-Z, a-z, 0-9, _ and -, not {OTHERWISE}"
            )
        try:
            calendar_of(document)
        except Invalid as refusal:
            raise Invalid(f"shifts.{name}", refusal.detail) from None
    for name, contact in plan.contacts.items():
        _check_contact(name, contact)
    for number, step in enumerate(plan.steps):
        for name in step.to:
            if name != CONSOLE and name not in plan.contacts:
                raise Invalid(f"steps.{number}.to", f"{name[:32]!r} is no contact of the plan, and not {CONSOLE}")
        if step.shift is not None and step.shift != OTHERWISE and step.shift not in plan.shifts:
            there = ", ".join([*sorted(plan.shifts), OTHERWISE])
            raise Invalid(f"steps.{number}.shift", f"{step.shift[:32]!r} is no shift of the plan; there are {there}")
    return plan


def _check_contact(name: str, contact: Contact) -> None:
    field = f"contacts.{name[:32]}"
    if not _NAME.fullmatch(name) or name == CONSOLE:
        raise Invalid(field, f"a contact's name is 1 to 32 of A-Z, a-z, 0-9, _ and -, not {CONSOLE}")
    if (contact.email is None) == (contact.webhook is None):
        raise Invalid(field, "has either an email or a webhook")
    if contact.email is not None and not _ADDRESS.fullmatch(contact.email):
        raise Invalid(f"{field}.email", f"{contact.email[:64]!r} is no address such as duty@example.com")


def _is_open(calendar: WeeklyCalendar, at: int, zone: ZoneInfo) -> bool:
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    minute = local.hour * 60 + local.minute
    return any(opens <= minute < min(closes, DAY_MIN) for opens, closes in calendar.windows[local.weekday()])
