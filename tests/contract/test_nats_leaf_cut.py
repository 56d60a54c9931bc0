"""A store whose line is cut: hub and leaf server find each other again, through the address that the stores use."""

import asyncio
import re
from collections.abc import Coroutine
from pathlib import Path

import pytest

from maillage.mesh.ports import Unreachable
from tests.contract.nats_chain import Chain
from tests.contract.relay import Relay
from tests.contract.waiting import Heard, echo, until_reachable

AGAIN_WITHIN_S = 40.0
"""The recovery that NATS documents for leaf servers; what is seen is far less."""


def play(story: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(200):
            await story

    asyncio.run(bounded())


@pytest.mark.parametrize("cut_s", [3.0, pytest.param(30.0, marks=pytest.mark.long)])
def test_requests_and_what_is_carried_go_through_again_after_a_cut(tmp_path: Path, cut_s: float) -> None:
    chain = Chain(tmp_path)

    async def story() -> None:
        relay = await Relay(chain.hub_server.leaf_port).start()
        chain.advertise = f"127.0.0.1:{relay.port}"
        await asyncio.to_thread(chain.start)
        files = chain.node("n1", ["s1"])
        leaf = await asyncio.to_thread(chain.leaf, files, relay.port)
        hub, node = await chain.hub_bus(), await chain.node_bus(files, leaf)
        collected = Heard()
        await hub.collect("events.>", "hub", collected)
        await node.serve("site.s1.lease", echo)

        async def ask() -> bytes:
            return await hub.request("site.s1.lease", b"", 1)

        await until_reachable(ask)
        await node.carry("events.n1", b"before", "before")
        before = set(relay.near_ports)

        relay.cut()
        link = node._line.link
        await asyncio.sleep(cut_s)
        # The hub is alive and listens; only the way through the relay is cut. Whoever knew another would be back.
        with pytest.raises(Unreachable):
            await ask()
        relay.restore()

        asked = asyncio.create_task(until_reachable(ask, AGAIN_WITHIN_S))
        carried = until_reachable(lambda: node.carry("events.n1", b"after", "after"), AGAIN_WITHIN_S)
        (_, request_s), (_, carry_s) = await asyncio.gather(asked, carried)
        print(f"cut {cut_s:g} s: requests again after {request_s:.1f} s, carrying after {carry_s:.1f} s")
        assert await collected.until(2) == [b"before", b"after"]
        came_from = set(map(int, re.findall(r":(\d+) - lid:\d+ - Leafnode connection created", chain.hub_server.log)))
        assert came_from - before, "the leaf server noticed nothing"
        assert came_from <= relay.near_ports, "the leaf server came another way than through the relay"
        assert node._line.link is link, "the store's own line to its leaf server was never down"
        await asyncio.gather(hub.close(), node.close())
        await relay.close()

    try:
        play(story())
    finally:
        chain.stop()
