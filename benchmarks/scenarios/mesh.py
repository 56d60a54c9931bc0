"""Asks through a hub and NATS to a durable grant in one of several node processes and back, on one machine.

Against the same asks in one kernel in this process, and against PostgreSQL with the same meaning; and how fast a hub
that was away catches up.
"""

import asyncio
import time
from collections.abc import Awaitable

import uvloop

from benchmarks.leasing import Driver, KernelSide, PostgresSide
from benchmarks.mesh_node import rss_kib
from benchmarks.meshing import MeshChain
from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.slots import lay_out_slots, take_slots, tidy_up
from benchmarks.wishes import HOURS, Wishes
from benchmarks.world import NEEDS, SITES, next_hour
from maillage.kernel.asks import Ask
from maillage.kernel.times import HOUR_S

NODES = 4
CLIENTS = 64
BACKLOG = 100_000
"""Events that happen while the hub is away."""


class MeshSide:
    """``keyed`` asks come with an idempotency key: the hubs' records then hold where it went before it goes."""

    def __init__(self, chain: MeshChain, sites: int, driver: Driver, keyed: bool) -> None:
        self._chain = chain
        self._wishes = Wishes(21 if keyed else 22, sites)
        self._driver = driver
        self._keyed = keyed
        self._first_hour = next_hour()
        self.latency = ""

    async def run(self) -> float:
        self._wishes.make_ready(round(20_000 * self._driver.seconds))
        await self._chain.caught_up()
        office = self._chain.hub.office

        def ask() -> Awaitable[object]:
            site, first, key = self._wishes.next()
            start = self._first_hour + first * HOUR_S
            wish = Ask(NEEDS, start, start + HOURS * HOUR_S, f"s{site}", None, "firm")
            return office.lease("bench", wish, key if self._keyed else None, "0" * 24)

        rate = await self._driver.rate([ask] * CLIENTS)
        self.latency = self._driver.percentiles()
        await self._chain.caught_up()
        return rate


def run(setting: Setting) -> Outcome:
    sites = 400 if setting.quick else SITES
    driver = Driver(0.5 if setting.quick else 3.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Database(runner) as database:
        lay_out_slots(database, sites)
        alone = KernelSide(setting, sites, driver)
        slots = PostgresSide(database, sites, driver, take_slots)
        chain = MeshChain(setting.folder, runner, sites, NODES)
        try:
            hub_kib = rss_kib() - chain.rss_before_kib
            node_kib = [node.ask("rss") for node in chain.nodes]
            plain, keyed = (MeshSide(chain, sites, driver, with_key) for with_key in (False, True))
            sides = {
                "plain": lambda: runner.run(plain.run()),
                "keyed": lambda: runner.run(keyed.run()),
                "alone": lambda: runner.run(alone.run()),
                "slots": lambda: runner.run(slots.run()),
            }
            rounds = alternate(setting, sides, lambda: tidy_up(database))
            caught_up = _catch_up(chain, runner, 4_000 if setting.quick else BACKLOG)
        finally:
            chain.close()
            alone.close()
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [
        Line("without keys, against PG 24 slots", "leases/s", columns["plain"], columns["slots"], "PG 24 slots"),
        Line("without keys, against one kernel", "leases/s", columns["plain"], columns["alone"], "in process"),
        Line("with keys, against PG 24 slots", "leases/s", columns["keyed"], columns["slots"], "PG 24 slots"),
        Line("catching up", "events/s", [caught_up]),
        Line("memory of the hub, per 1,000 sites", "MiB", [hub_kib / 1024 / sites * 1000]),
        Line("memory of a node process", "MiB", [kib / 1024 for kib in node_kib]),
    ]
    notes = [
        f"waits of the last round: without keys {plain.latency}; with keys {keyed.latency}; one kernel {alone.latency};"
        f" PG 24 slots {slots.latency}",
        f"{CLIENTS} clients in the hub's process, {NODES} node processes with {sites:,} sites, nats-server; "
        f"{database.about}",
    ]
    return Outcome("mesh", lines, rounds, notes, quick=setting.quick)


def _catch_up(chain: MeshChain, runner: asyncio.Runner, backlog: int) -> float:
    """Events a second from the moment at which a hub that was away is back until it has all that happened meanwhile."""
    runner.run(chain.hub.__aexit__())
    for node in chain.nodes:
        node.tell(f"fill {backlog // len(chain.nodes)}")
    for node in chain.nodes:
        node.said()
    chain.reopen_hub()
    before = chain.hub.mirrored.end()
    start = time.perf_counter()
    runner.run(chain.hub.__aenter__())
    runner.run(chain.caught_up())
    return (chain.hub.mirrored.end() - before) / (time.perf_counter() - start)
