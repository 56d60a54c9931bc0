"""The open alarms, and how each signal and each act of a person changes them. It all happens in memory, at once; what
changed waits to be made durable, told, and entered in the log."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered, Signal
from maillage.services.sensing.coldchain.haccp import drafts
from maillage.services.sensing.coldchain.haccp.entry import Draft, Entry
from maillage.services.sensing.coldchain.haccp.log import Heads
from maillage.services.sensing.coldchain.model import LEVELS, Act, Alarm, AlarmKind, Paging, Step
from maillage.services.sensing.model import Side

_VOIDED: tuple[AlarmKind, ...] = ("limit", "door", "defrost")
"""Where it happens again, who acknowledged it before has acknowledged something else."""


class Note(NamedTuple):
    """A notice to be told."""

    site: str
    topic: str
    about: str
    data: dict[str, Any]


class Book:
    """``numbers`` is the greatest number of an alarm by site; ``alarms``, ``entries``, ``notes`` wait to be kept."""

    def __init__(self, heads: Heads, numbers: dict[str, int], open_alarms: Iterable[Alarm] = ()) -> None:
        self.heads = heads
        self._numbers = dict(numbers)
        self._open: dict[str, Alarm] = {}
        self._by_key: dict[tuple[str, str, str], str] = {}
        self._by_unit: dict[tuple[str, str], dict[str, Alarm]] = {}
        self.alarms: dict[str, Alarm] = {}
        self.entries: list[Entry] = []
        self.notes: list[Note] = []
        for alarm in open_alarms:
            self._hold(alarm)

    def open_alarms(self) -> list[Alarm]:
        return list(self._open.values())

    def get(self, alarm_id: str) -> Alarm | None:
        """One that is open."""
        return self._open.get(alarm_id)

    def find(self, site: str, unit: str, key: str) -> Alarm | None:
        """The open alarm of a unit about something."""
        alarm_id = self._by_key.get((site, unit, key))
        return None if alarm_id is None else self._open[alarm_id]

    def of_incident(self, alarm: Alarm) -> list[Alarm]:
        """It and the open alarms of its incident that are no more severe: what is said of it is said of them."""
        level = LEVELS[alarm.level]
        others = [each for each in self._of_unit(alarm) if each.incident == alarm.incident and each.id != alarm.id]
        return [alarm, *(each for each in others if LEVELS[each.level] <= level)]

    def is_outranked(self, alarm: Alarm) -> bool:
        """Whether another alarm of its incident, which nobody has acknowledged, speaks for it: a more severe one, or
        an earlier one as severe about the same measure."""
        return any(
            each.incident == alarm.incident and each.pages and _comes_before(each, alarm)
            for each in self._of_unit(alarm)
        )

    # -- what the guard says -----------------------------------------------------------------------------------------

    def hear(self, signal: Signal, now: int) -> None:
        """Take a signal of the guard, at ``now`` (seconds UTC)."""
        known = self.find(signal.site, signal.unit, signal.key)
        if isinstance(signal, Recovered):
            if known is not None and known.recovered_ms is None:
                self._recover(known, signal, now)
        elif known is None:
            self._raise(signal, now)
        elif known.recovered_ms is not None:
            self._raise_again(known, signal, now)

    def advise(self, site: str, unit: str, kind: str, text: str, at_ms: int, now: int) -> Alarm:
        """What statistics have to say. Said again while it is open, it is the same advice."""
        known = self.find(site, unit, f"advice:{kind}")
        if known is not None:
            changed = msgspec.structs.replace(known, text=text, count=known.count + 1)
            return self.put(changed)
        signal = Raised(site, unit, f"advice:{kind}", "advice", "advisory", text, at_ms, at_ms)
        return self._raise(signal, now)

    # -- what changes them -------------------------------------------------------------------------------------------

    def put(self, alarm: Alarm) -> Alarm:
        """An alarm as it is from now on."""
        self._hold(alarm)
        self.alarms[alarm.id] = alarm
        return alarm

    def clear_if_recorded(self, alarm: Alarm, now: int) -> Alarm:
        """Clear it where its value came back and everything is recorded, and not before."""
        if not alarm.is_open or alarm.acknowledged is None:
            return alarm
        if alarm.kind != "advice" and (alarm.recovered_ms is None or alarm.correction is None):
            return alarm
        cleared = self.put(alarm.with_step(Step(now, "cleared"), cleared_at=now, snoozed_until=None))
        self.enter(cleared, drafts.cleared(cleared, now))
        self.tell(cleared, "cleared")
        return cleared

    def enter(self, alarm: Alarm, draft: Draft) -> None:
        """Into the log of its site; advice is no part of it, being no finding."""
        if alarm.kind != "advice":
            self.enter_for(alarm.site, draft)

    def enter_for(self, site: str, draft: Draft) -> Entry:
        """Into the log of a site."""
        self.entries.append(self.heads.enter(site, draft))
        return self.entries[-1]

    def tell(self, alarm: Alarm, what: str, by: str = "", **more: Any) -> None:
        """A notice of a step of an alarm."""
        noun = "advice" if alarm.kind == "advice" else "alarm"
        data: dict[str, Any] = {
            "alarm": alarm.id,
            "incident": alarm.incident,
            "unit": alarm.unit,
            "kind": alarm.kind,
            "level": alarm.level,
            "state": alarm.state,
            "text": alarm.text[:500],
            "began_at": format_time(alarm.began_ms // 1_000),
            "raised_at": format_time(alarm.raised_ms // 1_000),
            "count": alarm.count,
        }
        if by:
            data["by"] = by
        self.notes.append(Note(alarm.site, f"sensing.{noun}.{what}", f"alarms/{alarm.id}", {**data, **more}))

    # -- how ---------------------------------------------------------------------------------------------------------

    def _raise(self, signal: Raised, now: int) -> Alarm:
        number = self._numbers[signal.site] = self._numbers.get(signal.site, 0) + 1
        alarm_id = f"{signal.site}~a{number}"
        alarm = Alarm(
            id=alarm_id,
            site=signal.site,
            unit=signal.unit,
            key=signal.key,
            kind=signal.kind,
            level=signal.level,
            incident=self._incident(signal) or alarm_id,
            text=signal.text,
            began_ms=signal.began_ms,
            raised_ms=signal.at_ms,
            device=signal.device,
            measure=signal.measure,
            rule=signal.rule,
            side=signal.side,
            limit=signal.limit,
            extreme=signal.extreme,
            exposure_ms=signal.exposure_ms,
            paging=Paging(now),
            history=(Step(now, "raised", note=signal.text),),
        )
        return self._raised(alarm, now, "raised")

    def _raise_again(self, alarm: Alarm, signal: Raised, now: int) -> None:
        changes: dict[str, Any] = {
            "recovered_ms": None,
            "count": alarm.count + 1,
            "text": signal.text,
            "began_ms": signal.began_ms,
            "raised_ms": signal.at_ms,
            "extreme": _worse(alarm.extreme, signal.extreme, alarm.side),
            "exposure_before_ms": alarm.exposure_ms or 0,
            "exposure_ms": _sum(alarm.exposure_ms or 0, signal.exposure_ms),
        }
        if alarm.kind in _VOIDED and alarm.acknowledged is not None:
            changes |= {"acknowledged": None, "correction": None, "paging": Paging(now), "snoozed_until": None}
        self._raised(alarm.with_step(Step(now, "raised again", note=signal.text), **changes), now, "raised_again")

    def _raised(self, alarm: Alarm, now: int, what: str) -> Alarm:
        self.put(alarm)
        for draft in drafts.raised(alarm, now):
            self.enter(alarm, draft)
        self.tell(alarm, what)
        return alarm

    def _recover(self, alarm: Alarm, signal: Recovered, now: int) -> None:
        recovered = alarm.with_step(
            Step(now, "recovered", note=signal.text),
            recovered_ms=max(signal.at_ms, alarm.raised_ms),
            extreme=_worse(alarm.extreme, signal.extreme, alarm.side),
            exposure_ms=_sum(alarm.exposure_before_ms, signal.exposure_ms, alarm.exposure_ms),
        )
        self.put(recovered)
        self.enter(recovered, drafts.recovered(recovered, signal.text, now))
        self.tell(recovered, "recovered")
        self.clear_if_recorded(recovered, now)

    def _incident(self, signal: Raised) -> str | None:
        """That of the open alarms of the unit, if there are any."""
        if signal.kind == "advice":
            return None
        return next((alarm.incident for alarm in self._of_unit(signal) if alarm.kind != "advice"), None)

    def _of_unit(self, of: Alarm | Raised) -> Iterable[Alarm]:
        """The open alarms of its unit: all that an incident can have."""
        return self._by_unit.get((of.site, of.unit), {}).values()

    def _hold(self, alarm: Alarm) -> None:
        key = (alarm.site, alarm.unit, alarm.key)
        if alarm.is_open:
            self._open[alarm.id] = alarm
            self._by_key[key] = alarm.id
            self._by_unit.setdefault(key[:2], {})[alarm.id] = alarm
        else:
            self._open.pop(alarm.id, None)
            self._by_unit.get(key[:2], {}).pop(alarm.id, None)
            if self._by_key.get(key) == alarm.id:
                del self._by_key[key]


def _comes_before(one: Alarm, other: Alarm) -> bool:
    if one.level != other.level:
        return LEVELS[one.level] > LEVELS[other.level]
    same = (one.kind, one.device, one.measure) == (other.kind, other.device, other.measure)
    return same and one.nth < other.nth


def _worse(one: float | None, other: float | None, side: Side | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other) if side == "above" else min(one, other)


def _sum(before: int, exposure_ms: int | None, otherwise: int | None = None) -> int | None:
    return otherwise if exposure_ms is None else before + exposure_ms


def act_of(by: str, at: int, note: str = "", credential: str = "", role: str = "") -> Act:
    """An act, its texts without blanks around them."""
    return Act(by.strip(), at, note.strip(), credential, role.strip())
