"""What speaks MQTT at the stores of a process: who may connect, the broker it runs or knows, and our line to it."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from maillage.devices.admission import Admission
from maillage.devices.broker import DeviceBroker
from maillage.devices.line import DeviceLine
from maillage.engines.mqtt.address import BrokerAddress, broker_address
from maillage.engines.records.database import Database
from maillage.engines.records.devices import SqlClientRecords
from maillage.kernel.errors import Invalid, NotReady
from maillage.kernel.ports import Clock

log = logging.getLogger(__name__)


class Mqtt(msgspec.Struct, frozen=True):
    """Which broker: another's at ``url``, else our own on ``host`` and ``port`` (0 takes a free one)."""

    url: str | None = None
    host: str = "127.0.0.1"
    port: int = 1883


class Devices:
    """Opened at once; with ``mqtt`` there is a line, and ``start`` connects it."""

    def __init__(self, database: Database, clock: Clock, mqtt: Mqtt | None, clock_ms: Callable[[], int]) -> None:
        self.admission = Admission(SqlClientRecords(database), clock)
        self.broker: DeviceBroker | None = None
        self.line: DeviceLine | None = None
        self._mqtt = mqtt
        self._clock_ms = clock_ms
        self._address = None if mqtt is None or mqtt.url is None else broker_address(mqtt.url)

    @property
    def name(self) -> str | None:
        """The broker's address, once there is one."""
        return None if self._address is None else self._address.name

    async def start(self) -> None:
        """Have the broker run, if it is ours. Invalid where its address can't be had."""
        if self._mqtt is None:
            return
        from maillage.engines.mqtt.line import MqttLine

        if self._address is None:
            self._address = await self._start_broker(self._mqtt)
        self.line = MqttLine(self._address, clock_ms=self._clock_ms)

    async def connect(self) -> None:
        """Once all who take messages have said which."""
        if self.line is not None:
            await self.line.start()

    async def stop(self) -> None:
        if self.line is not None:
            await self.line.stop()
        if self.broker is not None:
            await self.broker.stop()

    async def require_line(self) -> None:
        """NotReady where nothing is heard from the broker."""
        if self.line is None or not self.line.connected:
            raise NotReady(f"no connection to {self.name or 'the broker'}")

    async def _start_broker(self, mqtt: Mqtt) -> BrokerAddress:
        from maillage.engines.mqtt.embedded.apart import BrokerThread
        from maillage.engines.mqtt.embedded.broker import EmbeddedBroker

        self.broker = BrokerThread(EmbeddedBroker(self.admission, mqtt.host, mqtt.port), _new_loop)
        try:
            await self.broker.start()
        except OSError as fault:
            raise Invalid("--mqtt-port", f"{mqtt.host}:{mqtt.port}: {fault.strerror or fault}") from None
        username, password = self.admission.house_login()
        return BrokerAddress(host=mqtt.host, port=self.broker.port, username=username, password=password)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # absent on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
