"""One temperature of one unit, watched reading by reading."""

from collections.abc import Callable

from maillage.services.sensing.warning.advice import AdviceKind
from maillage.services.sensing.warning.settings import DAY_S, STEP_S, Settings
from maillage.services.sensing.warning.state import State, Told
from maillage.services.sensing.warning.thermal import QUIET

Tell = Callable[[AdviceKind, str, float, float], None]
"""Kind, text, seconds of the reading, score."""
COLDEST_C, HOTTEST_C = -273.15, 1_000.0
GAP_S = 1_800
"""After so long without a reading, what was being summed up is dropped: nobody knows what happened meanwhile."""
CONVERGE_S = 2 * DAY_S
"""The model settles before its errors are taken for what is normal."""
FREEZE_SHARE = 0.4
"""Nothing is learnt while a sum is above this share of its threshold: a fault must not become normal unseen."""
EASY_SHARE = 0.15
"""Cooling is as ever where no sum of it is above this share."""
WILD_SIGMAS = 3.0
SLOW_S = 12 * 3_600
"""A level that took longer than this to give itself away, with cooling as ever, is a sensor's drift by its looks."""
FAR_SIGMAS, FAR_STEPS = 5.0, 3
"""So far off so many times in a row is no drift, whatever came before."""
DEFROSTS_KNOWN = 4
DOOR_MOST_S = 2_700
RECENT_STEPS = DAY_S / STEP_S


class Thresholds:
    """Of the three sums, worked out once from the settings."""

    __slots__ = ("duty", "level", "recovery")

    def __init__(self, settings: Settings) -> None:
        self.level = settings.level_threshold
        self.duty = settings.duty_threshold
        self.recovery = settings.recovery_threshold


