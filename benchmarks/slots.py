"""Leases in PostgreSQL, with the meaning that the kernel gives them: one row for each hour of each pool."""

from typing import Any, NamedTuple

from benchmarks.postgres import Database
from benchmarks.wishes import HOURS, START_HOURS

SLOTS = START_HOURS + HOURS
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
ENTER_LEASE = "INSERT INTO leases(site, first, beyond, cpu, memory, key) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"
TAKE_COUNTER = (
    "WITH taken AS (UPDATE counters SET cpu = cpu - $4, memory = memory - $5"
    " WHERE site = $1 AND cpu >= $4 AND memory >= $5 RETURNING site)"
    " INSERT INTO leases(site, first, beyond, cpu, memory, key)"
    " SELECT site, $2, $3, $4, $5, $6 FROM taken RETURNING id"
)


class Interval(NamedTuple):
    """What is taken: hours ``[first, beyond)`` at a site, in thousandths."""

    site: int
    first: int
    beyond: int
    cpu: int
    memory: int


class Full(Exception):
    """Not all of it is free."""


def lay_out_slots(database: Database, sites: int) -> None:
    """The tables, with pools that no run fills."""
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


def tidy_up(database: Database) -> None:
    """Before each round, so that no round pays for the one before."""
    database.execute("VACUUM slots", "VACUUM counters", "VACUUM leases")


async def take_slots(connection: Any, interval: Interval, key: str) -> int:
    """The same meaning as a lease of the kernel: every hour of both kinds checked and taken, or nothing."""
    async with connection.transaction():
        free = await connection.fetch(LOCK_SLOTS, *interval)
        if len(free) != 2 * (interval.beyond - interval.first) or not all(row[0] for row in free):
            raise Full
        await connection.execute(TAKE_SLOTS, *interval)
        lease: int = await connection.fetchval(ENTER_LEASE, *interval, key)
        return lease


async def take_counter(connection: Any, interval: Interval, key: str) -> int:
    """Less than a lease, but all that one statement can do: a counter without time."""
    lease: int | None = await connection.fetchval(TAKE_COUNTER, *interval, key)
    if lease is None:
        raise Full
    return lease
