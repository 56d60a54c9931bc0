"""The machine of alarms against a plain re-computation: whatever a freezer, its door and its defrosts do, and however
often the process starts anew in between, both find the same alarms at the same instants."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from maillage.services.sensing.coldchain.alarms.guard import Guard
from maillage.services.sensing.coldchain.alarms.signals import Raised
from maillage.services.sensing.coldchain.haccp.checking import check
from maillage.services.sensing.coldchain.haccp.entry import Draft, canonical, entered, members
from maillage.services.sensing.coldchain.model import Alarm
from maillage.services.sensing.model import Context, Device, Measure, Profile, Reading, Rule

RULES = (
    Rule(id="warm", measure="air", side="above", limit=-15, dwell_s=30, severity="warning", dead_band=1, clear_s=20),
    Rule(id="hot", measure="air", side="above", limit=-12, dwell_s=10, severity="critical", dead_band=2, clear_s=10),
    Rule(id="now", measure="air", side="above", limit=-9, dwell_s=0, severity="critical", dead_band=0, clear_s=0),
    Rule(id="cold", measure="air", side="below", limit=-25, dwell_s=15, severity="warning", dead_band=1, clear_s=5),
)
CONTEXT = Context(defrost_max_s=60, recovery_s=40, door_max_s=25)
PROFILE = Profile(
    id="all",
    name="All in one",
    format="json",
    topic="{site}/{device}",
    measures=(
        Measure(name="air", unit="Cel", role="temperature", minimum=-60, maximum=60),
        Measure(name="open", unit="1", role="door", minimum=0, maximum=1),
        Measure(name="defrost", unit="1", role="defrost", minimum=0, maximum=1),
    ),
    rules=RULES,
    context=CONTEXT,
    interval_s=1,
    silent_after=1_000_000,
    stuck_after_s=1_000_000_000,
)
DEVICE = Device(id="probe", site="wm-1", profile="all", name="probe", unit="freezer", created_at=0)
START = 1_793_534_400

events = st.lists(
    st.tuples(
        st.integers(1, 20),
        st.one_of(
            st.tuples(st.just("air"), st.sampled_from([-27.0, -25.0, -20.0, -16.5, -15.5, -14.5, -13.0, -11.0, -8.5])),
            st.tuples(st.sampled_from(["open", "defrost"]), st.sampled_from([0.0, 1.0])),
            st.tuples(st.sampled_from(["tick", "restart"]), st.just(0.0)),
        ),
    ),
    max_size=80,
)
Found = tuple[int, str, str]
"""(second, raised or recovered, key)."""


class _Registry:
    revision = 1

    def device(self, device_id: str) -> Device | None:
        return self.devices().get(device_id)

    def profile(self, _: str) -> Profile | None:
        return PROFILE

    def devices(self) -> dict[str, Device]:
        return {DEVICE.id: DEVICE}


@dataclass
class Machine:
    """The guard, with what it remembers kept as a desk would."""

    at: int = START
    states: dict[str, bytes] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    active: dict[str, Alarm] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guard = self._new()

    def do(self, after_s: int, what: str, value: float) -> None:
        if what == "restart":  # and then time passes: what is over its dwell at a start has its chance to recover
            self.guard = self._new()
        self.at += after_s
        if what not in ("restart", "tick"):
            self.guard.observe([Reading("wm-1", "probe", what, 1_000 * self.at, value)])
        self.guard.tick(1_000 * self.at)
        for signal in self.guard.take_signals():
            raised = isinstance(signal, Raised)
            self.found.append((self.at, "raised" if raised else "recovered", signal.key))
            if isinstance(signal, Raised):
                self.active[signal.key] = _alarm(signal)
            else:
                del self.active[signal.key]
        for one in self.guard.take_changes():
            if one.body is None:
                del self.states[one.name]
            else:
                self.states[one.name] = one.body

    def _new(self) -> Guard:
        guard = Guard(_Registry(), lambda: None)
        guard.start(1_000 * self.at, self.states, self.active.values())
        return guard


def _alarm(signal: Raised) -> Alarm:
    return Alarm(
        id="wm-1~a1",
        site=signal.site,
        unit=signal.unit,
        key=signal.key,
        kind=signal.kind,
        level=signal.level,
        incident="",
        text="",
        began_ms=0,
        raised_ms=0,
        device=signal.device,
        measure=signal.measure,
    )


class Plain:
    """Looks at the whole history again at every event, and knows nothing but the words of the rules."""

    def __init__(self) -> None:
        self.at = START
        self.history: list[tuple[int, str, float]] = []
        self.found: list[Found] = []
        self.raised_at: dict[str, int] = {}
        self.over_after: dict[str, int] = {}
        """Number of the event at which a rule recovered last: what was before it is done with."""

    def do(self, after_s: int, what: str, value: float) -> None:
        self.at += after_s
        self.history.append((self.at, what, value))
        self._follow("door", self._since_on("open"), CONTEXT.door_max_s)
        self._follow("defrost", self._since_on("defrost"), CONTEXT.defrost_max_s)
        for rule in RULES:
            self._rule(rule)

    def _follow(self, key: str, since: int | None, most_s: int) -> None:
        if since is None:
            if self.raised_at.pop(key, None) is not None:
                self.found.append((self.at, "recovered", key))
        elif key not in self.raised_at and self.at >= since + most_s:
            self.raised_at[key] = self.at
            self.found.append((self.at, "raised", key))

    def _rule(self, rule: Rule) -> None:
        first = self.over_after.get(rule.id, 0)
        air = [(at, value, nth) for nth, (at, what, value) in enumerate(self.history) if what == "air"]
        if rule.id in self.raised_at:
            after = self.raised_at[rule.id]
            well = _run([each for each in air if each[2] > after], lambda value: _is_well(rule, value))
            if well and self.history[-1][1] == "air" and self.at - well[0][0] >= rule.clear_s:
                del self.raised_at[rule.id]
                self.over_after[rule.id] = len(self.history)
                self.found.append((self.at, "recovered", rule.id))
            return
        over = _run([each for each in air if each[2] >= first], lambda value: _is_over(rule, value))
        if over and self.at >= max(over[0][0] + rule.dwell_s, self._excused_until(rule)):
            self.raised_at[rule.id] = len(self.history) - 1
            self.found.append((self.at, "raised", rule.id))

    def _since_on(self, name: str) -> int | None:
        on = _run([(at, value, 0) for at, what, value in self.history if what == name], bool)
        return on[0][0] if on else None

    def _excused_until(self, rule: Rule) -> int:
        until = episode = 0
        on = False
        most_s = CONTEXT.defrost_max_s + CONTEXT.recovery_s
        for at, what, value in self.history:
            if what == "defrost" and bool(value) != on:
                on = bool(value)
                if on:
                    episode = at if at >= until else episode
                    until = episode + most_s
                else:
                    until = min(at + CONTEXT.recovery_s, episode + most_s)
        opened = self._since_on("open")
        if rule.severity == "warning" and opened is not None:
            until = max(until, opened + CONTEXT.door_max_s)
        return until


def _run(readings, fits):  # type: ignore[no-untyped-def]
    """The readings since when all fit, up to the last."""
    found = []
    for each in reversed(readings):
        if not fits(each[1]):
            break
        found.append(each)
    return found[::-1]


def _is_over(rule: Rule, value: float) -> bool:
    return value > rule.limit if rule.side == "above" else value < rule.limit


def _is_well(rule: Rule, value: float) -> bool:
    band = rule.dead_band
    return value <= rule.limit - band if rule.side == "above" else value >= rule.limit + band


@given(events)
def test_the_machine_finds_what_a_plain_reading_of_the_history_finds(
    story: list[tuple[int, tuple[str, float]]],
) -> None:
    machine, plain = Machine(), Plain()
    for after_s, (what, value) in story:
        machine.do(after_s, what, value)
        plain.do(after_s, what, value)
        assert sorted(machine.found) == sorted(plain.found), (what, value)
        assert set(machine.active) == set(plain.raised_at)


texts = st.text(max_size=30)
drafts = st.builds(
    lambda text, by, data: Draft(kind="manual_check", at=START, text=text, by=by, data=data),
    texts.filter(lambda text: text.encode("utf-8", "replace").decode() == text),
    st.just("Ann"),
    st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(-(2**53), 2**53), st.just("x"))),
)


@given(st.lists(drafts, min_size=1, max_size=8), st.data())
def test_no_log_can_be_changed_in_one_place_unseen(written: list[Draft], data: st.DataObject) -> None:
    log = []
    previous = "0" * 64
    for nth, draft in enumerate(written, 1):
        log.append(entered(draft, "wm-1", nth, previous))
        previous = log[-1].hash
    whole = [(members(entry), entry.hash) for entry in log]
    assert check(whole).ok
    nth = data.draw(st.integers(0, len(log) - 1))
    name = data.draw(st.sampled_from(["text", "by", "unit", "at", "previous"]))
    entry, digest = whole[nth]
    spoilt = [*whole[:nth], ({**entry, name: f"{entry[name]}!"}, digest), *whole[nth + 1 :]]
    verdict = check(spoilt)
    assert not verdict.ok and verdict.broken == nth + 1
    assert canonical(entry) != canonical(spoilt[nth][0])
