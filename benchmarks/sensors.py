"""Sensors of many stores, a broker for them, and both ways to hear them: a bare subscriber, and the whole gateway."""

import asyncio
import json
import multiprocessing
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import aiomqtt
import uvloop

from benchmarks.postgres import Unavailable
from maillage.devices.admission import Admission
from maillage.devices.clients import HOUSE, DeviceClient
from maillage.devices.passwords import hash_of
from maillage.engines.clocks import SystemClock
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.embedded.apart import BrokerThread
from maillage.engines.mqtt.embedded.broker import EmbeddedBroker
from maillage.engines.mqtt.embedded.limits import Limits
from maillage.engines.mqtt.line import MqttLine
from maillage.engines.mqtt.mosquitto import house_file, mosquitto_files
from maillage.services.sensing.gateway.intake import Intake
from maillage.services.sensing.model import Device, Fault, Measure, Profile, Reading
from maillage.services.sensing.ports import ReadingStore

SENDER, PASSWORD = "sensors", "of this benchmark only"
TOPIC = "stores/{site}/{device}"
WINDOW = 500
"""Messages at QoS 1 that are on their way at most: a sender does not run ahead of the broker without a bound."""
PROFILE = Profile(
    id="freezer",
    name="a freezer's sensor",
    format="json",
    topic=TOPIC,
    measures=(Measure(name="sent", unit="s", path="s", minimum=0, maximum=1e9, resolution=1e-6),),
)


