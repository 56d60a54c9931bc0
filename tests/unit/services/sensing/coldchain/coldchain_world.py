"""A store with a freezer, a chiller and a scale of time: what the tests of the cold chain act on."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from maillage.engines.clocks import ManualClock
from maillage.engines.records.coldchain import SqlColdChainRecords
from maillage.engines.records.database import Database
from maillage.engines.records.opening import open_database
from maillage.kernel.errors import JournalUnavailable
from maillage.kernel.notices import note_problem
from maillage.kernel.sites import Site
from maillage.services.sensing.coldchain.alarms.guard import Guard
from maillage.services.sensing.coldchain.alarms.signals import Raised, Recovered, Signal
from maillage.services.sensing.coldchain.desk import ColdChain
from maillage.services.sensing.coldchain.model import Alarm
from maillage.services.sensing.coldchain.ports import Changes, Channel
from maillage.services.sensing.model import Context, Device, Fault, Measure, Profile, Reading, Rule

T = TypeVar("T")
SITE = "wm-1"
NOW = 1_793_534_400  # 2026-11-01T12:00:00Z, a Sunday, 06:00 in Chicago
MINUTE = 60
TEMPERATURE = Measure(name="air", unit="Cel", role="temperature", minimum=-60, maximum=60, resolution=0.1)
WARM = Rule(id="warm", measure="air", side="above", limit=-15, dwell_s=45 * MINUTE, severity="warning", dead_band=1)
HOT = Rule(id="hot", measure="air", side="above", limit=-12, dwell_s=15 * MINUTE, severity="critical", dead_band=1)
THAWING = Rule(id="thawing", measure="air", side="above", limit=-9, dwell_s=0, severity="critical", dead_band=1)
FREEZER = Profile(
    id="freezer",
    name="Freezer probe",
    format="json",
    topic="{site}/{device}",
    measures=(TEMPERATURE,),
    rules=(WARM, HOT, THAWING),
    context=Context(exposure_limit=-12.0),
)
DOOR = Profile(
    id="door",
    name="Door contact",
    format="plain",
    topic="{site}/{device}",
    measures=(Measure(name="open", unit="1", role="door", minimum=0, maximum=1),),
    interval_s=86_400,
)
CONTROLLER = Profile(
    id="controller",
    name="Case controller",
    format="json",
    topic="{site}/{device}",
    measures=(
        Measure(name="defrost", unit="1", role="defrost", minimum=0, maximum=1),
        Measure(name="battery", unit="%", role="battery", minimum=0, maximum=100),
    ),
    interval_s=86_400,
)


def device(name: str, profile: str, unit: str = "freezer-1", site: str = SITE) -> Device:
    return Device(id=name, site=site, profile=profile, name=name, unit=unit, created_at=NOW)


PROBE, CONTACT, CASE = device("probe-1", "freezer"), device("contact-1", "door"), device("case-1", "controller")


class Devices:
    """A registry in memory that can be changed."""

    def __init__(self, devices: Iterable[Device] = (PROBE, CONTACT, CASE), profiles: Iterable[Profile] = ()) -> None:
        self.revision = 1
        self._profiles = {profile.id: profile for profile in (FREEZER, DOOR, CONTROLLER, *profiles)}
        self._devices = {each.id: each for each in devices}

    def device(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return self._profiles.get(profile_id)

    def devices(self) -> Mapping[str, Device]:
        return self._devices

    def put(self, *devices: Device) -> None:
        self._devices = {**self._devices, **{each.id: each for each in devices}}
        self.revision += 1

    def retire(self, device_id: str) -> None:
        self._devices = {name: each for name, each in self._devices.items() if name != device_id}
        self.revision += 1

    def put_profile(self, profile: Profile) -> None:
        self._profiles = {**self._profiles, profile.id: profile}
        self.revision += 1


class Watching:
    """A guard by itself, and time that passes: each step is a reading a minute, and ticks in between."""

    def __init__(self, devices: Devices | None = None, start: int = NOW) -> None:
        self.devices = devices or Devices()
        self.at = start
        self.woken = 0
        self.found: list[Signal] = []
        self.remembered: dict[str, bytes] = {}
        self.guard = self._guard({}, ())

    @property
    def raised(self) -> list[str]:
        """The keys of what was raised, in order."""
        return [signal.key for signal in self.found if isinstance(signal, Raised)]

    @property
    def recovered(self) -> list[str]:
        return [signal.key for signal in self.found if isinstance(signal, Recovered)]

    def last_raised(self) -> Raised:
        return [signal for signal in self.found if isinstance(signal, Raised)][-1]

    def last_recovered(self) -> Recovered:
        return [signal for signal in self.found if isinstance(signal, Recovered)][-1]

    def say(self, device_id: str, measure: str, value: float, at: int | None = None, late: bool = False) -> None:
        """One reading, now unless told otherwise."""
        site = self.devices.devices()[device_id].site
        self.guard.observe([Reading(site, device_id, measure, 1_000 * (self.at if at is None else at), value, late)])
        self._take()

    def air(self, value: float, minutes: int = 0, probe: str = "probe-1") -> None:
        """The probe says the same now, and every minute after."""
        self.say(probe, "air", value)
        for nth in range(minutes):
            self.wait(1)
            self.say(probe, "air", value + (0.01 if nth % 2 else 0.0))

    def wait(self, minutes: float) -> None:
        """Time passes, and nobody says anything."""
        until = self.at + round(MINUTE * minutes)
        while self.at < until:
            self.at = min(self.at + 10, until)
            self.guard.tick(1_000 * self.at)
        self._take()

    def door(self, is_open: bool) -> None:
        self.say("contact-1", "open", float(is_open))

    def defrost(self, is_on: bool) -> None:
        self.say("case-1", "defrost", float(is_on))

    def refuse(self, times: int, fault: Fault = Fault.OUT_OF_BOUNDS) -> None:
        for _ in range(times):
            self.guard.refused(PROBE, fault, 1_000 * self.at)
        self._take()

    def restart(self, down_minutes: int = 0, alarms: Iterable[Alarm] = ()) -> None:
        """As after a crash: what was remembered is all there is."""
        self._take()
        self.at += MINUTE * down_minutes
        self.guard = self._guard(self.remembered, alarms)
        self._take()

    def _guard(self, states: Mapping[str, bytes], alarms: Iterable[Alarm]) -> Guard:
        guard = Guard(self.devices, self._wake)
        guard.start(1_000 * self.at, states, alarms)
        return guard

    def _wake(self) -> None:
        self.woken += 1

    def _take(self) -> None:
        self.found += self.guard.take_signals()
        for one in self.guard.take_changes():
            if one.body is None:
                del self.remembered[one.name]
            else:
                self.remembered[one.name] = one.body


class Told:
    """``Notices`` that keeps what it is told, as strict as the journal's."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str, dict[str, Any]]] = []
        self.broken = False

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        if self.broken:
            raise JournalUnavailable("the disk is full")
        assert not note_problem(topic, about, data)
        self.notes.append((site, topic, about, data))

    @property
    def topics(self) -> list[str]:
        return [topic for _, topic, _, _ in self.notes]


