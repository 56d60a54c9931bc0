"""A node in a process of its own: ``python -m benchmarks.mesh_node FOLDER NODE SERVER SITE,...``.

Reads commands from standard input, a line each, and answers each with a line of JSON: ``lay`` sizes the pools,
``fill N`` grants N leases by itself, ``end`` says where the journal ends, ``kib`` how much memory the process has.
"""

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.serving import rss_kib
from benchmarks.world import AMPLE, next_hour, order_at
from maillage.bootstrap import open_node, run
from maillage.bootstrap.node import NodeChain, NodeSettings
from maillage.kernel.capacity import PoolPlan, set_capacity
from maillage.kernel.grants import grant
from maillage.kernel.scribe import Scribe

PORTION = 500


async def main() -> None:
    folder, node, server, sites = sys.argv[1:]
    settings = NodeSettings(node, "http://hub", sites.split(","), [server])
    async with open_node(Path(folder), settings) as chain:
        while any(site not in chain.ledger.sites for site in settings.sites):
            await asyncio.sleep(0.05)
        answer(json.dumps("ready"))
        while command := (await asyncio.to_thread(sys.stdin.readline)).split():
            answer(json.dumps(await obey(chain, command)))


async def obey(chain: NodeChain, command: list[str]) -> int:
    match command:
        case ["lay"]:
            for start in range(0, len(chain.settings.sites), PORTION):
                some = chain.settings.sites[start : start + PORTION]
                await chain.writer.submit(lambda scribe, some=some: lay(scribe, some))
        case ["fill", count]:
            for start in range(0, int(count), PORTION):
                await chain.writer.submit(lambda scribe, start=start: fill(scribe, chain.settings.sites, start))
        case ["kib"]:
            return rss_kib()
    return chain.journal.end()


def lay(scribe: Scribe, sites: list[str]) -> None:
    for site in sites:
        for kind in ("cpu", "memory"):
            set_capacity(scribe, site, PoolPlan(kind, AMPLE))


def fill(scribe: Scribe, sites: list[str], start: int) -> None:
    for number in range(start, start + PORTION):
        grant(scribe, order_at(sites[number % len(sites)], next_hour(), 24))


def answer(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(main())
