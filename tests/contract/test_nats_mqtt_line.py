"""Our line to a nats-server that speaks MQTT: what a store needs of it. Our own broker and Mosquitto are asked more."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from maillage.devices.line import Message
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.line import MqttLine
from tests.contract.nats_server import NatsServer, free_port
from tests.contract.waiting import until

T = "stores/100/freezer-1/t"


class NatsWithMqtt(NatsServer):
    """User names and passwords are those of NATS."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mqtt_port = free_port()
        self.config = (
            f'server_name: store\n{self.config}mqtt {{ listen: "127.0.0.1:{self._mqtt_port}" }}\n'
            "authorization { users: [ { user: maillage, password: pw } ] }\n"
        )

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress(host="127.0.0.1", port=self._mqtt_port, username="maillage", password="pw")


@asynccontextmanager
async def lines(server: NatsWithMqtt) -> AsyncIterator[tuple[MqttLine, MqttLine]]:
    """Ours, and one that stands for a device."""
    ours, device = MqttLine(server.address), MqttLine(server.address, name="device")
    try:
        yield ours, device
    finally:
        await device.stop()
        await ours.stop()
        server.kill()


def test_a_line_hears_through_nats_and_comes_back_to_it(tmp_path: Path) -> None:
    taken: list[Message] = []

    async def take(messages: Sequence[Message]) -> None:
        taken.extend(messages)

    async def story() -> None:
        server = NatsWithMqtt(tmp_path)
        server.start()
        async with lines(server) as (ours, device):
            ours.subscribe("stores/+/+/t", take)
            await ours.start()
            await device.start()
            await until(lambda: ours.connected and device.connected)
            for number in range(100):
                await device.publish(T, str(number).encode(), qos=number % 2)
            await until(lambda: len(taken) == 100)
            assert sorted(int(message.payload) for message in taken) == list(range(100))
            server.kill()
            await until(lambda: not ours.connected and not device.connected)
            server.start()
            await until(lambda: ours.connected and device.connected)
            await device.publish(T, b"again", qos=1)
            await until(lambda: taken[-1].payload == b"again")

    asyncio.run(story())


def test_what_was_retained_is_told_as_such(tmp_path: Path) -> None:
    taken: list[Message] = []

    async def take(messages: Sequence[Message]) -> None:
        taken.extend(messages)

    async def story() -> None:
        server = NatsWithMqtt(tmp_path)
        server.start()
        async with lines(server) as (ours, device):
            await device.start()
            await until(lambda: device.connected)
            await device.publish("uagv/v2/acme/r1/connection", b"{}", qos=1, retain=True)
            ours.subscribe("uagv/v2/+/+/connection", take)
            await ours.start()
            await until(lambda: len(taken) == 1)
            assert taken[0].retained

    asyncio.run(story())