class FlakyRecords(SqlColdChainRecords):
    """Records whose disk may be full, or slow."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.fault: Exception | None = None

    def commit(self, changes: Changes) -> None:
        if self.fault is not None:
            raise self.fault
        super().commit(changes)


class Desk:
    """A desk over real records in a file, its clock set by hand. ``tz`` is of the store."""

    def __init__(
        self,
        folder: Path,
        channels: Mapping[str, Channel] | None = None,
        tz: str = "America/Chicago",
        devices: Devices | None = None,
        **more: Any,
    ) -> None:
        self.runner = asyncio.Runner()
        self.devices = devices or Devices()
        self.clock = ManualClock(NOW)
        self.notices = Told()
        self.site = Site(SITE, "Store 1", 36.37, -94.21, tz)
        self.database = open_database("", folder)
        self.records = FlakyRecords(self.database)
        self.channels = dict(channels or {})
        self.more = more
        self.desk = self._opened()

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.desk.stop())
        self.database.close()
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def restart(self) -> None:
        """In order: what is known is kept."""
        self.run(self.desk.stop())
        self.desk = self._opened()

    def air(self, value: float, minutes: int = 0) -> None:
        """The freezer's probe says the same now, and every minute after."""
        self._say(value)
        for nth in range(minutes):
            self.wait(MINUTE)
            self._say(value + (0.01 if nth % 2 else 0.0))
        self.settle()

    def wait(self, seconds: int) -> None:
        """Time passes in steps of ten seconds, each with a tick and a step of the desk."""
        until = self.clock.now() + seconds
        while self.clock.now() < until:
            self.clock.set(min(self.clock.now() + 10, until))
            self.desk.tick(1_000 * self.clock.now())
            self.run(self._step())

    def settle(self) -> None:
        self.run(self.desk.settle())

    def only(self) -> Alarm:
        """The one alarm that is open."""
        (alarm,) = self.desk.open_alarms()
        return alarm

    def _say(self, value: float) -> None:
        self.desk.observe([Reading(SITE, "probe-1", "air", 1_000 * self.clock.now(), value)])

    async def _step(self) -> None:
        self.desk.step()

    def _opened(self) -> ColdChain:
        async def opened() -> ColdChain:
            desk = ColdChain(
                self.devices,
                self.records,
                self.notices,
                self.clock,
                {SITE: self.site}.get,
                channels=self.channels,
                **self.more,
            )
            await desk.start()
            return desk

        return self.run(opened())


def changed(what: T, **fields: Any) -> T:
    """A profile or a rule, otherwise."""
    return msgspec.structs.replace(what, **fields)  # type: ignore[type-var]
