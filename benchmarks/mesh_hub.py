"""A hub in a process of its own: ``python -m benchmarks.mesh_hub FOLDER SERVER SITES NODES``.

In a process of its own, for a hub that stands still while something else is measured loses sight of its nodes. Reads
commands from standard input, a line each, and answers each with a line of JSON. ``END...`` is where the journal of
each node ends.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from benchmarks.leasing import Driver
from benchmarks.mesh_node import answer
from benchmarks.serving import rss_kib
from benchmarks.wishes import HOURS, Wishes
from benchmarks.world import NEEDS, clustered_sites, next_hour
from maillage.bootstrap import open_hub, run
from maillage.bootstrap.hub import HubChain
from maillage.engines.nats.identity import make_node_key
from maillage.kernel.asks import Ask
from maillage.kernel.times import HOUR_S
from maillage.mesh.hub import Hub

CLIENTS = 64
REACHING_S = 300.0


class MeasuredHub:
    """What the commands are about."""

    def __init__(self, folder: Path, server: str, sites: int) -> None:
        self._folder, self._server, self._sites = folder, server, sites
        self._wishes = {"plain": Wishes(22, sites), "keyed": Wishes(21, sites)}
        self._first_hour = next_hour()
        self._chain = self._new_chain()
        self._kib_before = 0

    async def lay_out(self, nodes: int) -> None:
        """Enter the sites and let the nodes in, each with its share."""
        await self._chain.__aenter__()
        self._kib_before = rss_kib()
        records = clustered_sites(self._sites)
        await self._chain.office.set_sites(records)
        assert self._chain.mesh is not None
        for number in range(nodes):
            share = share_of(number, nodes, self._sites)
            _, token = await self._chain.mesh.enrolments.invite(f"n{number}", share)
            await self._chain.mesh.enrolments.join(token, make_node_key()[1], share)

    async def obey(self, command: list[str]) -> Any:
        """``reach END...`` waits until the mirror has all and every node is in reach; ``drive KEYS SECONDS`` leases
        with clients in this process, ``plain`` or ``keyed``; ``leave`` closes the hub; ``catch-up END...`` opens it
        again and says how many events a second it took in; ``kib`` is what the sites cost in memory."""
        match command:
            case ["reach", *ends]:
                await self._reach([int(end) for end in ends])
                return None
            case ["drive", keys, seconds]:
                return await self._drive(keys, float(seconds))
            case ["leave"]:
                await self.close()
                return None
            case ["catch-up", *ends]:
                return await self._catch_up([int(end) for end in ends])
            case ["kib"]:
                return rss_kib() - self._kib_before
        raise ValueError(f"no such command: {command}")

    async def close(self) -> None:
        await self._chain.__aexit__()

    def _new_chain(self) -> HubChain:
        return open_hub(self._folder, [self._server])

    @property
    def _hub(self) -> Hub:
        assert self._chain.mesh is not None
        return self._chain.mesh.hub

    async def _reach(self, ends: list[int]) -> None:
        async with asyncio.timeout(REACHING_S):
            for number, end in enumerate(ends):
                await self._hub.mirror.reach(f"n{number}", end, REACHING_S)
            while not all(self._hub.directory.is_reachable(f"n{number}") for number in range(len(ends))):
                await asyncio.sleep(0.02)

    async def _drive(self, keys: str, seconds: float) -> dict[str, Any]:
        wishes = self._wishes[keys]
        wishes.make_ready(round(20_000 * seconds))
        office = self._chain.office

        def ask() -> Awaitable[object]:
            site, first, key = wishes.next()
            start = self._first_hour + first * HOUR_S
            wish = Ask(NEEDS, start, start + HOURS * HOUR_S, f"s{site}", None, "firm")
            return office.lease("bench", wish, key if keys == "keyed" else None, "0" * 24)

        driver = Driver(seconds)
        rate = await driver.rate([ask] * CLIENTS)
        return {"rate": rate, "waits": driver.percentiles()}

    async def _catch_up(self, ends: list[int]) -> float:
        self._chain = self._new_chain()
        before = self._chain.mirrored.end()
        start = time.perf_counter()
        await self._chain.__aenter__()
        await self._reach(ends)
        return (self._chain.mirrored.end() - before) / (time.perf_counter() - start)


def share_of(number: int, nodes: int, sites: int) -> list[str]:
    """The sites of one of the nodes: every so many of them."""
    return [f"s{site}" for site in range(number, sites, nodes)]


async def main() -> None:
    folder, server, sites, nodes = sys.argv[1:]
    hub = MeasuredHub(Path(folder), server, int(sites))
    await hub.lay_out(int(nodes))
    answer(json.dumps("ready"))
    while command := (await asyncio.to_thread(sys.stdin.readline)).split():
        answer(json.dumps(await hub.obey(command)))
    await hub.close()


if __name__ == "__main__":
    run(main())
