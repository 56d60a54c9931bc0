"""Devices that do harm, on our own broker with the whole gateway behind it: the others never notice."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest
from cryptography.hazmat.primitives import serialization

from maillage.devices.line import DeviceLine
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.embedded.broker import EmbeddedBroker
from maillage.engines.mqtt.embedded.limits import Limits
from maillage.engines.mqtt.line import MqttLine
from maillage.services.sensing.model import Fault
from tests.certificates import Authority
from tests.contract.mqtt_brokers import EmbeddedWorld
from tests.contract.mqtt_wire import Wire, connect, publish
from tests.contract.waiting import until
from tests.unit.services.sensing.gateway.gateway_world import PLAIN, TIMED, Gateway

T1, T2 = "stores/100/freezer-1/t", "stores/100/freezer-2/t"


class Store:
    """A broker, a line, an intake."""

    def __init__(self, world: EmbeddedWorld, line: DeviceLine) -> None:
        self.world = world
        self.gateway = Gateway(PLAIN, TIMED)
        self.gateway.line = line  # type: ignore[assignment]  # the real one
        for name in ("freezer-1", "freezer-2"):
            self.gateway.registry.add(name, "plain")

    @property
    def values(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for reading in self.gateway.watcher.seen:
            found.setdefault(reading.device, []).append(reading.value)
        return found


def play(story: Callable[[Store], Awaitable[None]], limits: Limits = Limits()) -> None:  # noqa: B008
    async def run() -> None:
        world = EmbeddedWorld()
        await world.start(limits)
        line = MqttLine(world.house)
        store = Store(world, line)
        try:
            await line.start()
            async with asyncio.timeout(60), store.gateway:
                await until(lambda: line.connected, 10)
                await story(store)
                await line.stop()
        finally:
            await line.stop()
            await world.stop()

    asyncio.run(run())


def test_a_device_that_speaks_for_another_is_not_heard() -> None:
    async def story(store: Store) -> None:
        liar, other = await store.world.wire("freezer-1"), await store.world.wire("freezer-2")
        await liar.say(publish(T2, b"50", qos=1), publish(T1, b"-18", qos=1, number=2))
        await other.say(publish(T2, b"-19", qos=1))
        await until(lambda: len(store.gateway.watcher.seen) == 2, 10)
        assert store.values == {"freezer-1": [-18.0], "freezer-2": [-19.0]}
        assert store.world.broker.counts.refused == 1

    play(story)


def test_a_flood_is_slowed_and_the_others_are_not() -> None:
    async def story(store: Store) -> None:
        flooding, other = await store.world.wire("freezer-1"), await store.world.wire("freezer-2")
        flood = asyncio.get_running_loop().create_task(flooding.say(*(publish(T1, b"-18") for _ in range(200_000))))
        await until(lambda: len(store.values.get("freezer-1", [])) >= 100, 10)
        waits = []
        for number in range(20):
            began = monotonic()
            await other.say(publish(T2, str(number).encode(), qos=1, number=number + 1))
            await until(lambda n=number: len(store.values.get("freezer-2", [])) > n, 5)  # type: ignore[misc]
            waits.append(monotonic() - began)
        heard = len(store.values["freezer-1"])
        assert store.values["freezer-2"] == list(range(20))
        assert sorted(waits)[10] < 0.5
        assert heard < 100 + 100 * 20, "the flood is taken at the pace of its limit"
        flood.cancel()

    play(story, Limits(messages_per_s=100, burst=100))


def test_a_megabyte_ends_its_sender_only() -> None:
    async def story(store: Store) -> None:
        large, other = await store.world.wire("freezer-1"), await store.world.wire("freezer-2")
        await large.say(publish(T1, bytes(1_000_000)))
        await asyncio.wait_for(large.closed.wait(), 5)
        await other.say(publish(T2, b"-19", qos=1))
        await until(lambda: store.values == {"freezer-2": [-19.0]}, 10)
        assert store.world.broker.counts.cut == 1

    play(story)


def test_a_payload_that_passes_the_broker_may_still_be_too_large() -> None:
    async def story(store: Store) -> None:
        device = await store.world.wire("freezer-1")
        await device.say(publish(T1, bytes(100_000), qos=1), publish(T1, b"warm", qos=1, number=2))
        await until(lambda: len(store.gateway.watcher.refusals) == 2, 10)
        faults = [("freezer-1", Fault.TOO_LARGE), ("freezer-1", Fault.UNREADABLE)]
        assert store.gateway.watcher.refusals == faults

    play(story)


def test_half_a_packet_holds_nobody_up() -> None:
    async def story(store: Store) -> None:
        half, other = await store.world.wire("freezer-1", keepalive_s=1), await store.world.wire("freezer-2")
        await half.say(publish(T1, b"-18")[:-2])
        await other.say(publish(T2, b"-19", qos=1))
        await until(lambda: store.values == {"freezer-2": [-19.0]}, 10)
        await asyncio.wait_for(half.closed.wait(), 5)

    play(story)


def test_connections_that_say_nothing_are_ended() -> None:
    async def story(store: Store) -> None:
        mute = await Wire(store.world.port).open()
        await asyncio.wait_for(mute.closed.wait(), 5)

    play(story, Limits(connect_s=0.2))


def test_there_is_an_end_to_connections_and_it_is_not_the_end_of_those_that_are_there() -> None:
    async def story(store: Store) -> None:
        device = await store.world.wire("freezer-1")
        await store.world.wire("freezer-2")
        surplus = await Wire(store.world.port).open(connect("panel", "panel", store.world.passwords["panel"]))
        await asyncio.wait_for(surplus.closed.wait(), 5)
        await device.ping()

    play(story, Limits(connections=3))


def test_a_client_keeps_so_many_topics_and_no_more() -> None:
    async def story(store: Store) -> None:
        device = await store.world.wire("freezer-1")
        for number in range(1, 21):
            await device.say(publish(f"stores/100/freezer-1/{number}", b"x", qos=1, retain=True, number=number))
            await device.answer(4)
        panel = await store.world.wire("panel")
        await panel.subscribe("stores/100/#")
        await panel.ping()
        assert len(await panel.until(5)) == 5

    play(story, Limits(retained=5))


def test_messages_that_are_never_released_end_their_sender() -> None:
    async def story(store: Store) -> None:
        device = await store.world.wire("freezer-1")
        for number in range(1, 120):
            await device.say(publish(T1, b"-18", qos=2, number=number))
        await asyncio.wait_for(device.closed.wait(), 5)

    play(story)


def test_with_tls_passwords_are_not_read_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority._certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("MAILLAGE_CA", str(tmp_path / "ca.pem"))

    async def run() -> None:
        world = EmbeddedWorld()
        broker = EmbeddedBroker(world.admission, port=0, tls=authority.server("localhost"))
        await broker.start()
        user, password = world.admission.house_login()
        address = BrokerAddress(host="localhost", port=broker.port, tls=True, username=user, password=password)
        line = MqttLine(address)
        came: list[bytes] = []

        async def take(messages) -> None:
            came.extend(message.payload for message in messages)

        line.subscribe("a/#", take)
        await line.start()
        await until(lambda: line.connected, 10)
        for number in range(300):
            await line.publish("a/b", bytes([number % 256]) * 1_000, 1)
        await until(lambda: len(came) == 300, 10)
        await line.stop()
        await broker.stop()

    asyncio.run(run())
