"""A gateway with everything around it in memory."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from maillage.devices.line import Message, Take, Unreachable
from maillage.devices.topics import matches
from maillage.services.sensing.gateway.intake import Intake, IntakeSettings
from maillage.services.sensing.model import Device, Fault, Measure, Profile, Reading, SeriesKey

NOW_MS = 1_793_534_400_000


def measure(name: str = "air", path: str | None = None, **more) -> Measure:
    return Measure(name=name, unit="Cel", role="temperature", path=path, minimum=-60, maximum=60, **more)


PLAIN = Profile(id="plain", name="p", format="plain", topic="stores/{site}/{device}/t", measures=(measure(),))
TIMED = Profile(
    id="timed",
    name="j",
    format="json",
    topic="json/{site}/{device}",
    measures=(measure(path="t"), measure("probe", "p")),
    time_path="at",
)
APART = Profile(
    id="apart",
    name="a",
    format="plain",
    topic="apart/{device}/{measure}",
    measures=(measure(), measure("door")),
)
SPARKPLUG = Profile(
    id="sparkplug",
    name="s",
    format="sparkplug_b",
    topic="spBv1.0/{site}/DDATA/gateway/{device}",
    measures=(measure(path="Air"),),
)


class MemoryRegistry:
    """``Registry``."""

    def __init__(self, *profiles: Profile) -> None:
        self.profiles = {profile.id: profile for profile in profiles}
        self.known: dict[str, Device] = {}
        self.revision = 0

    def add(self, name: str, profile: str, site: str = "100") -> Device:
        device = Device(id=name, site=site, profile=profile, name=name, unit=name, created_at=0)
        self.known[name] = device
        self.revision += 1
        return device

    def retire(self, name: str) -> None:
        self.known[name] = msgspec.structs.replace(self.known[name], retired_at=1)
        self.revision += 1

    def device(self, device_id: str) -> Device | None:
        return self.known.get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return self.profiles.get(profile_id)

    def devices(self) -> Mapping[str, Device]:
        return {name: device for name, device in self.known.items() if device.retired_at is None}


class HandLine:
    """``DeviceLine`` over which a test hands what it likes."""

    def __init__(self) -> None:
        self.takes: list[tuple[str, Take]] = []
        self.published: list[tuple[str, bytes]] = []
        self.connected = True

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:
        entry = (topic_filter, take)
        self.takes.append(entry)
        return lambda: self.takes.remove(entry)

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        if not self.connected:
            raise Unreachable
        self.published.append((topic, payload))

    async def hand(self, topic: str, payload: bytes, at_ms: int = NOW_MS, retained: bool = False) -> None:
        for topic_filter, take in list(self.takes):
            if matches(topic_filter, topic):
                await take([Message(topic, payload, at_ms, retained)])
                return


class ListStore:
    """``ReadingStore`` that keeps a list; ``fault`` is what an append raises."""

    def __init__(self) -> None:
        self.kept: list[Reading] = []
        self.batches: list[int] = []
        self.fault: Callable[[Sequence[Reading]], Exception | None] = lambda _: None

    def append(self, readings: Sequence[Reading]) -> None:
        if (fault := self.fault(readings)) is not None:
            raise fault
        self.kept.extend(readings)
        self.batches.append(len(readings))

    def last(self, key: SeriesKey) -> Reading | None:
        found = [one for one in self.kept if (one.device, one.measure) == key]
        return max(found, key=lambda one: one.at_ms, default=None)

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None):
        raise NotImplementedError

    def forget(self, before_ms: int) -> None: ...

    def close(self) -> None: ...


class ListWatcher:
    """``Watcher`` that notes what it was told."""

    def __init__(self) -> None:
        self.seen: list[Reading] = []
        self.refusals: list[tuple[str, Fault]] = []
        self.ticks: list[int] = []
        self.broken = False

    def observe(self, readings: Sequence[Reading]) -> None:
        if self.broken:
            raise RuntimeError("broken")
        self.seen.extend(readings)

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        self.refusals.append((device.id, fault))

    def tick(self, now_ms: int) -> None:
        self.ticks.append(now_ms)


class Gateway:
    """An intake and all around it."""

    def __init__(self, *profiles: Profile, settings: IntakeSettings = IntakeSettings()) -> None:  # noqa: B008
        self.registry = MemoryRegistry(*(profiles or (PLAIN, TIMED, APART, SPARKPLUG)))
        self.line, self.store, self.watcher = HandLine(), ListStore(), ListWatcher()
        self.settings = settings

    async def __aenter__(self) -> "Gateway":
        self.intake = Intake(self.line, self.registry, [self.watcher], self.store, lambda: NOW_MS, self.settings)
        await self.intake.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.intake.stop()
