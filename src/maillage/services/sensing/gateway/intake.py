"""The intake: takes what comes over the line, makes readings of it, lets watchers see them, and has them stored."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from maillage.devices.line import DeviceLine, Message, Unreachable
from maillage.services.sensing.gateway.counts import Counts, DeviceCounts, Stranger, Tally
from maillage.services.sensing.gateway.newest import Newest
from maillage.services.sensing.gateway.routes import Route, Routes
from maillage.services.sensing.gateway.writer import WAITING_MAX, Writer
from maillage.services.sensing.model import Device, Fault, Reading, SeriesKey
from maillage.services.sensing.payloads.json_paths import decode_json
from maillage.services.sensing.payloads.plain import decode_plain
from maillage.services.sensing.payloads.samples import Decoded, Sample, reading_of
from maillage.services.sensing.payloads.sparkplug.nodes import NAMESPACE, EdgeNodes, source_of
from maillage.services.sensing.ports import ReadingStore, Registry, Watcher

_log = logging.getLogger(__name__)
TICK_S = 1.0
LOOKS_A_TICK = 5
"""So often the registry is looked at in between: a device is heard a fifth of a second after it was entered."""
SHARE_OF_TIME = 20
"""The routes are made anew when the registry changed, but for no more than one part in so many of the time: while many
devices are being registered one after the other, each change would make them anew."""


class IntakeSettings(NamedTuple):
    """``ahead_s`` is how far a device's clock may be before ours; ``retention_s`` how far back a reading may lie;
    ``waiting_max`` how many readings may wait for the store."""

    ahead_s: int = 60
    retention_s: int = 400 * 86_400
    waiting_max: int = WAITING_MAX


class Intake:
    """Stop the line first: it then gives what has come, and ``stop`` stores it."""

    def __init__(
        self,
        line: DeviceLine,
        registry: Registry,
        watchers: Sequence[Watcher],
        store: ReadingStore,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        settings: IntakeSettings = IntakeSettings(),  # noqa: B008  it can't be changed
    ) -> None:
        self._line, self._registry, self._watchers, self._store = line, registry, list(watchers), store
        self._clock_ms, self._settings = clock_ms, settings
        self._tally = Tally()
        self._newest = Newest()
        self._nodes = EdgeNodes()
        self._writer = Writer(store, self._tally.all, settings.waiting_max)
        self._routes = Routes(registry)
        self._made_at = self._made_in = 0.0
        self._ends: dict[str, Callable[[], None]] = {}
        self._ticking: asyncio.Task[None] | None = None

    # -- for whoever looks ---------------------------------------------------------------------------------------

    @property
    def counts(self) -> Counts:
        """Of all devices together."""
        return self._tally.all

    def device(self, device_id: str) -> DeviceCounts:
        """Of one device; all zero for one that was never heard."""
        return self._tally.device(device_id) if device_id in self._routes.by_device else DeviceCounts()

    def strangers(self) -> list[Stranger]:
        """Topics on which somebody speaks whom the registry does not know, the last heard first."""
        return self._tally.strangers()

    # -- its life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn from the store how far each series goes, then listen."""
        ends = await asyncio.to_thread(self._read_ends)
        for key, at_ms in ends:
            self._newest.prime(key, at_ms)
        self._writer.start()
        self._listen()
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def stop(self) -> None:
        """Listen no more, and store what was taken."""
        if self._ticking is None:
            return
        self._ticking.cancel()
        await asyncio.wait([self._ticking])
        self._ticking = None
        for end in self._ends.values():
            end()
        self._ends.clear()
        await self._writer.stop()

    def _read_ends(self) -> list[tuple[SeriesKey, int]]:
        found = []
        for route in list(self._routes.by_device.values()):
            for measure in route.profile.measures:
                key = SeriesKey(route.device.id, measure.name)
                if (last := self._store.last(key)) is not None:
                    found.append((key, last.at_ms))
        return found

    async def _tick(self) -> None:
        while True:
            for _ in range(LOOKS_A_TICK):
                await asyncio.sleep(TICK_S / LOOKS_A_TICK)
                self._renew()
            now_ms = self._clock_ms()
            for watcher in self._watchers:
                self._tell(watcher.tick, now_ms)

    def _renew(self) -> None:
        """Make the routes anew where the registry changed."""
        now = time.monotonic()
        if self._registry.revision == self._routes.revision or now - self._made_at < self._made_in * SHARE_OF_TIME:
            return
        self._routes = Routes(self._registry)
        known = set(self._routes.by_device)
        self._newest.keep_only(known)
        self._tally.keep_only(known)
        self._nodes.keep_only(self._routes.nodes)
        self._made_at = time.monotonic()
        self._made_in = self._made_at - now
        if self._ticking is not None:
            self._listen()

    def _listen(self) -> None:
        wanted = self._routes.filters
        for one in wanted:
            if one not in self._ends:
                self._ends[one] = self._line.subscribe(one, self._take)
        for one in [one for one in self._ends if one not in wanted]:
            self._ends.pop(one)()

    # -- the way of a reading ------------------------------------------------------------------------------------

    async def _take(self, messages: Sequence[Message]) -> None:
        self._renew()
        readings: list[Reading] = []
        asks: list[tuple[str, bytes]] = []
        for message in messages:
            if message.topic.startswith(NAMESPACE):
                self._hear(message, readings, asks)
            else:
                self._read(message, readings)
        self._tally.all.messages += len(messages)
        if readings:
            for watcher in self._watchers:
                self._tell(watcher.observe, readings)
            await self._writer.put(readings)
        for topic, payload in asks:
            await self._ask(topic, payload)

    def _read(self, message: Message, readings: list[Reading]) -> None:
        """A message on a device's own topic."""
        route = self._routes.by_topic.get(message.topic)
        if route is None:
            self._not_known(message)
        elif message.retained and route.profile.time_path is None:
            self._tally.all.retained += 1
        elif route.profile.format == "plain":
            self._enter(route, decode_plain(message.payload, route.measures[0]), message.at_ms, readings)
        else:
            decoded = decode_json(message.payload, route.measures, route.profile.time_path)
            self._enter(route, decoded, message.at_ms, readings)

    def _hear(self, message: Message, readings: list[Reading], asks: list[tuple[str, bytes]]) -> None:
        """A message of Sparkplug's: a node's may tell of what is behind it."""
        found = source_of(message.topic)
        if found is None or found[1].endswith("CMD"):
            return
        source, kind = found
        route = self._routes.by_source.get(source)
        if route is None and source.device is not None:
            self._not_known(message)
        if (source.group, source.node) not in self._routes.nodes:
            return
        heard = self._nodes.take(source, kind, message.payload, message.at_ms)
        if heard.ask is not None:
            asks.append(heard.ask)
        if route is None:
            return
        measures = {measure.path or measure.name: measure for measure in route.measures}
        decoded = Decoded([], list(heard.faults))
        for spoken in heard.spoken:
            measure = measures.get(spoken.name)
            if measure is None:
                continue
            if isinstance(spoken.raw, Fault):
                decoded.faults.append(spoken.raw)
            else:
                decoded.samples.append(Sample(measure, spoken.raw, spoken.at_ms, spoken.historical))
        self._enter(route, decoded, message.at_ms, readings)

    def _enter(self, route: Route, decoded: Decoded, arrived_ms: int, readings: list[Reading]) -> None:
        """Check what was decoded, and make readings of what stands."""
        device, counts = route.device, self._tally.device(route.device.id)
        counts.heard_ms = arrived_ms
        for fault in decoded.faults:
            self._refuse(device, fault, arrived_ms)
        for sample in decoded.samples:
            reading = self._reading(device, sample, arrived_ms)
            if isinstance(reading, Fault):
                self._refuse(device, reading, arrived_ms)
                continue
            readings.append(reading)
            counts.taken_ms = arrived_ms
            counts.readings += 1
            counts.late += reading.late
            self._tally.all.readings += 1
            self._tally.all.late += reading.late

    def _reading(self, device: Device, sample: Sample, arrived_ms: int) -> Reading | Fault:
        value = reading_of(sample)
        if isinstance(value, Fault):
            return value
        key = SeriesKey(device.id, sample.measure.name)
        at_ms = sample.at_ms
        if at_ms is None:
            return Reading(device.site, *key, self._newest.arrive(key, arrived_ms), value)
        if at_ms > arrived_ms + self._settings.ahead_s * 1000:
            return Fault.FROM_THE_FUTURE
        if at_ms < arrived_ms - self._settings.retention_s * 1000:
            return Fault.TOO_OLD
        late = self._newest.take(key, at_ms)
        if late is None:
            return Fault.DUPLICATE
        return Reading(device.site, *key, at_ms, value, late or sample.historical)

    def _refuse(self, device: Device, fault: Fault, at_ms: int) -> None:
        self._tally.fault(device.id, fault, at_ms)
        for watcher in self._watchers:
            self._tell(watcher.refused, device, fault, at_ms)

    def _not_known(self, message: Message) -> None:
        """Nobody's topic; a known device's name on it means that somebody mistook or forged it."""
        named = self._routes.named_on(message.topic)
        if named is None:
            self._tally.fault(None, Fault.UNKNOWN_DEVICE, message.at_ms)
            self._tally.stranger(message.topic, message.at_ms)
        else:
            self._refuse(named.device, Fault.NOT_ITS_TOPIC, message.at_ms)

    def _tell(self, what: Callable[..., None], *about: object) -> None:
        """A watcher that fails harms neither the other watchers nor what it watches."""
        try:
            what(*about)
        except Exception:
            self._tally.all.watchers_failed += 1
            _log.exception("a watcher failed")

    async def _ask(self, topic: str, payload: bytes) -> None:
        try:
            await self._line.publish(topic, payload)
        except Unreachable:
            _log.debug("%s was not asked", topic)  # it is again, if its next message gives cause
