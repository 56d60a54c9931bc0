"""Leases by many clients at once, durable: the kernel in this process against PostgreSQL over loopback.

Both sides are driven from the same event loop by the same number of clients, each asking for its next lease when it
has its last. An order is a site, a start on an hour's edge within three days, 24 hours, two kinds and a new key.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles
from typing import Any

import uvloop

from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.slots import Interval, lay_out_slots, take_counter, take_slots, tidy_up
from benchmarks.wishes import HOURS, Wish, Wishes
from benchmarks.world import AMPLE, NEEDS, SITES, Kernel, clustered_sites, granting, next_hour, order_at
from maillage.kernel.times import HOUR_S
from maillage.kernel.writer import Writer

CLIENTS = 32
CPU, MEMORY = NEEDS["cpu"], NEEDS["memory"]


class Driver:
    """Runs clients for a while and keeps the waiting times of the last run."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waits: list[float] = []

    async def rate(self, clients: list[Callable[[], Awaitable[object]]]) -> float:
        """Answers a second over all clients."""
        self.waits = []
        start = time.perf_counter()
        await asyncio.gather(*[self._client(each, start + self.seconds) for each in clients])
        return len(self.waits) / (time.perf_counter() - start)

    async def _client(self, ask: Callable[[], Awaitable[object]], until: float) -> None:
        before = time.perf_counter()
        while before < until:
            await ask()
            now = time.perf_counter()
            self.waits.append(now - before)
            before = now

    def percentiles(self) -> str:
        cuts = quantiles(self.waits, n=100)
        return f"p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms"


class KernelSide:
    def __init__(self, setting: Setting, sites: int, driver: Driver) -> None:
        self._kernel = Kernel(setting.folder)
        self._kernel.lay_out(clustered_sites(sites), {"cpu": AMPLE, "memory": AMPLE})
        self._first_hour = next_hour()
        self._wishes = Wishes(11, sites)
        self._driver = driver
        self.latency = ""

    async def run(self) -> float:
        self._wishes.make_ready(round(60_000 * self._driver.seconds))
        writer = Writer(self._kernel.keeper)
        writer.start()

        def ask() -> Awaitable[object]:
            site, first, key = self._wishes.next()
            order = order_at(f"s{site}", self._first_hour + first * HOUR_S, HOURS, key)
            return writer.submit(granting(order))

        try:
            rate = await self._driver.rate([ask] * CLIENTS)
        finally:
            await writer.stop()
        self.latency = self._driver.percentiles()
        return rate

    def close(self) -> None:
        self._kernel.close()


class PostgresSide:
    """``CLIENTS`` connections, each with its own client; statements are prepared by asyncpg's cache."""

    def __init__(
        self,
        database: Database,
        sites: int,
        driver: Driver,
        lease: Callable[[Any, Interval, str], Awaitable[int]],
    ) -> None:
        self._connections = [database.connect() for _ in range(CLIENTS)]
        self._wishes = Wishes(12 if lease is take_slots else 13, sites)
        self._driver = driver
        self._lease = lease
        self.latency = ""

    async def run(self) -> float:
        self._wishes.make_ready(round(20_000 * self._driver.seconds))

        def client(connection: Any) -> Callable[[], Awaitable[object]]:
            return lambda: self._take(connection, self._wishes.next())

        rate = await self._driver.rate([client(connection) for connection in self._connections])
        self.latency = self._driver.percentiles()
        return rate

    def _take(self, connection: Any, wish: Wish) -> Awaitable[int]:
        site, first, key = wish
        return self._lease(connection, Interval(site, first, first + HOURS, CPU, MEMORY), key)


def compare(setting: Setting, scenario: str, sites: int, goals: tuple[float, float]) -> Outcome:
    """Both forms of the peer in one run of alternating rounds."""
    driver = Driver(0.5 if setting.quick else 3.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Database(runner) as database:
        lay_out_slots(database, sites)
        ours = KernelSide(setting, sites, driver)
        slots = PostgresSide(database, sites, driver, take_slots)
        counter = PostgresSide(database, sites, driver, take_counter)
        sides = {
            "ours": lambda: runner.run(ours.run()),
            "slots": lambda: runner.run(slots.run()),
            "counter": lambda: runner.run(counter.run()),
        }
        try:
            rounds = alternate(setting, sides, lambda: tidy_up(database))
        finally:
            ours.close()
        mine = [each.values["ours"] for each in rounds]
        lines = [
            Line("same meaning", "leases/s", mine, [r.values["slots"] for r in rounds], "PG 24 slots", goals[0]),
            Line("one statement", "leases/s", mine, [r.values["counter"] for r in rounds], "PG counter", goals[1]),
        ]
        notes = [
            f"waits of the last round: ours {ours.latency}; PG 24 slots {slots.latency}; PG counter {counter.latency}",
            f"{CLIENTS} clients each; ours in this process with SQLite FULL, {database.about}, over loopback",
        ]
    return Outcome(scenario, lines, rounds, notes, quick=setting.quick)


def spread_sites(setting: Setting) -> int:
    return 500 if setting.quick else SITES
