"""The same for 64 asks at once, against one PostGIS statement with a LATERAL join over 64 points."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.finding import CHECKED, Chain, lay_out_postgis, nearest, size
from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate

DENSITIES = {"100 %": 1.0, "50 %": 0.5}
GOAL = 6.0
BATCH = 64
PLACES = 64 * 32


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
            GOAL,
        )
        for density in DENSITIES
    ]
    notes = [f"{compared} answers of the kernel and as many of PostGIS equal float64 brute force; {about}"]
    return Outcome("find-batch", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _prepare(runner: asyncio.Runner, database: Database, table: str) -> Any:
    connection = database.connect()

    async def prepare() -> Any:
        return await connection.prepare(
            "WITH asked AS MATERIALIZED (SELECT number, ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography AS point"
            " FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS given(lon, lat, number))"
            f" SELECT number, id FROM asked CROSS JOIN LATERAL ({nearest(table, 'point')}) AS found"
            " ORDER BY number, metres"
        )

    return runner.run(prepare())


def _arguments(chain: Chain, batch: int) -> tuple[list[float], list[float]]:
    places = chain.places[batch * BATCH : (batch + 1) * BATCH]
    return [lon for _, lon in places], [lat for lat, _ in places]


def _check(runner: asyncio.Runner, chain: Chain, statement: Any) -> int:
    """Every ask once through the kernel, so that what it learns is learnt; the first of them compared."""
    ours = [[match.site for match in found.matches] for found in chain.kernel.finder.find_many(chain.asks, chain.now)]
    theirs: list[list[str]] = []

    async def fetch() -> None:
        for batch in range(-(-CHECKED // BATCH)):
            answers: list[list[str]] = [[] for _ in range(BATCH)]
            for number, site in await statement.fetch(*_arguments(chain, batch)):
                answers[number - 1].append(site)
            theirs.extend(answers)

    runner.run(fetch())
    chain.check(theirs[:CHECKED], "PostGIS's")
    return chain.check(ours[:CHECKED], "the kernel's")


def _ours(chain: Chain, seconds: float) -> Callable[[], float]:
    batches = [chain.asks[first : first + BATCH] for first in range(0, PLACES, BATCH)]

    def side() -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            chain.kernel.finder.find_many(batches[done % len(batches)], chain.now)
            done += 1
        return done * BATCH / (time.perf_counter() - start)

    return side


def _postgis(runner: asyncio.Runner, statement: Any, chain: Chain, seconds: float) -> Callable[[], float]:
    batches = [_arguments(chain, number) for number in range(PLACES // BATCH)]

    async def side() -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            await statement.fetch(*batches[done % len(batches)])
            done += 1
        return done * BATCH / (time.perf_counter() - start)

    return lambda: runner.run(side())
