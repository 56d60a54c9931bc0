"""What only the bus within a process has: lines that a test or a demonstration cuts, and a bound on what it keeps."""

import asyncio

import pytest

from maillage.engines.inproc_bus import Exchange, InprocBus
from maillage.engines.inproc_carriage import Carriage
from maillage.mesh.ports import Message, Unreachable
from tests.contract.waiting import Heard, echo


def test_an_end_that_was_cut_off_neither_reaches_nor_is_reached_until_it_is_restored() -> None:
    async def story() -> None:
        exchange = Exchange()
        hub, node = InprocBus(exchange), InprocBus(exchange)
        heard, collected = Heard(), Heard()
        await node.serve("a", echo)
        await node.listen("b", heard)
        await node.collect("events.>", "node", collected)
        node.cut()
        assert (hub.connected, node.connected) == (True, False)
        with pytest.raises(Unreachable, match="nobody"):
            await hub.request("a", b"", 5)
        with pytest.raises(Unreachable, match="no connection"):
            await node.request("a", b"", 5)
        with pytest.raises(Unreachable, match="no connection"):
            await node.carry("events.n", b"lost", "1")
        await hub.send("b", b"lost")
        await node.send("b", b"lost")
        await hub.carry("events.h", b"kept", "2")
        node.restore()
        assert await hub.request("a", b"1", 5) == b"a:1"
        await hub.send("b", b"2")
        assert await heard.until(1) == [b"2"]
        assert await collected.until(1) == [b"kept"]
        await hub.close()
        await node.close()

    asyncio.run(story())


def test_an_answer_made_while_the_line_was_cut_is_lost() -> None:
    async def story() -> None:
        exchange = Exchange()
        hub, node = InprocBus(exchange), InprocBus(exchange)
        begun, release = asyncio.Event(), asyncio.Event()

        async def slow(message: Message) -> bytes:
            begun.set()
            await release.wait()
            return b"late"

        await node.serve("a", slow)
        request = asyncio.create_task(hub.request("a", b"", 0.3))
        await begun.wait()
        node.cut()
        release.set()
        with pytest.raises(Unreachable, match="no answer within"):
            await request
        await hub.close()
        await node.close()

    asyncio.run(story())


def test_an_end_closes_while_it_is_cut_off() -> None:
    async def story() -> None:
        bus = InprocBus(Exchange())
        await bus.collect("events.>", "node", Heard())
        await bus.listen("b", Heard())
        bus.cut()
        async with asyncio.timeout(1):
            await bus.close()

    asyncio.run(story())


def test_when_too_much_is_kept_the_oldest_goes() -> None:
    async def story() -> None:
        carriage = Carriage(kept_bytes_max=100)
        for number in range(20):
            carriage.put(Message("events.n", bytes([number]) * 10), str(number))
        late = carriage.collector("late", "events.>")
        assert [(await late.next()).message.body[0] for _ in range(10)] == list(range(10, 20))

    asyncio.run(story())


def test_a_collector_keeps_to_its_subject() -> None:
    async def story() -> None:
        bus = InprocBus(Exchange())
        await bus.collect("events.>", "hub", Heard())
        with pytest.raises(ValueError, match="collector hub collects"):
            await bus.collect("events.n", "hub", Heard())
        await bus.close()

    asyncio.run(story())