class UnitWatch:
    """Watches one temperature with the door and the defrost of its unit. Readings must come in order of time."""

    __slots__ = ("_settings", "_tell", "_thresholds", "state")

    def __init__(self, state: State, settings: Settings, thresholds: Thresholds, tell: Tell) -> None:
        self.state = state
        self._settings = settings
        self._thresholds = thresholds
        self._tell = tell

    @property
    def learning(self) -> bool:
        """Whether it is still too early to say anything."""
        return self.state.last_s - self.state.first_s < self._settings.learn_s

    def observe(self, at_s: float, value: float, door: bool, defrost: bool) -> None:
        """A reading, in °C. One that is not after the last, or is no temperature, is left out."""
        state = self.state
        if not COLDEST_C <= value <= HOTTEST_C:  # false for NaN as well: one of them would spoil all that is learnt
            return
        elapsed_s = at_s - state.last_s
        if elapsed_s <= 0.0 and state.readings + state.steps:
            return
        if elapsed_s > GAP_S:
            self._drop(at_s)
        elif elapsed_s > 0.0:
            state.interval_s += 0.02 * (min(elapsed_s, 4 * state.interval_s) - state.interval_s)
        state.last_s = at_s
        if at_s - state.step_s >= STEP_S and state.readings:
            self._step(at_s)
        state.total += value
        state.readings += 1
        if door:
            state.door_s += elapsed_s
        if defrost:
            state.defrost_s += elapsed_s
        self._habits(at_s, value, door, defrost)
        self._cycles(at_s, value, elapsed_s, door, defrost)

    def silent_from_s(self) -> float:
        """The instant from which on silence is worth a word."""
        return self.state.last_s + max(self._settings.silent_intervals * self.state.interval_s, 300.0)

    def tick(self, now_s: float) -> None:
        """Time has come to ``now_s``; perhaps without a reading."""
        if now_s > self.silent_from_s():
            minutes = (now_s - self.state.last_s) / 60
            self._sign(AdviceKind.SILENT, now_s, f"no reading for {minutes:.0f} minutes", 1.0)

    # A step of five minutes: the level against the thermal model.

    def _step(self, at_s: float) -> None:
        state, sums = self.state, self._thresholds
        span_s = max(at_s - state.step_s, 1.0)
        mean = state.total / state.readings
        inputs = state.model.inputs(min(state.door_s / span_s, 1.0), min(state.defrost_s / span_s, 1.0))
        circumstance = state.model.circumstance()
        state.total, state.readings, state.door_s, state.defrost_s, state.step_s = 0.0, 0, 0.0, 0.0, at_s
        state.steps += 1
        error = mean - state.model.rls.predict(inputs)
        gauge, age_s = state.errors[circumstance], at_s - state.first_s
        if age_s < self._settings.learn_s:
            state.model.rls.learn(inputs, error, 1.0 - STEP_S / self._settings.memory_s)
            if age_s > CONVERGE_S:
                gauge.learn(error)
            if circumstance == QUIET:
                state.raw.learn(mean)
            return
        z = gauge.z(error) if gauge.count > 24 else 0.0
        state.drifted += (error - state.drifted) / RECENT_STEPS
        state.level.add(z, sums.level)
        state.far = state.far + 1 if z > FAR_SIGMAS else 0
        if state.level.up == 0.0 and state.level.down == 0.0:
            state.level_zero_s = at_s
        if not self._frozen():
            if abs(z) < WILD_SIGMAS:
                state.model.rls.learn(inputs, error, 1.0 - STEP_S / self._settings.memory_s)
            gauge.learn(error)
            if circumstance == QUIET:
                state.raw.learn(mean)
        self._judge_level(at_s)
        self._settle(at_s)

    def _judge_level(self, at_s: float) -> None:
        state, threshold = self.state, self._thresholds.level
        slow = at_s - state.level_zero_s > SLOW_S and not self._works_hard(EASY_SHARE)
        if state.level.up > threshold:
            warmer = f"{abs(state.drifted):.1f} K warmer by the day's mean than door and defrost explain"
            if slow and state.far < FAR_STEPS and AdviceKind.SLOW_WARMING not in state.told:
                look = "compare the sensor with a thermometer, and if it is right look for ice and lost refrigerant"
                text = f"{warmer}, while it seems to cool as ever: {look}"
                self._sign(AdviceKind.DRIFT, at_s, text, state.level.up / threshold)
            else:
                text = "warmer than door and defrost explain: look at compressor, heater and door now"
                self._sign(AdviceKind.SLOW_WARMING, at_s, text, state.level.up / threshold)
        elif state.level.down > threshold and not self._works_hard():
            text = "colder than ever: compare the sensor with a thermometer, or was the set point changed?"
            self._sign(AdviceKind.DRIFT, at_s, text, state.level.down / threshold)

    # Cycles: how much cooling it takes to hold the level.

    def _cycles(self, at_s: float, value: float, elapsed_s: float, door: bool, defrost: bool) -> None:
        state, sums = self.state, self._thresholds
        counts = not defrost and state.model.defrost[1] <= 0.08
        if state.cycles.reading(value, elapsed_s, door, counts):
            inputs, error, rise = state.cycles.close()
            share = state.cycles.share
            if self.learning:
                state.cycles.model.learn(inputs, error, 1.0)
                if at_s - state.first_s > CONVERGE_S:
                    share.learn(error)
                    state.cycles.rise.learn(rise)
            elif share.count > 12:
                state.duty.add(share.z(error), sums.duty)
                state.rise_z += 0.3 * (state.cycles.rise.z(rise) - state.rise_z)
                if not self._frozen():
                    share.learn(error)
                    state.cycles.rise.learn(rise)
                self._judge_cooling(at_s)
        if self.state.raw.count > 50:
            took = state.recovery.reading(at_s, state.cycles.smooth, state.raw.mean + 2.0 * state.raw.sigma)
            if took is not None:
                self._recovered(at_s, took)

    def _recovered(self, at_s: float, took: float) -> None:
        state, gauge = self.state, self.state.recovery.gauge
        if self.learning or gauge.count <= 8:
            gauge.learn(took)
            return
        state.recovering.add(gauge.z(took), self._thresholds.recovery)
        if not self._frozen():
            gauge.learn(took)
        self._judge_cooling(at_s)

    def _judge_cooling(self, at_s: float) -> None:
        state, sums = self.state, self._thresholds
        score = max(state.duty.up / sums.duty, state.recovering.up / sums.recovery)
        if score <= 1.0:
            return
        if state.rise_z > WILD_SIGMAS and AdviceKind.WEAK_COOLING not in state.told:
            text = "it warms faster between two runs and cools longer: look at the evaporator's fan and the door"
            self._sign(AdviceKind.FAN, at_s, text, score)
        elif AdviceKind.FAN in state.told:
            state.told[AdviceKind.FAN].seen_s = at_s
        else:
            text = "it takes ever more cooling to hold the temperature: look for ice and for lost refrigerant"
            self._sign(AdviceKind.WEAK_COOLING, at_s, text, score)

    # Habits: what lasts longer than it ever did.

    def _habits(self, at_s: float, value: float, door: bool, defrost: bool) -> None:
        state, settings, learn = self.state, self._settings, self.learning
        if value != state.last_value:
            state.same.end(at_s, learn)
            state.same.begin(at_s)
            state.last_value = value
        elif not learn:
            lasted, most = state.same.lasted(at_s), max(4 * state.same.longest_s, settings.stuck_least_s)
            if lasted > most:
                text = f"exactly {value:g} for {lasted / 3600:.1f} hours: the sensor is stuck"
                self._sign(AdviceKind.STUCK, at_s, text, lasted / most)
        if door:
            state.opened.begin(at_s)
            most = min(max(1.5 * state.opened.longest_s, settings.door_open_s), DOOR_MOST_S)
            if (lasted := state.opened.lasted(at_s)) > most and not learn:
                self._sign(AdviceKind.DOOR_AJAR, at_s, f"the door is open for {lasted / 60:.0f} minutes", lasted / most)
        elif state.opened.since_s is not None:
            state.opened.end(at_s, learn)
        if defrost:
            if state.defrosting.since_s is None:
                state.between.end(at_s, learn)
                state.between.begin(at_s)
                state.defrosting.begin(at_s)
            most = 1.5 * state.defrosting.longest_s + 600
            if (lasted := state.defrosting.lasted(at_s)) > most and not learn:
                text = f"the defrost is on for {lasted / 60:.0f} minutes, longer than ever: look at its heater"
                self._sign(AdviceKind.FROST, at_s, text, lasted / most)
        else:
            if state.defrosting.since_s is not None:
                state.defrosting.end(at_s, learn)
                state.recovery.begin(at_s)
            most = 1.25 * state.between.longest_s + 3_600
            if not learn and state.between.seen >= DEFROSTS_KNOWN and (lasted := state.between.lasted(at_s)) > most:
                text = f"no defrost for {lasted / 3600:.0f} hours: ice is growing on the evaporator"
                self._sign(AdviceKind.FROST, at_s, text, lasted / most)

    # What was told, and when it is over.

    def _sign(self, kind: AdviceKind, at_s: float, text: str, score: float) -> None:
        told = self.state.told.get(kind)
        if told is not None:
            told.seen_s = at_s
            return
        self.state.told[kind] = Told(at_s, at_s)
        self._tell(kind, text, at_s, score)

    def _frozen(self) -> bool:
        state, sums = self.state, self._thresholds
        return bool(
            state.told or max(state.level.up, state.level.down) > FREEZE_SHARE * sums.level or self._works_hard()
        )

    def _works_hard(self, share: float = FREEZE_SHARE) -> bool:
        """Whether it seems to need more cooling than ever: a sum is above this share of its threshold."""
        state, sums = self.state, self._thresholds
        return max(state.duty.up / sums.duty, state.recovering.up / sums.recovery) > share

    def _settle(self, at_s: float) -> None:
        """Advice ends when its sign was not seen for a while; a unit that stays as it is becomes normal in the end."""
        state = self.state
        told, quiet_s = state.told, self._settings.quiet_s
        if self._works_hard():
            for kind in (AdviceKind.WEAK_COOLING, AdviceKind.FAN):  # what they rest on is known a few times a day only
                if kind in told:
                    told[kind].seen_s = at_s
        for kind in [kind for kind, each in told.items() if at_s - each.seen_s > quiet_s]:
            del told[kind]
        if told and at_s - min(each.since_s for each in told.values()) > self._settings.adapt_after_s:
            self._adapt()

    def _adapt(self) -> None:
        state = self.state
        state.model.rls.weights[0] += state.drifted
        state.drifted = 0.0
        for gauge in (state.cycles.share, state.cycles.rise, state.recovery.gauge, state.raw):
            gauge.count = min(gauge.count, 8)
        for cusum in (state.level, state.duty, state.recovering):
            cusum.up = cusum.down = 0.0
        state.level_zero_s = state.last_s
        state.told.clear()

    def _drop(self, at_s: float) -> None:
        state = self.state
        state.total, state.readings, state.door_s, state.defrost_s, state.step_s = 0.0, 0, 0.0, 0.0, at_s
        state.model.door = [0.0] * len(state.model.door)
        state.model.defrost = [0.0] * len(state.model.defrost)
        for habit in (state.same, state.opened, state.defrosting, state.between):
            habit.since_s = None
        state.recovery.ended_s = float("nan")
