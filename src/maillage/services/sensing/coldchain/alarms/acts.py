"""What people do about alarms. Each act covers the alarms of the incident that are no more severe; a worse one that
comes later has to be acknowledged by itself."""

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.alarms.book import Book
from maillage.services.sensing.coldchain.errors import AlarmState
from maillage.services.sensing.coldchain.escalation.plan import SNOOZE_MAX_S
from maillage.services.sensing.coldchain.haccp import drafts
from maillage.services.sensing.coldchain.model import Act, Alarm, Correction, Paging, Step


def acknowledge(book: Book, alarm: Alarm, act: Act) -> Alarm:
    """Somebody has seen it and sees to it: nobody is paged any more. Again, it changes nothing."""
    _require_open(alarm, "acknowledged")
    for each in book.of_incident(alarm):
        if each.acknowledged is None:
            _acknowledge(book, each, act)
    return book.get(alarm.id) or book.alarms[alarm.id]


def snooze(book: Book, alarm: Alarm, until: int, act: Act) -> Alarm:
    """Page nobody until an instant; then whoever was told last is told again, and the plan goes on."""
    _require_unacknowledged(alarm, "snoozed")
    if not act.at < until <= act.at + SNOOZE_MAX_S:
        most = format_time(act.at + SNOOZE_MAX_S)
        raise Invalid("until", f"{format_time(until)} is not within the next {SNOOZE_MAX_S // 3_600} hours, by {most}")
    for each in book.of_incident(alarm):
        if each.acknowledged is None and each.paging is not None:
            begins = max(each.snoozed_until or 0, act.at)
            snoozed_before = (each.snoozed_until or 0) > act.at
            done = each.paging.done if snoozed_before else max(each.paging.done - 1, 0)
            paging = Paging(each.paging.since + until - begins, done)
            told = f"until {format_time(until)}"
            step = Step(act.at, "snoozed", act.by, f"{told}. {act.note}".strip(". "))
            changed = book.put(each.with_step(step, snoozed_until=until, paging=paging))
            text = f"nobody is paged {told}"
            book.enter(changed, drafts.acted(changed, "alarm_snoozed", text, act, {"until": format_time(until)}))
            book.tell(changed, "snoozed", act.by, until=format_time(until))
    return book.get(alarm.id) or alarm


def downgrade(book: Book, alarm: Alarm, act: Act) -> Alarm:
    """What is critical by the rules is a warning by a person's judgement."""
    _require_open(alarm, "downgraded")
    if alarm.level != "critical":
        raise AlarmState(f"{alarm.id} is {alarm.level}; only what is critical can be downgraded", state=alarm.state)
    changed = book.put(alarm.with_step(Step(act.at, "downgraded", act.by, act.note), level="warning"))
    book.enter(changed, drafts.acted(changed, "alarm_downgraded", "from critical to warning", act))
    book.tell(changed, "downgraded", act.by)
    return changed


def correct(book: Book, alarm: Alarm, correction: Correction) -> Alarm:
    """The corrective action, and what became of the product. It says as well that whoever acted has seen the alarm."""
    _require_open(alarm, "corrected")
    if alarm.kind == "advice":
        raise AlarmState(f"{alarm.id} is advice: acknowledging it is all that it asks for", state=alarm.state)
    act = correction.act
    for each in book.of_incident(alarm):
        if each.kind == "advice" or (each.correction is not None and each.id != alarm.id):
            continue
        seen = (
            each if each.acknowledged is not None else _acknowledge(book, each, msgspec.structs.replace(act, note=""))
        )
        note = f"{act.note} (product: {correction.disposition})"
        changed = book.put(seen.with_step(Step(act.at, "corrected", act.by, note), correction=correction))
        book.enter(changed, drafts.corrected(changed, correction))
        book.tell(changed, "corrected", act.by, disposition=correction.disposition)
        book.clear_if_recorded(changed, act.at)
    return book.alarms[alarm.id]


def verify(book: Book, alarm: Alarm, act: Act) -> Alarm:
    """Somebody vouches with name and role that what was done about an alarm that is cleared was right."""
    if alarm.state != "cleared":
        raise AlarmState(f"{alarm.id} is {alarm.state}; only what is cleared can be verified", state=alarm.state)
    changed = book.put(alarm.with_step(Step(act.at, "verified", act.by, act.note), verified=act))
    book.enter(changed, drafts.acted(changed, "verification", f"verified: {alarm.text}", act))
    book.tell(changed, "verified", act.by)
    return changed


def _acknowledge(book: Book, alarm: Alarm, act: Act) -> Alarm:
    step = Step(act.at, "acknowledged", act.by, act.note)
    changed = book.put(alarm.with_step(step, acknowledged=act, snoozed_until=None))
    book.enter(changed, drafts.acted(changed, "alarm_acknowledged", f"acknowledged: {alarm.text}", act))
    book.tell(changed, "acknowledged", act.by)
    return book.clear_if_recorded(changed, act.at)


def _require_open(alarm: Alarm, what: str) -> None:
    if not alarm.is_open:
        raise AlarmState(f"{alarm.id} is {alarm.state} and can't be {what} any more", state=alarm.state)


def _require_unacknowledged(alarm: Alarm, what: str) -> None:
    _require_open(alarm, what)
    if alarm.acknowledged is not None:
        by = alarm.acknowledged.by
        raise AlarmState(
            f"{alarm.id} is acknowledged by {by}: nobody is paged, so it can't be {what}", state=alarm.state
        )
