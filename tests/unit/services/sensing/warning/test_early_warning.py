"""Early warning on readings as they come in: what is said, of whom, and that nothing is forgotten over a restart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pytest

from maillage.kernel.errors import Malformed
from maillage.services.sensing.model import Device, Fault, Measure, Profile, Reading
from maillage.services.sensing.simulate.faults import FaultKind
from maillage.services.sensing.simulate.run import Run, simulate
from maillage.services.sensing.warning.advice import Advice, AdviceKind
from maillage.services.sensing.warning.early import EarlyWarning
from maillage.services.sensing.warning.settings import DAY_S, Settings

START_MS = 1_700_000_000_000
PROFILE = Profile(
    id="freezer",
    name="A freezer",
    format="json",
    topic="{site}/{device}",
    measures=(
        Measure(name="air", unit="Cel", role="temperature", minimum=-50, maximum=60),
        Measure(name="fahrenheit", unit="[degF]", role="temperature", minimum=-58, maximum=140),
        Measure(name="door", unit="1", role="door", minimum=0, maximum=1),
        Measure(name="defrost", unit="1", role="defrost", minimum=0, maximum=1),
        Measure(name="battery", unit="%", role="battery", minimum=0, maximum=100),
    ),
)
DAY_MIN = 1_440


@dataclass
class Known:
    """A registry of the devices that a test names."""

    named: dict[str, Device] = field(default_factory=dict)
    revision: int = 1

    def add(self, device_id: str, unit: str = "f1", site: str = "s1", retired_at: int | None = None) -> None:
        self.named[device_id] = Device(
            id=device_id, site=site, profile="freezer", name=device_id, unit=unit, created_at=0, retired_at=retired_at
        )
        self.revision += 1

    def device(self, device_id: str) -> Device | None:
        return self.named.get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return PROFILE if profile_id == "freezer" else None

    def devices(self) -> Mapping[str, Device]:
        return self.named


@pytest.fixture
def registry() -> Known:
    known = Known()
    known.add("probe")
    known.add("contact")
    return known


@pytest.fixture(scope="module")
def year() -> Run:
    """Three units; the faults begin after two weeks."""
    return simulate(3, 40, 2)


def batches(run: Run, number: int, first_min: int, last_min: int) -> Iterator[tuple[int, list[Reading]]]:
    """Each minute with its readings: door and defrost by one device, the temperature by another."""
    for minute in range(first_min, last_min):
        at_ms = START_MS + minute * 60_000
        batch = [
            Reading("s1", "contact", "door", at_ms, float(run.door[number, minute])),
            Reading("s1", "contact", "defrost", at_ms, float(run.defrost[number, minute])),
        ]
        value = float(run.value[number, minute])
        if value == value:
            batch.append(Reading("s1", "probe", "air", at_ms, value))
        yield at_ms, batch


def watch(warning: EarlyWarning, run: Run, number: int, first_min: int, last_min: int) -> None:
    for at_ms, batch in batches(run, number, first_min, last_min):
        warning.observe(batch)
        warning.tick(at_ms)


def flat(warning: EarlyWarning, days: float, first_s: int = 0, value: float = -20.0) -> int:
    """A unit that wobbles a little, a reading every five minutes; the next second."""
    last_s = first_s + int(days * DAY_S)
    for at_s in range(first_s, last_s, 300):
        wobble = ((at_s // 300 * 7919) % 11 - 5) / 20
        warning.observe([Reading("s1", "probe", "air", START_MS + at_s * 1_000, value + wobble)])
    return last_s


def test_each_fault_of_a_simulated_unit_is_told_of_and_nothing_before(registry: Known, year: Run) -> None:
    for number in range(3):
        said: list[Advice] = []
        watch(EarlyWarning(registry, said.append), year, number, 0, 40 * DAY_MIN)
        faults = [fault for fault in year.faults if fault.device == number]
        assert faults
        for fault in faults:
            begin, end = (START_MS + minute * 60_000 for minute in (fault.start_min, fault.end_min))
            assert any(begin <= advice.at_ms < end for advice in said), fault
        first = min(fault.start_min for fault in faults)
        assert not [advice for advice in said if advice.at_ms < START_MS + first * 60_000]
        assert all((advice.site, advice.unit) == ("s1", "f1") for advice in said)
        assert all(advice.text and advice.score >= 1.0 for advice in said)


def test_a_restart_changes_nothing_that_is_said(registry: Known, year: Run) -> None:
    number = 0
    whole: list[Advice] = []
    watch(EarlyWarning(registry, whole.append), year, number, 0, 40 * DAY_MIN)
    assert whole
    halves: list[Advice] = []
    warning = EarlyWarning(registry, halves.append)
    cuts = [0, 13 * DAY_MIN + 7, 21 * DAY_MIN, 30 * DAY_MIN + 711, 40 * DAY_MIN]
    for first, last in pairwise(cuts):
        watch(warning, year, number, first, last)
        saved = warning.save()
        warning = EarlyWarning(registry, halves.append)
        assert warning.restore(saved) == 1
        assert len(saved) < 4_096
    assert halves == whole


def test_a_door_that_stands_open_over_a_restart_still_does(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    at_s = flat(warning, 14)
    warning.observe([Reading("s1", "contact", "door", START_MS + at_s * 1_000, 1.0)])
    saved = warning.save()
    warning = EarlyWarning(registry, said.append)
    warning.restore(saved)
    flat(warning, 0.02, at_s)
    assert [advice.kind for advice in said] == [AdviceKind.DOOR_AJAR]


def test_memory_of_a_unit_does_not_grow(registry: Known) -> None:
    warning = EarlyWarning(registry, lambda advice: None)
    at_s = flat(warning, 20)
    early = len(warning.save())
    flat(warning, 60, at_s)
    assert len(warning.save()) <= early * 1.1


@pytest.mark.parametrize(
    "saved",
    [b"", b"x", b"\x81", msgspec.msgpack.encode({"format": 9, "states": {}, "open_doors": [], "defrosting": []})],
)
def test_what_was_saved_and_is_damaged_is_refused_and_it_goes_on(registry: Known, saved: bytes) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    flat(warning, 1)
    with pytest.raises(Malformed, match="learns anew"):
        warning.restore(saved)
    assert warning.learning("probe", "air") is True


def test_it_learns_before_it_speaks(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append, Settings(learn_s=3 * DAY_S))
    assert warning.learning("probe", "air") is None
    at_s = flat(warning, 2)
    at_s = flat(warning, 0.5, at_s, value=5.0)
    assert said == []
    flat(warning, 1, at_s)
    assert warning.learning("probe", "air") is False


def test_warming_is_told_once_while_it_lasts(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    at_s = flat(warning, 14)
    assert said == []
    flat(warning, 1, at_s, value=-17.0)
    assert [advice.kind for advice in said] == [AdviceKind.SLOW_WARMING]
    assert said[0].at_ms - (START_MS + at_s * 1_000) < 3_600_000


def test_a_change_that_stays_becomes_normal_in_the_end(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    at_s = flat(warning, 14)
    at_s = flat(warning, 30, at_s, value=-17.0)
    told = len(said)
    assert 1 <= told <= 3
    flat(warning, 30, at_s, value=-17.0)
    assert len(said) == told


def test_an_open_door_a_stuck_sensor_and_silence_are_told(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    at_s = flat(warning, 14)
    warning.observe([Reading("s1", "contact", "door", START_MS + at_s * 1_000, 1.0)])
    at_s = flat(warning, 0.02, at_s)
    warning.observe([Reading("s1", "contact", "door", START_MS + at_s * 1_000, 0.0)])
    assert [advice.kind for advice in said] == [AdviceKind.DOOR_AJAR]
    at_s = flat(warning, 2, at_s)
    for at in range(at_s, at_s + 3 * 3_600, 300):
        warning.observe([Reading("s1", "probe", "air", START_MS + at * 1_000, -20.0)])
    assert AdviceKind.STUCK in [advice.kind for advice in said]
    at_s = flat(warning, 2, at_s + 3 * 3_600)
    said.clear()
    for minute in range(60):
        warning.tick(START_MS + (at_s + minute * 60) * 1_000)
    assert [advice.kind for advice in said] == [AdviceKind.SILENT]


def test_only_temperatures_that_are_known_and_not_late_are_watched(registry: Known) -> None:
    warning = EarlyWarning(registry, lambda advice: None)
    registry.add("gone", retired_at=5)
    at_ms = START_MS
    warning.observe(
        [
            Reading("s1", "stranger", "air", at_ms, 1.0),
            Reading("s1", "probe", "battery", at_ms, 1.0),
            Reading("s1", "probe", "what", at_ms, 1.0),
            Reading("s1", "gone", "air", at_ms, 1.0),
            Reading("s1", "probe", "air", at_ms, 1.0, late=True),
        ]
    )
    warning.refused(registry.named["probe"], Fault.UNREADABLE, at_ms)
    assert msgspec.msgpack.decode(warning.save())["states"] == {}


def test_a_device_that_is_removed_is_forgotten_and_one_that_moved_speaks_for_its_new_unit(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    at_s = flat(warning, 14)
    registry.add("probe", unit="f9")
    flat(warning, 1, at_s, value=-12.0)
    assert {advice.unit for advice in said} == {"f9"}
    del registry.named["probe"]
    registry.revision += 1
    warning.observe([])
    assert warning.learning("probe", "air") is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e300, 1e300])
def test_what_is_no_temperature_leaves_no_trace(registry: Known, value: float) -> None:
    warning = EarlyWarning(registry, lambda advice: None)
    at_s = flat(warning, 1)
    before = warning.save()
    warning.observe([Reading("s1", "probe", "air", START_MS + (at_s + 300) * 1_000, value)])
    assert warning.save() == before


def test_degrees_fahrenheit_are_understood(registry: Known) -> None:
    said: list[Advice] = []
    warning = EarlyWarning(registry, said.append)
    for at_s in range(0, 15 * DAY_S, 300):
        celsius = (-20.0 if at_s < 14 * DAY_S else -10.0) + ((at_s // 300 * 7919) % 11 - 5) / 20
        warning.observe([Reading("s1", "probe", "fahrenheit", START_MS + at_s * 1_000, celsius * 1.8 + 32)])
    assert [advice.kind for advice in said] == [AdviceKind.SLOW_WARMING]


def test_every_kind_of_simulated_fault_has_a_name_of_its_own() -> None:
    assert len({kind.value for kind in FaultKind}) == 10
