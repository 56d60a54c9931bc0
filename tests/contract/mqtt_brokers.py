"""Brokers that a store's devices may meet: ours, and a real Mosquitto with the files that we write for it."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from maillage.devices.admission import Admission
from maillage.devices.clients import HOUSE, DeviceClient
from maillage.engines.clocks import ManualClock
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.embedded.broker import EmbeddedBroker
from maillage.engines.mqtt.embedded.limits import Limits
from maillage.engines.mqtt.mosquitto import CONFIG, house_file, mosquitto_files
from maillage.kernel.errors import AlreadyExists
from tests.contract.mqtt_wire import Wire, connect

NOW = 1_793_534_400
START_S = 10.0
DEVICES = {
    "freezer-1": (("stores/100/freezer-1/#",), ("stores/100/freezer-1/set",)),
    "freezer-2": (("stores/100/freezer-2/#",), ("stores/100/freezer-2/set",)),
    "robot": (("uagv/v2/acme/r1/+",), ("uagv/v2/acme/r1/order", "uagv/v2/acme/r1/instantActions")),
    "panel": ((), ("stores/100/#",)),
}


class MemoryClientRecords:
    """``ClientRecords`` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, DeviceClient] = {}

    def clients(self) -> list[DeviceClient]:
        return [self.kept[name] for name in sorted(self.kept)]

    def add_client(self, client: DeviceClient) -> None:
        if client.id in self.kept:
            raise AlreadyExists(client.id)
        self.kept[client.id] = client

    def put_client(self, client: DeviceClient) -> bool:
        if client.id not in self.kept:
            return False
        self.kept[client.id] = client
        return True

    def drop_client(self, client_id: str) -> bool:
        return self.kept.pop(client_id, None) is not None


class World:
    """A broker with some devices. ``lacks`` is what its engine does not do."""

    lacks: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.admission = Admission(MemoryClientRecords(), ManualClock(NOW))
        self.passwords = {
            name: self.admission.add(name, "100", publish, receive)[1] for name, (publish, receive) in DEVICES.items()
        }
        self.port = 0
        self.wires: list[Wire] = []

    @property
    def house(self) -> BrokerAddress:
        """Our own line's way in."""
        user, password = self._house_login()
        return BrokerAddress(host="127.0.0.1", port=self.port, username=user, password=password)

    def _house_login(self) -> tuple[str, str]:
        return self.admission.house_login()

    async def wire(self, name: str, code: int = 0, **options) -> Wire:
        """Connected as a device; its client id is its name where nothing else is said."""
        user, password = options.pop("user", name), options.pop("password", self.passwords.get(name))
        wire = await Wire(self.port).open(connect(name, user, password, **options))
        self.wires.append(wire)
        assert (await wire.answer(2))[1] == code
        return wire

    async def house_wire(self, *filters: str, qos: int = 1) -> Wire:
        """With all rights, subscribed."""
        user, password = self._house_login()
        wire = await Wire(self.port).open(connect(user, user, password))
        self.wires.append(wire)
        assert (await wire.answer(2))[1] == 0
        if filters:
            assert await wire.subscribe(*filters, qos=qos) == bytes([qos]) * len(filters)
        return wire

    async def stop(self) -> None:
        for wire in self.wires:
            wire.break_off()


class EmbeddedWorld(World):
    lacks = frozenset({"v5"})

    async def start(self, limits: Limits = Limits()) -> None:  # noqa: B008
        self.broker = EmbeddedBroker(self.admission, port=self.port, limits=limits)
        await self.broker.start()
        self.port = self.broker.port

    async def stop(self) -> None:
        await super().stop()
        await self.broker.stop()


class MosquittoWorld(World):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.port = self.port or free_port()
        self.write()
        with (self.folder / "log").open("ab") as log:
            arguments = [mosquitto(), "-c", str(self.folder / CONFIG)]
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                text = (self.folder / "log").read_text("utf-8", "replace")
                assert self._process.poll() is None and time.monotonic() < deadline, f"mosquitto did not start: {text}"
                await asyncio.sleep(0.02)

    def write(self) -> None:
        mosquitto_files(self.admission.clients(), self.folder, port=self.port).write(self.folder)

    def reload(self) -> None:
        self.write()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(START_S)

    async def stop(self) -> None:
        await super().stop()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def _house_login(self) -> tuple[str, str]:
        return HOUSE, (self.folder / house_file(HOUSE)).read_text("utf-8")


def mosquitto() -> str:
    """The server's path, or the test is skipped."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def world_of(engine: str, folder: Path) -> AsyncIterator[EmbeddedWorld | MosquittoWorld]:
    """A broker of an engine that runs."""
    world = EmbeddedWorld() if engine == "embedded" else MosquittoWorld(folder)
    if isinstance(world, MosquittoWorld):
        mosquitto()
    try:
        await world.start()
        yield world
    finally:
        await world.stop()
