"""Readings as they are asked for: rounded when they come in, bounded when they go out, forgotten when they are old."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from maillage.engines.clocks import ManualClock
from maillage.engines.readings.memory import MemoryReadings
from maillage.kernel.errors import Invalid, NotFound, RecordsUnavailable
from maillage.services.sensing.model import Device, Measure, Profile, Reading, SeriesKey
from maillage.services.sensing.readings.rounding import Resolution
from maillage.services.sensing.readings.service import POINTS_MAX, Readings
from maillage.services.sensing.readings.upkeep import Retention
from maillage.services.sensing.registry.shipped import shipped_profiles

NOW = 1_793_534_400  # 2026-11-01T12:00:00Z
DAY_S = 86_400
FREEZER = Device(id="f-1", site="wm-1", profile="freezer", name="F", unit="u", created_at=NOW)
ROOM = Device(id="r-1", site="wm-1", profile="cold-room", name="R", unit="u", created_at=NOW)
KEY = SeriesKey("f-1", "temperature")


class Known:
    """A registry of two devices."""

    revision = 1

    def __init__(self) -> None:
        self.profiles = dict(shipped_profiles())

    def device(self, device_id: str) -> Device | None:
        return self.devices().get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return self.profiles.get(profile_id)

    def devices(self) -> Mapping[str, Device]:
        return {"f-1": FREEZER, "r-1": ROOM}


class World:
    def __init__(self) -> None:
        self.registry, self.clock, self.archive = Known(), ManualClock(NOW), MemoryReadings()
        self.readings = Readings(self.archive, self.registry, self.clock, Retention(90, 900))

    def append(self, at: float, value: float, measure: str = "temperature", device: Device = FREEZER) -> None:
        self.readings.append([Reading("wm-1", device.id, measure, int(at * 1_000), value)])

    def query(self, device: Device = FREEZER, measure: str | None = None, **more: Any) -> Any:
        asked = {"start": None, "end": None, "step_s": None, **more}
        return asyncio.run(self.readings.query(device, measure, **asked))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("step", "value", "kept"),
    [
        (0.01, -18.2549, -18.25),
        (0.05, 4.36, 4.35),
        (0.1, 0.30000000000000004, 0.3),
        (1, 0.9999, 1.0),
        (5, 1234.0, 1235.0),
        (0.25, 7.13, 7.25),
        (1e-07, 0.12345678, 0.1234568),
        (0.01, 1e11, 1e11),
    ],
)
def test_values_are_decimals_of_their_resolution(step: float, value: float, kept: float) -> None:
    assert Resolution(step).rounded(value) == kept


def test_what_comes_in_is_rounded_by_the_devices_profile_as_it_is_now(world: World) -> None:
    world.append(NOW, -18.2549)
    world.append(NOW, 55.5555, "humidity", ROOM)
    world.append(NOW, 1.23456789, "unheard-of", ROOM)
    assert world.readings.last(KEY) == Reading("wm-1", "f-1", "temperature", NOW * 1_000, -18.25)
    for measure, value in (("humidity", 55.6), ("unheard-of", 1.23456789)):
        last = world.readings.last(SeriesKey("r-1", measure))
        assert last is not None and last.value == value
    coarse = Measure(name="temperature", unit="Cel", minimum=-60, maximum=50, resolution=0.5)
    world.registry.profiles["freezer"] = Profile(
        id="freezer", name="F", format="json", topic="{device}", measures=(coarse,)
    )
    world.append(NOW + 1, -18.2549)
    world.registry.revision += 1
    world.append(NOW + 2, -18.2549)
    assert [each.value for each in world.query(end=NOW + 9).document().items] == [-18.25, -18.25, -18.5]


def test_what_is_not_finite_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="finite"):
        world.append(NOW, math.nan)


def test_the_last_day_is_what_is_asked_for_unless_told_otherwise(world: World) -> None:
    for at in (NOW - DAY_S - 1, NOW - DAY_S + 1, NOW + 0.25, NOW + 1):
        world.append(at, -18)
    document = world.query().document()
    assert [each.at for each in document.items] == ["2026-10-31T12:00:01.000Z", "2026-11-01T12:00:00.250Z"]
    assert (document.device, document.measure, document.unit) == ("f-1", "temperature", "Cel")
    assert (document.start, document.end) == ("2026-10-31T12:00:01Z", "2026-11-01T12:00:01Z")
    assert (document.step_s, document.full_since) == (None, None)


def test_by_steps_each_has_its_smallest_mean_and_greatest(world: World) -> None:
    for number in range(6):
        world.append(NOW + number * 20, number / 3)
    found = world.query(start=NOW, end=NOW + 120, step_s=60)
    first, second = found.document().items
    assert (first.at, first.low, first.mean, first.high, first.count) == (
        "2026-11-01T12:00:00.000Z",
        0,
        0.333333,
        0.67,
        3,
    )
    assert second.count == 3
    assert "".join(found.csv()).splitlines()[:2] == [
        "at,low,mean,high,count",
        "2026-11-01T12:00:00.000Z,0.0,0.333333,0.67,3",
    ]
    assert "".join(world.query(start=NOW, end=NOW + 21).csv()) == (
        "at,value\r\n2026-11-01T12:00:00.000Z,0.0\r\n2026-11-01T12:00:20.000Z,0.33\r\n"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"start": NOW, "end": NOW}, "end"),
        ({"step_s": 0}, "step_s"),
        ({"step_s": 400 * DAY_S}, "step_s"),
        ({"device": ROOM}, "say which; r-1 measures temperature, humidity, door"),
    ],
)
def test_what_can_not_be_asked_is_refused(world: World, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        world.query(**asked)


def test_a_measure_that_the_device_never_had_is_not_found_but_a_former_one_is(world: World) -> None:
    with pytest.raises(NotFound, match="'battery'"):
        world.query(measure="battery")
    world.append(NOW, 3.1, "battery")
    document = world.query(measure="battery").document()
    assert (document.unit, len(document.items)) == (None, 1)


def test_too_much_is_refused_with_a_step_that_works(world: World) -> None:
    at_ms = (NOW - 80 * DAY_S) * 1_000 + 60_000 * np.arange(80 * 1_440)
    world.archive.backfill("wm-1", KEY, at_ms, np.round(np.sin(at_ms), 2))
    ever = {"start": 0, "end": NOW + 1}
    for asked in ({}, {"step_s": 10}):
        with pytest.raises(Invalid) as refused:
            world.query(**ever, **asked)
        assert refused.value.extra["step_s"] == 300 and refused.value.extra["points"] > POINTS_MAX
        assert "step_s=300 would work" in refused.value.detail
    assert len(world.query(**ever, step_s=300).document().items) == 80 * 288
    assert len(world.query(start=NOW - 60 * DAY_S, end=NOW).document().items) == 60 * 1_440
    assert world.query(start=0, end=NOW - 81 * DAY_S, step_s=1).document().items == []


def test_the_last_of_each_measure_is_shown_with_its_unit(world: World) -> None:
    assert asyncio.run(world.readings.last_of(ROOM)) == {}
    world.append(NOW, 4.5, "temperature", ROOM)
    world.append(NOW + 0.5, 1, "door", ROOM)
    last = asyncio.run(world.readings.last_of(ROOM))
    assert {name: (each.at, each.value, each.unit) for name, each in last.items()} == {
        "temperature": ("2026-11-01T12:00:00.000Z", 4.5, "Cel"),
        "door": ("2026-11-01T12:00:00.500Z", 1, "1"),
    }


def test_what_is_old_is_forgotten_and_its_sums_stay_longer(world: World) -> None:
    for days in (1_000, 100, 10):
        world.append(NOW - days * DAY_S, -18)
    asyncio.run(world.readings.upkeep.forget())
    document = world.query(start=0).document()
    assert [each.at for each in document.items] == ["2026-10-22T12:00:00.000Z"]
    assert document.full_since == "2026-08-03T00:00:00Z"
    hours = world.query(start=0, step_s=3_600).document()
    assert [each.at for each in hours.items] == ["2026-07-24T12:00:00.000Z", "2026-10-22T12:00:00.000Z"]


def test_it_is_looked_after_while_it_runs_and_a_fault_does_not_end_that(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def seal(*_: object) -> int:
        calls.append("seal")
        if len(calls) == 1:
            raise RecordsUnavailable("the disk is full")
        return 3 - len(calls) if len(calls) < 3 else 0

    monkeypatch.setattr(world.archive, "seal", seal)
    monkeypatch.setattr(world.archive, "forget", lambda before_ms: calls.append("forget"))
    monkeypatch.setattr("maillage.services.sensing.readings.upkeep.LOOK_S", 0.01)

    async def live() -> None:
        world.readings.start()
        world.readings.start()
        async with asyncio.timeout(10):
            while calls.count("seal") < 6:
                await asyncio.sleep(0.01)
        await world.readings.stop()
        await world.readings.stop()

    asyncio.run(live())
    assert "the disk is full" in caplog.text
    assert calls.count("forget") == 1, "once an hour"


@pytest.mark.parametrize("days", [(0, 10), (10, 5), (1, 40_000)])
def test_days_that_make_no_sense_are_refused(days: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="days"):
        Retention(*days)
