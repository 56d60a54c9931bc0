"""One measure of one device: its rules, its exposure clock, and whether it is stuck."""

import math

import msgspec

from maillage.services.sensing.coldchain.alarms.exposure import exposed_ms
from maillage.services.sensing.coldchain.alarms.outlet import Outlet
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered
from maillage.services.sensing.coldchain.alarms.units import Unit
from maillage.services.sensing.coldchain.alarms.watch import Phase, Watch, WatchState
from maillage.services.sensing.coldchain.alarms.words import shown, span
from maillage.services.sensing.coldchain.model import AlarmKind
from maillage.services.sensing.model import Measure, Profile, Rule

TRUE_FROM = 0.5
"""A door or a defrost reports 0 or 1; from here on it is open, or on."""
BATTERY_LOW = Rule(
    id="battery", measure="", side="below", limit=20.0, dwell_s=0, severity="warning", dead_band=5.0, clear_s=0
)
"""For a battery in percent that the profile has no rule for; an engineering default."""
_NEVER_MS = 1 << 62


class SeriesState(msgspec.Struct, frozen=True):
    """What of a series outlives a restart, watches by their keys."""

    at_ms: int
    value: float
    exposure_ms: float
    watches: dict[str, WatchState]


class Series:
    """``low`` to ``high`` is where a value changes nothing but itself: no rule is over, no clock runs. It is empty
    while something is going on, so that whoever passes readings can tell at once which need ``take``. ``since_ms`` is
    since when the value has been the very same, ``stuck_ms`` for how long that may be."""

    __slots__ = (
        "_gap_ms",
        "_limit",
        "_outlet",
        "at_ms",
        "device",
        "exposure_ms",
        "high",
        "low",
        "measure",
        "since_ms",
        "stuck",
        "stuck_ms",
        "unit",
        "value",
        "watches",
    )

    def __init__(self, device: str, profile: Profile, measure: Measure, unit: Unit, outlet: Outlet) -> None:
        self.device = device
        self.measure = measure
        self.unit = unit
        self.at_ms = 0
        self.value = math.nan
        self.since_ms = 0
        self.stuck = False
        temperature = measure.role == "temperature"
        self.stuck_ms = 1_000 * profile.stuck_after_s if temperature else _NEVER_MS
        self.exposure_ms = 0.0
        self._limit = profile.context.exposure_limit if temperature else None
        self._gap_ms = 1_000 * profile.silent_after * profile.interval_s
        self._outlet = outlet
        self.watches = self._watches(profile)
        if temperature:
            unit.rules.update(self.watches)
        self._settle()

    @property
    def shown_exposure_ms(self) -> int | None:
        """What the exposure clock says as of the last reading; None where there is none."""
        return None if self._limit is None else round(self.exposure_ms)

    def exposure_at(self, now_ms: int) -> int | None:
        """What it says by now, if the value is still what it was."""
        if self._limit is None:
            return None
        running = self.value > self._limit and now_ms > self.at_ms
        return round(self.exposure_ms + (now_ms - self.at_ms if running else 0))

    def take(self, at_ms: int, value: float) -> None:
        """A reading that may change something. Not for one that is late."""
        role = self.measure.role
        if role == "door":
            self.unit.door(self.device, value >= TRUE_FROM, at_ms)
        elif role == "defrost":
            self.unit.defrost(self.device, value >= TRUE_FROM, at_ms)
        if self._limit is not None and self.value == self.value:
            self.exposure_ms += exposed_ms(self.at_ms, self.value, at_ms, value, self._limit, self._gap_ms)
        self._see_whether_stuck(at_ms, value)
        self.at_ms, self.value = at_ms, value
        for watch in self.watches:
            if watch.see(at_ms, value):
                self._outlet.changed.add(self)
        self._settle()

    @property
    def is_quiet(self) -> bool:
        return all(watch.phase is Phase.NORMAL for watch in self.watches)

    @property
    def state(self) -> SeriesState | None:
        """None where there is nothing to remember."""
        states = {watch.key: state for watch in self.watches if (state := watch.state) is not None}
        return SeriesState(self.at_ms, self.value, self.exposure_ms, states) if states else None

    def restore(self, state: SeriesState, not_before_ms: int) -> None:
        """Go on where it was, with those of its rules that are still there."""
        self.at_ms, self.value, self.since_ms = state.at_ms, state.value, state.at_ms
        self.exposure_ms = state.exposure_ms
        for watch in self.watches:
            if watch.key in state.watches:
                watch.restore(state.watches[watch.key], not_before_ms)
        self._settle()

    def resume_stuck(self) -> None:
        """It was stuck before a restart."""
        self.stuck = True
        self._outlet.resumed(self, self.unit.site, self.unit.name, self.stuck_key)
        self._settle()

    @property
    def stuck_key(self) -> str:
        return f"stuck:{self.device}.{self.measure.name}"

    def end(self, text: str, at_ms: int) -> None:
        """Nobody looks any more."""
        for watch in self.watches:
            watch.end(text, at_ms)
            self.unit.rules.discard(watch)
        self._unstick(text, at_ms)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _watches(self, profile: Profile) -> list[Watch]:
        temperature = self.measure.role == "temperature"
        rules = [rule for rule in profile.rules if rule.measure == self.measure.name]
        if not rules and self.measure.role == "battery" and self.measure.unit == "%":
            rule = msgspec.structs.replace(BATTERY_LOW, measure=self.measure.name)
            return [Watch(rule, "battery", f"battery:{self.device}", self, False, self._outlet)]
        kind: AlarmKind = "battery" if self.measure.role == "battery" else "limit"
        return [Watch(rule, kind, rule.id, self, temperature, self._outlet) for rule in rules]

    def _see_whether_stuck(self, at_ms: int, value: float) -> None:
        if value != self.value:
            self.since_ms = at_ms
            self._unstick(f"it says {shown(value, self.measure.unit)} now", at_ms)
        elif at_ms - self.since_ms >= self.stuck_ms and not self.stuck:
            self.stuck = True
            same = shown(value, self.measure.unit)
            text = f"{self.measure.name} of {self.device} has said {same} for {span((at_ms - self.since_ms) / 1_000)}"
            unit = self.unit
            signal = Raised(
                unit.site,
                unit.name,
                self.stuck_key,
                "stuck",
                "warning",
                text,
                self.since_ms,
                at_ms,
                self.device,
                self.measure.name,
            )
            self._outlet.raised(self, signal)

    def _unstick(self, text: str, at_ms: int) -> None:
        if self.stuck:
            self.stuck = False
            self._outlet.recovered(self, Recovered(self.unit.site, self.unit.name, self.stuck_key, text, at_ms))

    def _settle(self) -> None:
        """Find the band in which nothing has to be looked at; begin the exposure clock anew where all is well."""
        self.low, self.high = math.inf, -math.inf
        if self.measure.role in ("door", "defrost") or self.stuck or not self.is_quiet:
            return
        low, high = -math.inf, math.inf
        for watch in self.watches:
            if watch.rule.side == "above":
                high = min(high, watch.limit)
            else:
                low = max(low, watch.limit)
        if self._limit is not None:
            high = min(high, self._limit)
            if self.value > self._limit:
                return  # the clock runs
            self.exposure_ms = 0.0
        self.low, self.high = low, high