class Sensors:
    """``Registry`` of so many sensors in each of so many stores; ``first`` is a reading of each, long ago."""

    def __init__(self, stores: int, each: int) -> None:
        self.revision = 1
        self._devices = {
            f"d{store}-{number}": Device(
                id=f"d{store}-{number}", site=f"s{store}", profile="freezer", name="x", unit="x", created_at=0
            )
            for store in range(stores)
            for number in range(each)
        }
        self.first = [Reading(one.site, one.id, "sent", 0, 0.0) for one in self._devices.values()]
        self.topics = [TOPIC.format(site=one.site, device=one.id) for one in self._devices.values()]

    def device(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return PROFILE if profile_id == PROFILE.id else None

    def devices(self) -> Mapping[str, Device]:
        return self._devices


class Guard:
    """``Watcher`` that compares every value with a limit, as a rule does, and notes how long it was on its way."""

    def __init__(self) -> None:
        self.seen = self.over = 0
        self.waits_s: list[float] = []

    def observe(self, readings: Sequence[Reading]) -> None:
        now = time.time() - EPOCH
        for reading in readings:
            self.seen += 1
            self.over += reading.value > 1e8 and not reading.late
            self.waits_s.append(now - reading.value)

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        raise RuntimeError(f"{device.id}: {fault}")

    def tick(self, now_ms: int) -> None: ...


EPOCH = 1_790_000_000.0
"""The times in messages are seconds since then, so that a microsecond is seen in a float."""


class Records:
    """``ClientRecords`` with the one client that speaks for all sensors."""

    def clients(self) -> list[DeviceClient]:
        return [
            DeviceClient(
                id=SENDER, site="s0", publish=("stores/#",), subscribe=(), password=hash_of(PASSWORD), made_at=0
            )
        ]

    def add_client(self, client: DeviceClient) -> None: ...

    def put_client(self, client: DeviceClient) -> bool:
        return False

    def drop_client(self, client_id: str) -> bool:
        return False


class Embedded:
    """Our own broker, in a thread of the process that listens, as a store has it."""

    name = "embedded"

    async def start(self) -> BrokerAddress:
        admission = Admission(Records(), SystemClock())
        broker = EmbeddedBroker(admission, port=0, limits=Limits(messages_per_s=1e9, burst=1 << 30))
        self._broker = BrokerThread(broker, uvloop.new_event_loop)
        await self._broker.start()
        user, password = admission.house_login()
        return BrokerAddress(host="127.0.0.1", port=self._broker.port, username=user, password=password)

    async def stop(self) -> None:
        await self._broker.stop()


class Mosquitto:
    """A Mosquitto of its own, with the files that we write for it."""

    name = "mosquitto"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "mosquitto"
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if found is None:
            raise Unavailable("mosquitto is not installed (apt-get install mosquitto)")
        self._program = found

    async def start(self) -> BrokerAddress:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = mosquitto_files(Records().clients(), self._folder, port=port).write(self._folder)
        self._process = subprocess.Popen([self._program, "-c", str(config)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.02)
        password = (self._folder / house_file(HOUSE)).read_text("utf-8")
        return BrokerAddress(host="127.0.0.1", port=port, username=HOUSE, password=password)

    async def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Pump:
    """A process that publishes for all sensors: as fast as it may, or so many a second."""

    def __init__(self, topics: list[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_pump, args=(theirs, topics), daemon=True)
        self._process.start()

    def go(self, port: int, count: int, per_s: float | None = None) -> None:
        self._line.send((port, count, per_s))

    async def done(self) -> None:
        await asyncio.to_thread(self._line.recv)

    def close(self) -> None:
        self._line.send(None)
        self._process.join(10)


def _pump(line: Connection, topics: list[str]) -> None:
    while (order := line.recv()) is not None:
        port, count, per_s = order
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b"\0\4MQTT\4\xc2\0\0" + _text("pump") + _text(SENDER) + _text(PASSWORD)
            wire.sendall(_packet(0x10, head))
            if wire.recv(4)[3:] != b"\0":
                raise RuntimeError("the broker does not let the pump in")
            _publish(wire, topics, count, per_s)
            wire.sendall(b"\xe0\0")
        line.send(None)


def _publish(wire: socket.socket, topics: list[str], count: int, per_s: float | None) -> None:
    """Sends at QoS 1 and reads what is acknowledged, four bytes each."""
    acknowledged, began, waiting = 0, time.perf_counter(), bytearray()
    for number in range(count):
        if per_s is not None and (early := began + number / per_s - time.perf_counter()) > 0:
            time.sleep(early)
        body = b'{"t":-18.%d,"s":%.6f}' % (number % 10, time.time() - EPOCH)
        waiting += _packet(0x32, _text(topics[number % len(topics)]) + struct.pack("!H", number % 65_535 + 1) + body)
        if per_s is not None or len(waiting) > 16_384:
            wire.sendall(waiting)
            waiting.clear()
        while per_s is None and number - acknowledged // 4 > WINDOW:
            wire.sendall(waiting)
            waiting.clear()
            acknowledged += len(wire.recv(65_536))
    wire.sendall(waiting)
    while acknowledged < 4 * count:
        acknowledged += len(wire.recv(65_536))


def _text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


def _packet(first: int, body: bytes) -> bytes:
    length = len(body)
    return bytes([first, *((length,) if length < 128 else (length & 127 | 128, length >> 7))]) + body


async def hear_bare(broker: Embedded | Mosquitto, pump: Pump, count: int) -> float:
    """Messages a second that a plain aiomqtt subscriber counts, doing nothing with them."""
    address = await broker.start()
    try:
        login = {"username": address.username, "password": address.password}
        async with aiomqtt.Client(address.host, address.port, **login) as client:
            await client.subscribe("stores/#", 1)
            pump.go(address.port, count)
            began, heard = time.perf_counter(), 0
            async for _ in client.messages:
                heard += 1
                if heard == count:
                    break
            took = time.perf_counter() - began
            await pump.done()
    finally:
        await broker.stop()
    return count / took


class Heard:
    """What a run through the gateway gave."""

    def __init__(self, per_s: float, waits_s: list[float]) -> None:
        self.per_s, self.waits_s = per_s, sorted(waits_s)

    def percentile_ms(self, share: float) -> float:
        return self.waits_s[min(len(self.waits_s) - 1, int(share * len(self.waits_s)))] * 1000


async def hear_all(
    broker: Embedded | Mosquitto, pump: Pump, sensors: Sensors, store: ReadingStore, count: int, per_s: float | None
) -> Heard:
    """Messages a second that went all the way: decoded, checked, seen by a watcher, durable in the store."""
    address = await broker.start()
    line, guard = MqttLine(address), Guard()
    intake = Intake(line, sensors, [guard], store)
    try:
        await intake.start()
        await line.start()
        while not line.connected:
            await asyncio.sleep(0.01)
        pump.go(address.port, count, per_s)
        began = time.perf_counter()
        while intake.counts.stored < count:
            await asyncio.sleep(0.002)
        took = time.perf_counter() - began
        await pump.done()
    finally:
        await line.stop()
        await intake.stop()
        await broker.stop()
    counts = intake.counts
    if guard.seen != count or counts.readings != count or counts.faults:
        raise RuntimeError(f"{count} messages were sent; the gateway says {json.dumps(str(counts))}")
    return Heard(count / took, guard.waits_s)
