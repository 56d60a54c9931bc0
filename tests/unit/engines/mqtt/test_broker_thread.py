"""The embedded broker in a thread of its own."""

import asyncio
import threading
from time import monotonic, sleep

import pytest
import uvloop

from maillage.engines.mqtt.embedded.apart import BrokerThread
from maillage.engines.mqtt.embedded.broker import EmbeddedBroker
from tests.contract.mqtt_brokers import EmbeddedWorld
from tests.contract.mqtt_wire import publish

T = "stores/100/freezer-1/t"


def test_it_serves_while_the_loop_of_the_process_is_held_up() -> None:
    async def story() -> None:
        world = EmbeddedWorld()
        broker = BrokerThread(EmbeddedBroker(world.admission, port=0), uvloop.new_event_loop)
        await broker.start()
        world.port = broker.port
        house, wire = await world.house_wire("stores/#"), await world.wire("freezer-1")
        heard: list[float] = []

        def elsewhere() -> None:
            async def ping() -> None:
                other = await world.wire("freezer-2")
                began = monotonic()
                await other.ping()
                heard.append(monotonic() - began)

            asyncio.run(ping())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        sleep(0.5)
        thread.join(10)
        assert heard and heard[0] < 0.5
        await wire.say(publish(T, b"1", qos=1))
        assert (await house.until(1))[0].payload == b"1"
        world.admission.revoke("freezer-1")
        await asyncio.wait_for(wire.closed.wait(), 5)
        assert broker.counts.messages == 1 and broker.counts.connected >= 1
        await broker.stop()
        await asyncio.wait_for(house.closed.wait(), 5)
        await broker.stop()

    asyncio.run(story())


def test_an_address_that_is_taken_is_told() -> None:
    async def story() -> None:
        world = EmbeddedWorld()
        await world.start()
        with pytest.raises(OSError, match="in use"):
            await BrokerThread(EmbeddedBroker(world.admission, port=world.port)).start()
        await world.stop()

    asyncio.run(story())
