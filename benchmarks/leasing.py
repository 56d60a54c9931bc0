"""Leases by many clients at once, durable: the kernel in this process against PostgreSQL over loopback.

Both sides are driven from the same event loop by the same number of clients, each asking for its next lease when it
has its last. An order is a site, a start on an hour's edge within three days, 24 hours, two kinds and a new key.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles
from typing import Any, NamedTuple

import uvloop

from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.world import AMPLE, SITES, Kernel, clustered_sites, granting, next_hour, order_at
from maillage.kernel.times import HOUR_S
from maillage.kernel.writer import Writer

CLIENTS = 32
HOURS = 24
START_HOURS = 72
"""Leases start at one of this many hours from now."""
SLOTS = START_HOURS + HOURS
CPU, MEMORY = 4_000, 16_000
FREE = 1 << 50

SCHEMA = (
    # Room on the page keeps updates off the indexes (heap-only tuples): PostgreSQL's own advice for such a table.
    "CREATE TABLE slots(site int, kind int, slot int, free bigint NOT NULL) WITH (fillfactor = 60)",
    "CREATE TABLE counters(site int PRIMARY KEY, cpu bigint NOT NULL, memory bigint NOT NULL) WITH (fillfactor = 60)",
    "CREATE TABLE leases(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE,"
    " site int NOT NULL, first int NOT NULL, beyond int NOT NULL, cpu bigint NOT NULL, memory bigint NOT NULL)",
)
LOCK_SLOTS = (
    "SELECT free >= CASE kind WHEN 0 THEN $4::bigint ELSE $5::bigint END FROM slots"
    " WHERE site = $1 AND kind IN (0, 1) AND slot >= $2 AND slot < $3 ORDER BY kind, slot FOR UPDATE"
)
TAKE_SLOTS = (
    "UPDATE slots SET free = free - CASE kind WHEN 0 THEN $4::bigint ELSE $5::bigint END"
    " WHERE site = $1 AND kind IN (0, 1) AND slot >= $2 AND slot < $3"
)
ENTER_LEASE = "INSERT INTO leases(key, site, first, beyond, cpu, memory) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
TAKE_COUNTER = (
    "WITH taken AS (UPDATE counters SET cpu = cpu - $4, memory = memory - $5"
    " WHERE site = $1 AND cpu >= $4 AND memory >= $5 RETURNING site)"
    " INSERT INTO leases(key, site, first, beyond, cpu, memory)"
    " SELECT $6, site, $2, $3, $4, $5 FROM taken RETURNING id"
)


class Wish(NamedTuple):
    """What one lease asks, in numbers that both sides turn into their own words."""

    site: int
    first: int
    key: str


class Wishes:
    """What clients are going to ask, thought out before the clock starts: only the answering is measured."""

    def __init__(self, seed: int, sites: int) -> None:
        self._rng = random.Random(seed)
        self._sites = sites
        self._ready: list[Wish] = []

    def make_ready(self, count: int) -> None:
        self._ready += [self._new() for _ in range(count - len(self._ready))]

    def next(self) -> Wish:
        return self._ready.pop() if self._ready else self._new()

    def _new(self) -> Wish:
        rng = self._rng
        return Wish(rng.randrange(self._sites), rng.randrange(START_HOURS), f"{rng.getrandbits(128):032x}")


def lay_out_slots(database: Database, sites: int) -> None:
    """Tables of the peer, with one row for each hour of each pool."""
    database.execute(
        *SCHEMA,
        f"INSERT INTO slots SELECT site, kind, slot, {FREE} FROM generate_series(0, {sites - 1}) site,"
        f" generate_series(0, 1) kind, generate_series(0, {SLOTS - 1}) slot",
        "ALTER TABLE slots ADD PRIMARY KEY (site, kind, slot)",
        f"INSERT INTO counters SELECT site, {FREE}, {FREE} FROM generate_series(0, {sites - 1}) site",
        "VACUUM ANALYZE slots",
        "VACUUM ANALYZE counters",
        "CHECKPOINT",
    )


async def lease_by_slots(connection: Any, wish: Wish) -> int:
    """The same meaning as a lease of the kernel: every hour of both kinds checked and taken, or nothing."""
    site, first, key = wish
    interval = (site, first, first + HOURS, CPU, MEMORY)
    async with connection.transaction():
        free = await connection.fetch(LOCK_SLOTS, *interval)
        if len(free) != 2 * HOURS or not all(row[0] for row in free):
            raise RuntimeError("the peer's pool is full; the scenario is wrong")
        await connection.execute(TAKE_SLOTS, *interval)
        lease: int = await connection.fetchval(ENTER_LEASE, key, site, first, first + HOURS, CPU, MEMORY)
        return lease


async def lease_by_counter(connection: Any, wish: Wish) -> int:
    """Less than a lease, but all that one statement can do: a counter without time."""
    site, first, key = wish
    lease: int | None = await connection.fetchval(TAKE_COUNTER, site, first, first + HOURS, CPU, MEMORY, key)
    if lease is None:
        raise RuntimeError("the peer's counter is empty; the scenario is wrong")
    return lease


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
        self, database: Database, sites: int, driver: Driver, lease: Callable[[Any, Wish], Awaitable[int]]
    ) -> None:
        self._connections = [database.connect() for _ in range(CLIENTS)]
        self._wishes = Wishes(12 if lease is lease_by_slots else 13, sites)
        self._driver = driver
        self._lease = lease
        self.latency = ""

    async def run(self) -> float:
        self._wishes.make_ready(round(20_000 * self._driver.seconds))

        def client(connection: Any) -> Callable[[], Awaitable[object]]:
            return lambda: self._lease(connection, self._wishes.next())

        rate = await self._driver.rate([client(connection) for connection in self._connections])
        self.latency = self._driver.percentiles()
        return rate


def compare(setting: Setting, scenario: str, sites: int, goals: tuple[float, float]) -> Outcome:
    """Both forms of the peer in one run of alternating rounds."""
    driver = Driver(0.5 if setting.quick else 3.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Database(runner) as database:
        lay_out_slots(database, sites)
        ours = KernelSide(setting, sites, driver)
        slots = PostgresSide(database, sites, driver, lease_by_slots)
        counter = PostgresSide(database, sites, driver, lease_by_counter)
        sides = {
            "ours": lambda: runner.run(ours.run()),
            "slots": lambda: runner.run(slots.run()),
            "counter": lambda: runner.run(counter.run()),
        }
        try:
            rounds = alternate(
                setting, sides, lambda: database.execute("VACUUM slots", "VACUUM counters", "VACUUM leases")
            )
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
