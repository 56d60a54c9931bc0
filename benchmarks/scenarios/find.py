"""The five nearest sites with room for 24 hours, one ask at a time, against PostGIS nearest-neighbour search."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.finding import CHECKED, DENSITIES, POINT, Chain, fetch_ids, lay_out_postgis, nearest, size
from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate

GOALS = {"100 %": 4.0, "50 %": 3.0, "5 %": 3.0, "0.5 %": 10.0}
PLACES = 2_000


def run(setting: Setting) -> Outcome:
    seconds = 0.2 if setting.quick else 1.0
    sides: dict[str, Callable[[], float]] = {}
    compared = 0
    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        Database(runner, ["postgis"]) as database,
    ):
        chains = []
        for number, (density, share) in enumerate(DENSITIES.items()):
            chain = Chain(setting.folder / str(number), size(setting.quick), share, PLACES)
            chains.append(chain)
            lay_out_postgis(database, f"sites{number}", chain)
            statement = _prepare(runner, database, f"sites{number}")
            compared += _check(runner, chain, statement)
            sides[f"ours {density}"] = _ours(chain, seconds)
            sides[f"PostGIS {density}"] = _postgis(runner, statement, chain, seconds)
        # A B-tree on the counters lets PostgreSQL skip the spatial index where few sites are left. It makes every
        # change of a counter dearer, so it is shown apart and not taken for the peer's usual form.
        last = len(chains) - 1
        lay_out_postgis(database, "indexed", chains[last])
        database.execute("CREATE INDEX ON indexed(cpu, memory)", "VACUUM ANALYZE indexed")
        sides["B-tree 0.5 %"] = _postgis(runner, _prepare(runner, database, "indexed"), chains[last], seconds)
        rounds = alternate(setting, sides)
        about = database.about
    for chain in chains:
        chain.kernel.close()
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [
        Line(
            f"{density} with room",
            "finds/s",
            columns[f"ours {density}"],
            columns[f"PostGIS {density}"],
            "PostGIS",
            goal,
        )
        for density, goal in GOALS.items()
    ]
    lines.append(Line("0.5 %, indexed", "finds/s", columns["ours 0.5 %"], columns["B-tree 0.5 %"], "PG + B-tree"))
    notes = [
        f"{compared} answers of the kernel and as many of PostGIS equal float64 brute force",
        f"the kernel checks 24 hours of two kinds, PostGIS two plain counters; {about}",
    ]
    return Outcome("find", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _prepare(runner: asyncio.Runner, database: Database, table: str) -> Any:
    connection = database.connect()

    async def prepare() -> Any:
        return await connection.prepare(nearest(table, POINT.format(lon="$1::float8", lat="$2::float8")))

    return runner.run(prepare())


def _check(runner: asyncio.Runner, chain: Chain, statement: Any) -> int:
    """Every ask once through the kernel, so that what it learns is learnt; the first of them compared."""
    answers = [[match.site for match in chain.kernel.finder.find(ask, chain.now).matches] for ask in chain.asks]
    chain.check([runner.run(fetch_ids(statement, lon, lat)) for lat, lon in chain.places[:CHECKED]], "PostGIS's")
    return chain.check(answers[:CHECKED], "the kernel's")


def _ours(chain: Chain, seconds: float) -> Callable[[], float]:
    def side() -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            chain.kernel.finder.find(chain.asks[done % PLACES], chain.now)
            done += 1
        return done / (time.perf_counter() - start)

    return side


def _postgis(runner: asyncio.Runner, statement: Any, chain: Chain, seconds: float) -> Callable[[], float]:
    async def side() -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            lat, lon = chain.places[done % PLACES]
            await statement.fetch(lon, lat)
            done += 1
        return done / (time.perf_counter() - start)

    return lambda: runner.run(side())
