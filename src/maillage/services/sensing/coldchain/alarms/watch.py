"""One rule on one measure of one device: over its limit or not, for how long, and whether that is excused."""

from enum import IntEnum
from typing import Protocol

import msgspec

from maillage.services.sensing.coldchain.alarms.outlet import Outlet
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered
from maillage.services.sensing.coldchain.alarms.units import Unit
from maillage.services.sensing.coldchain.alarms.words import shown, span
from maillage.services.sensing.coldchain.model import AlarmKind
from maillage.services.sensing.model import Measure, Rule


class Phase(IntEnum):
    """``PENDING``: over the limit, its dwell is running or it is excused. ``RAISED``: until it was well long enough."""

    NORMAL = 0
    PENDING = 1
    RAISED = 2


class WatchState(msgspec.Struct, frozen=True):
    """What of a watch outlives a restart."""

    phase: Phase
    since_ms: int
    extreme: float
    well_ms: int | None = None


class Measured(Protocol):
    """What a watch knows of its series."""

    device: str
    measure: Measure
    unit: Unit

    @property
    def shown_exposure_ms(self) -> int | None: ...


class Watch:
    """``key`` is what its alarm is known by within the unit. ``excused`` says that it waits for doors and defrosts, as
    rules on temperatures do."""

    __slots__ = (
        "_above",
        "_clear_ms",
        "_dwell_ms",
        "_outlet",
        "_series",
        "_well_at",
        "excused",
        "extreme",
        "key",
        "kind",
        "limit",
        "not_before_ms",
        "phase",
        "rule",
        "since_ms",
        "well_ms",
    )

    def __init__(self, rule: Rule, kind: AlarmKind, key: str, series: Measured, excused: bool, outlet: Outlet) -> None:
        self.rule = rule
        self.kind = kind
        self.key = key
        self.excused = excused
        self.limit = rule.limit
        self.phase = Phase.NORMAL
        self.since_ms = 0
        self.extreme = 0.0
        self.well_ms: int | None = None
        self.not_before_ms = 0
        self._series = series
        self._outlet = outlet
        self._above = rule.side == "above"
        self._dwell_ms = 1_000 * rule.dwell_s
        self._clear_ms = 1_000 * rule.clear_s
        self._well_at = rule.limit - rule.dead_band if self._above else rule.limit + rule.dead_band

    def see(self, at_ms: int, value: float) -> bool:
        """The next reading, in order of time; whether anything is different now."""
        over = value > self.limit if self._above else value < self.limit
        if self.phase is Phase.NORMAL:
            if over:
                self._begin(at_ms, value)
            return over
        if over and (value > self.extreme if self._above else value < self.extreme):
            self.extreme = value
        if self.phase is Phase.PENDING:
            if not over:
                self.phase = Phase.NORMAL
                return True
            return self._raise_if_due(at_ms)
        return self._see_whether_well(at_ms, value)

    def reconsider(self, at_ms: int) -> None:
        """It may be excused for less long than before."""
        if self.phase is Phase.PENDING and not self._raise_if_due(at_ms):
            self._outlet.due.at(self.due_ms, self._look)

    def restore(self, state: WatchState, not_before_ms: int) -> None:
        """Go on where it was. The dwell of one that was pending goes on from its beginning, but time alone raises it
        only after ``not_before_ms``: it may have become well while nobody looked, and shall have its chance to say."""
        self.phase, self.since_ms, self.extreme = state.phase, state.since_ms, state.extreme
        self.well_ms = state.well_ms
        if self.phase is Phase.RAISED:
            self._outlet.resumed(self, self._series.unit.site, self._series.unit.name, self.key)
        elif self.phase is Phase.PENDING:
            self.not_before_ms = not_before_ms
            self._outlet.due.at(max(self.due_ms, not_before_ms), self._look)

    @property
    def state(self) -> WatchState | None:
        """None where there is nothing to remember."""
        if self.phase is Phase.NORMAL:
            return None
        return WatchState(self.phase, self.since_ms, self.extreme, self.well_ms)

    @property
    def due_ms(self) -> int:
        """When a pending one is to be raised, as things are."""
        due = self.since_ms + self._dwell_ms
        if not self.excused:
            return due
        unit = self._series.unit
        return max(due, unit.hold_ms, unit.door_hold_ms if self.rule.severity == "warning" else 0)

    def end(self, text: str, at_ms: int) -> None:
        """Nobody looks any more."""
        if self.phase is Phase.RAISED:
            self._recover(text, at_ms)
        self.phase = Phase.NORMAL

    def _begin(self, at_ms: int, value: float) -> None:
        self.phase, self.since_ms, self.extreme, self.not_before_ms = Phase.PENDING, at_ms, value, 0
        if not self._raise_if_due(at_ms):
            self._outlet.due.at(self.due_ms, self._look)

    def _look(self, now_ms: int) -> None:
        """Time went by. What a former excursion had planned finds another beginning, and waits for its own look."""
        if self.phase is not Phase.PENDING or now_ms < self.not_before_ms:
            return
        if not self._raise_if_due(now_ms):
            self._outlet.due.at(self.due_ms, self._look)

    def _raise_if_due(self, at_ms: int) -> bool:
        if at_ms < self.due_ms:
            return False
        self.phase, self.well_ms = Phase.RAISED, None
        series, rule = self._series, self.rule
        unit_of_measure = series.measure.unit
        text = f"{rule.measure} {rule.side} {shown(rule.limit, unit_of_measure)}"
        if rule.dwell_s:
            text += f" for {span((at_ms - self.since_ms) / 1_000)}"
        self._outlet.raised(
            self,
            Raised(
                series.unit.site,
                series.unit.name,
                self.key,
                self.kind,
                rule.severity,
                f"{text}: {shown(self.extreme, unit_of_measure)}",
                self.since_ms,
                at_ms,
                series.device,
                rule.measure,
                rule.id,
                rule.side,
                rule.limit,
                self.extreme,
                series.shown_exposure_ms,
            ),
        )
        self._outlet.changed.add(series)
        return True

    def _see_whether_well(self, at_ms: int, value: float) -> bool:
        well = value <= self._well_at if self._above else value >= self._well_at
        before = self.well_ms
        if not well:
            self.well_ms = None
            return before is not None
        if self.well_ms is None:
            self.well_ms = at_ms
        if at_ms - self.well_ms < self._clear_ms:
            return before is None
        self._recover(f"back at {shown(value, self._series.measure.unit)}", at_ms)
        self.phase = Phase.NORMAL
        return True

    def _recover(self, text: str, at_ms: int) -> None:
        unit = self._series.unit
        signal = Recovered(unit.site, unit.name, self.key, text, at_ms, self.extreme, self._series.shown_exposure_ms)
        self._outlet.recovered(self, signal)
