"""Our line, over every broker: it comes back by itself, holds back when it must, and loses nothing meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import uvloop

from maillage.devices.line import Message, Unreachable
from maillage.engines.mqtt.line import MqttLine
from maillage.kernel.errors import Invalid
from tests.contract.mqtt_brokers import EmbeddedWorld, MosquittoWorld, free_port, world_of
from tests.contract.mqtt_wire import publish
from tests.contract.waiting import until

World = EmbeddedWorld | MosquittoWorld
Play = Callable[[Callable[[World], Awaitable[None]]], None]
T = "stores/100/freezer-1/t"


class Taken:
    """Takes all that comes, slowly where ``gate`` is closed."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, messages: Sequence[Message]) -> None:
        await self.gate.wait()
        self.messages.extend(messages)
        self.batches.append(len(messages))

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


@pytest.fixture(params=["embedded", "mosquitto", "embedded-uvloop"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    engine, _, loop = request.param.partition("-")

    def run(story: Callable[[World], Awaitable[None]]) -> None:
        async def told() -> None:
            async with asyncio.timeout(60), world_of(engine, tmp_path) as world:
                await story(world)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop else None) as runner:
            runner.run(told())

    return run


async def up(line: MqttLine) -> None:
    await until(lambda: line.connected, 10)


def test_what_is_published_is_taken_in_order_and_in_batches(play: Play) -> None:
    async def story(world: World) -> None:
        line, taken, other = MqttLine(world.house), Taken(), Taken()
        line.subscribe("stores/+/freezer-1/t", taken)
        await line.start()
        await up(line)
        line.subscribe("stores/#", other)
        await until(lambda: line._placed == {"stores/#": 1}, 5)
        device = await world.wire("freezer-1")
        await device.say(*(publish(T, str(number).encode()) for number in range(1, 101)))
        await until(lambda: len(taken.messages) == len(other.messages) == 100)
        assert taken.payloads == other.payloads == [str(number).encode() for number in range(1, 101)]
        assert len(taken.batches) < 100 and taken.messages[0].topic == T and not taken.messages[0].retained
        await line.stop()

    play(story)


def test_the_line_publishes_and_is_told_what_a_broker_kept(play: Play) -> None:
    async def story(world: World) -> None:
        line, taken = MqttLine(world.house), Taken()
        await line.start()
        await up(line)
        for qos in (0, 1, 2):
            await line.publish("a/b", str(qos).encode(), qos, retain=qos == 2)
        end = line.subscribe("a/b", taken)
        await until(lambda: taken.payloads == [b"2"], 5)
        assert taken.messages[0].retained
        end()
        end()
        await until(lambda: not line._placed, 5)
        await line.publish("a/b", b"after", 1)
        assert taken.payloads == [b"2"]
        await line.stop()

    play(story)


def test_a_line_comes_back_with_all_its_subscriptions(play: Play) -> None:
    async def story(world: World) -> None:
        world_port = world.port
        line, taken = MqttLine(world.house), Taken()
        line.subscribe("stores/#", taken)
        await line.start()
        await up(line)
        await world.stop()
        await until(lambda: not line.connected, 10)
        with pytest.raises(Unreachable):
            await line.publish("a/b", b"")
        assert line.trouble
        await world.start()
        assert world.port == world_port
        await up(line)
        assert line.trouble == ""
        device = await world.wire("freezer-1")
        await device.say(publish(T, b"again", qos=1))
        await until(lambda: taken.payloads == [b"again"], 5)
        await line.stop()
        assert not line.connected

    play(story)


def test_while_too_much_waits_nothing_is_read_and_nothing_is_lost(play: Play) -> None:
    async def story(world: World) -> None:
        line, taken, quick = MqttLine(world.house, waiting_bytes_max=100_000), Taken(), Taken()
        taken.gate.clear()
        line.subscribe("stores/#", taken)
        line.subscribe("other", quick)
        await line.start()
        await up(line)
        device = await world.wire("freezer-1")
        count, body = 2_000, bytes(2_000)
        for number in range(1, count + 1):
            await device.say(publish(T, number.to_bytes(4, "big") + body, qos=1, number=number))
        await until(lambda: line._takers.full, 10)
        await asyncio.sleep(0.3)
        held = line._takers._bytes
        assert held < 100_000 + 64 * 2_300 and taken.messages == []
        taken.gate.set()
        await until(lambda: len(taken.messages) == count, 30)
        numbers = [int.from_bytes(payload[:4], "big") for payload in taken.payloads]
        assert numbers == list(range(1, count + 1))
        assert line.connected and not line._takers.full and line._takers._bytes == 0
        await line.stop()

    play(story)


def test_what_has_come_is_taken_before_the_line_has_stopped(play: Play) -> None:
    async def story(world: World) -> None:
        line, taken = MqttLine(world.house), Taken()
        taken.gate.clear()
        line.subscribe("stores/#", taken)
        await line.start()
        await up(line)
        device = await world.wire("freezer-1")
        for number in range(1, 11):
            await device.say(publish(T, b"x", qos=1, number=number))
            await device.answer(4)
        await until(lambda: line._takers._bytes > 0, 5)
        stopping = asyncio.ensure_future(line.stop())
        await asyncio.sleep(0.05)
        taken.gate.set()
        await asyncio.wait_for(stopping, 5)
        assert taken.payloads and line._takers._bytes == 0

    play(story)


def test_who_takes_badly_stops_nobody(play: Play) -> None:
    async def story(world: World) -> None:
        async def bad(_: Sequence[Message]) -> None:
            raise RuntimeError("no")

        line, taken = MqttLine(world.house), Taken()
        line.subscribe("stores/#", bad)
        line.subscribe(T, taken)
        await line.start()
        await up(line)
        device = await world.wire("freezer-1")
        await device.say(publish(T, b"1", qos=1), publish(T, b"2", qos=1, number=2))
        await until(lambda: taken.payloads == [b"1", b"2"], 5)
        await line.stop()

    play(story)


def test_who_takes_by_two_filters_is_given_each_message_once(play: Play) -> None:
    async def story(world: World) -> None:
        line, taken = MqttLine(world.house), Taken()
        for one in ("stores/+/freezer-1/t", "stores/100/#", "+/100/+/t"):
            line.subscribe(one, taken)
        await line.start()
        await up(line)
        device = await world.wire("freezer-1")
        await device.say(publish(T, b"1", qos=1), publish(T, b"2", qos=1, number=2))
        await until(lambda: len(taken.messages) >= 2, 5)
        await line.publish(T, b"3", 1)
        await until(lambda: b"3" in taken.payloads, 5)
        assert taken.payloads == [b"1", b"2", b"3"]
        await line.stop()

    play(story)


def test_without_a_broker_a_line_waits_and_stops_at_once() -> None:
    async def story() -> None:
        from maillage.engines.mqtt.address import BrokerAddress

        line = MqttLine(BrokerAddress(host="127.0.0.1", port=free_port()))
        await line.start()
        await until(lambda: "refused" in line.trouble.lower(), 10)
        with pytest.raises(Unreachable, match="refused"):
            await line.publish("a", b"")
        with pytest.raises(Invalid):
            await line.publish("a/+", b"")
        with pytest.raises(Invalid):
            line.subscribe("a/#/b", Taken())
        await asyncio.wait_for(line.stop(), 3)
        await line.stop()

    asyncio.run(story())


def test_a_wrong_password_is_told_and_tried_on(play: Play) -> None:
    async def story(world: World) -> None:
        import msgspec

        line = MqttLine(msgspec.structs.replace(world.house, password="s3cret"))
        await line.start()
        await until(lambda: "authori" in line.trouble.lower(), 10)
        assert "s3cret" not in line.trouble
        await line.stop()

    play(story)
