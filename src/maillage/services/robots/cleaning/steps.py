"""Changes of a cleaning, as values: nothing is asked for or kept here."""

from typing import Any

import msgspec

from maillage.services.robots.cleaning.model import Assist, Cleaning, Reason, Run
from maillage.services.robots.cleaning.ports import Unit
from maillage.services.robots.model import MissionReason, Progress

GAIN_MIN_SHARE = 0.005
"""A run that adds less of the floor than that was idle: the same again would lead nowhere."""
IDLE_RUNS_MAX = 3
RETRY_S = 60
"""Between a run that was broken off and the next, times the idle runs so far: what failed a moment ago fails again."""
ASSISTS_MAX = 50
_WHY: dict[MissionReason, Reason] = {
    "rejected": "refused",
    "update_rejected": "refused",
    "no_answer": "robot_lost",
    "taken_over": "taken_over",
    "out_of_touch": "robot_lost",
}


def changed(cleaning: Cleaning, **fields: Any) -> Cleaning:
    """The cleaning with other values."""
    return msgspec.structs.replace(cleaning, **fields)


def with_run(cleaning: Cleaning, **fields: Any) -> Cleaning:
    """With other values of its last run."""
    last = msgspec.structs.replace(cleaning.runs[-1], **fields)
    return changed(cleaning, runs=(*cleaning.runs[:-1], last))


def waiting(cleaning: Cleaning, reason: Reason, detail: str = "", not_before: int = 0) -> Cleaning:
    """Between runs, for a reason."""
    return changed(cleaning, state="waiting", reason=reason, detail=detail, not_before=not_before)


def why_ended(progress: Progress) -> Reason:
    """Why a mission ended before its path did, in the words of cleaning."""
    if progress.state == "cancelled":
        return "operator"
    return _WHY.get(progress.reason, "robot_failed") if progress.state in ("failed", "lost") else ""


def after_run(cleaning: Cleaning, run: Run, gained_share: float, now: int) -> Cleaning:
    """What becomes of a cleaning once a run is over and its evidence is counted."""
    idle = cleaning.idle_runs + 1 if gained_share < GAIN_MIN_SHARE and run.why not in _NOT_ITS_FAULT else 0
    cleaning = changed(cleaning, idle_runs=idle)
    if cleaning.share >= cleaning.order.target:
        return ended(cleaning, now, "done")
    if cleaning.cancelled:
        return ended(cleaning, now, "cancelled", "operator")
    why: Reason = run.why or "missed"
    if idle >= IDLE_RUNS_MAX or (why == "missed" and idle):
        return over(cleaning, now, why, run.detail)
    wait_s = 0 if why in ("missed", "gave_way", "window_over") else RETRY_S * max(idle, 1)
    if cleaning.paused_by == "operator":
        return changed(cleaning, state="paused", reason="operator", detail=run.detail)
    return waiting(changed(cleaning, paused_by=""), why, run.detail, now + wait_s)


def over(cleaning: Cleaning, now: int, reason: Reason, detail: str = "") -> Cleaning:
    """At its end with something left: partly, or failed where nothing was cleaned at all."""
    return ended(cleaning, now, "partly" if cleaning.cleaned_m2 > 0 else "failed", reason, detail)


def ended(cleaning: Cleaning, now: int, state: str, reason: Reason = "", detail: str = "") -> Cleaning:
    return changed(cleaning, state=state, reason=reason, detail=detail, ended_at=now, paused_by="", not_before=0)


def with_assists(assists: tuple[Assist, ...], unit: Unit | None, now: int, *, more: bool = True) -> tuple[Assist, ...]:
    """What people have to do for a robot, as of what it says now. Nothing is known of one that can't be heard. Without
    ``more`` only those that are known are seen to: what comes after a run is not of it."""
    if unit is None or not unit.in_touch:
        return assists
    wanted = {fault.type: fault.detail for fault in unit.faults if fault.fatal}
    if not unit.drivable:
        wanted["taken_over"] = f"mode {unit.mode}"
    known = tuple(
        msgspec.structs.replace(each, resolved_at=now)
        if each.resolved_at is None and each.cause not in wanted
        else each
        for each in assists
    )
    if not more:
        return known
    open_causes = {each.cause for each in known if each.resolved_at is None}
    new = (Assist(cause=cause, at=now, detail=wanted[cause]) for cause in wanted if cause not in open_causes)
    return (*known, *new)[:ASSISTS_MAX]


_NOT_ITS_FAULT: frozenset[Reason] = frozenset(("gave_way", "window_over", "lease_over", "operator", "battery"))
