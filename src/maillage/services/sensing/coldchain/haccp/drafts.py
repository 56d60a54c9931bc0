"""What each step of an alarm says in the log."""

import hashlib

import msgspec

from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.alarms.words import span
from maillage.services.sensing.coldchain.escalation.plan import Plan
from maillage.services.sensing.coldchain.haccp.entry import Draft, EntryKind, decimal
from maillage.services.sensing.coldchain.model import Act, Alarm, Correction
from maillage.services.sensing.model import Profile, Rule

Data = dict[str, str | int]


def raised(alarm: Alarm, at: int) -> list[Draft]:
    """That an alarm was raised, or again; before it, that the excursion began, where it is about a value."""
    began: Data = {"alarm": alarm.id, "began": _time(alarm.began_ms)}
    found: list[Draft] = []
    if alarm.limit is not None:
        text = f"{alarm.measure} {alarm.side} the limit of {decimal(alarm.limit)} since {_time(alarm.began_ms)}"
        found.append(_of(alarm, "excursion_start", at, text, {**began, **_limit(alarm)}))
    kind: EntryKind = "alarm_raised" if alarm.count == 1 else "alarm_raised_again"
    more: Data = {"raised": _time(alarm.raised_ms), "level": alarm.level, "incident": alarm.incident}
    found.append(_of(alarm, kind, at, f"{alarm.level}: {alarm.text}", {**began, **more}))
    return found


def recovered(alarm: Alarm, text: str, at: int) -> Draft:
    """That it is over: for a value with its extreme, how long it lasted, and the exposure clock."""
    end_ms = alarm.recovered_ms or alarm.raised_ms
    data: Data = {"alarm": alarm.id, "began": _time(alarm.began_ms), "ended": _time(end_ms)}
    if alarm.limit is None or alarm.extreme is None:
        return _of(alarm, "alarm_recovered", at, text, data)
    lasted_s = max(end_ms - alarm.began_ms, 0) // 1_000
    data |= {**_limit(alarm), "extreme": decimal(alarm.extreme), "lasted_s": lasted_s}
    if alarm.exposure_ms is not None:
        data["exposure_s"] = alarm.exposure_ms // 1_000
    told = f"{alarm.measure} {text}; it was {alarm.side} the limit of {decimal(alarm.limit)} for {span(lasted_s)}"
    return _of(alarm, "excursion_end", at, f"{told}, at worst {decimal(alarm.extreme)}", data)


def acted(alarm: Alarm, kind: EntryKind, text: str, act: Act, data: Data | None = None) -> Draft:
    """That somebody did something about an alarm."""
    signed: Data = {"alarm": alarm.id, "credential": act.credential}
    if act.role:
        signed["role"] = act.role
    if act.note:
        signed["note"] = act.note
    return _of(alarm, kind, act.at, text, {**signed, **(data or {})}, act.by)


def corrected(alarm: Alarm, correction: Correction) -> Draft:
    """The corrective action, and what became of the product."""
    data: Data = {"disposition": correction.disposition}
    if correction.quantity:
        data["quantity"] = correction.quantity
    if correction.lot:
        data["lot"] = correction.lot
    what = {"none": "no product concerned"}.get(correction.disposition, f"product {correction.disposition}")
    return acted(alarm, "corrective_action", f"action: {correction.act.note} ({what})", correction.act, data)


def cleared(alarm: Alarm, at: int) -> Draft:
    """That the value is back, and everything recorded."""
    return _of(alarm, "alarm_cleared", at, f"cleared: {alarm.text}", {"alarm": alarm.id})


def limits(profile: Profile, rule: Rule, at: int) -> Draft:
    """That a limit holds from now on, for all devices of a profile."""
    text = f"{profile.name}: {rule.measure} {rule.side} {decimal(rule.limit)} for {span(rule.dwell_s)}: {rule.severity}"
    data: Data = {
        "profile": profile.id,
        "rule": rule.id,
        "measure": rule.measure,
        "side": rule.side,
        "limit": decimal(rule.limit),
        "dwell_s": rule.dwell_s,
        "severity": rule.severity,
        "dead_band": decimal(rule.dead_band),
        "clear_s": rule.clear_s,
    }
    return Draft(kind="limits_set", at=at, text=text, data=data)


def context(profile: Profile, at: int) -> Draft:
    """What doors and defrosts excuse from now on, for units of a profile."""
    given = profile.context
    data: Data = {
        "profile": profile.id,
        "defrost_max_s": given.defrost_max_s,
        "recovery_s": given.recovery_s,
        "door_max_s": given.door_max_s,
        "silent_after_s": profile.silent_after * profile.interval_s,
    }
    text = f"{profile.name}: defrost up to {span(given.defrost_max_s)}, recovery {span(given.recovery_s)}"
    text += f", door {span(given.door_max_s)}"
    if given.exposure_limit is not None:
        data["exposure_limit"] = decimal(given.exposure_limit)
        text += f"; exposure counts above {decimal(given.exposure_limit)}"
    return Draft(kind="limits_set", at=at, text=text, data=data)


def settings(plan: Plan, by: str, credential: str, at: int) -> Draft:
    """That others are told from now on. Addresses of people are not for whoever reads the log: it has a hash of the
    plan, by which one can be recognised."""
    contacts = ", ".join(plan.contacts) or "the console"
    data: Data = {
        "credential": credential,
        "steps": len(plan.steps),
        "contacts": contacts,
        "plan_sha256": hashlib.sha256(msgspec.json.encode(plan, order="sorted")).hexdigest(),
    }
    text = f"escalation: {len(plan.steps)} steps, to {contacts}"
    return Draft(kind="settings_changed", at=at, text=text, by=by, data=data)


def _of(alarm: Alarm, kind: EntryKind, at: int, text: str, data: Data, by: str = "") -> Draft:
    return Draft(kind=kind, at=at, text=text, unit=alarm.unit, device=alarm.device, by=by, data=data)


def _limit(alarm: Alarm) -> Data:
    assert alarm.limit is not None, "only of alarms that are about a value"
    return {
        "measure": alarm.measure,
        "rule": alarm.rule,
        "side": alarm.side or "",
        "limit": decimal(alarm.limit),
    }


def _time(instant_ms: int) -> str:
    return format_time(instant_ms // 1_000)
