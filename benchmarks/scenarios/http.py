"""POST /v1/leases over HTTP, one by one and in batches, against FastAPI with asyncpg and the same meaning."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.postgres import Database, Unavailable
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.serving import API_KEY, Server, granian, maillage
from benchmarks.slots import lay_out_slots, tidy_up
from benchmarks.world import AMPLE, SITES, clustered_sites, lay_out, next_hour
from maillage.bootstrap import open_local

CONNECTIONS = 64
BATCH, BATCH_CONNECTIONS = 100, 8
"""Eight connections keep the server busy with batches; more only wait longer."""
GOAL, BATCH_GOAL = 10, 30


def run(setting: Setting) -> Outcome:
    if find_spec("fastapi") is None:
        raise Unavailable("fastapi is not installed (the 'bench' extra has it)")
    sites = 1_000 if setting.quick else SITES
    first_s = next_hour()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Database(runner) as database:
        lay_out_slots(database, sites)
        _lay_out_chain(setting.folder / "chain", sites)
        with (
            maillage(setting.folder / "chain") as ours,
            granian("benchmarks.peer:app", PEER_DSN=database.dsn, PEER_KEY=API_KEY, PEER_FIRST_S=str(first_s)) as peer,
            granian("benchmarks.bare:app") as bare,
        ):
            loads = {
                "ours": _Load(ours, sites, first_s, CONNECTIONS),
                "batches": _Load(ours, sites, first_s, BATCH_CONNECTIONS, BATCH),
                "peer": _Load(peer, sites, first_s, CONNECTIONS),
                "bare": _Load(bare, sites, first_s, CONNECTIONS),
            }
            for load in loads.values():
                load.run(0.5)  # pools, caches and prepared statements
            seconds = 0.5 if setting.quick else 3.0
            sides: dict[str, Callable[[], float]] = {
                name: lambda load=load: load.run(seconds) for name, load in loads.items()
            }
            rounds = alternate(setting, sides, lambda: tidy_up(database))
        about = database.about
    columns = {name: [each.values[name] for each in rounds] for name in loads}
    one_by_one = "FastAPI one by one"
    lines = [
        Line("one by one", "leases/s", columns["ours"], columns["peer"], "FastAPI", GOAL),
        Line(f"batches of {BATCH}", "leases/s", columns["batches"], columns["peer"], one_by_one, BATCH_GOAL),
        Line("bare ASGI app", "requests/s", columns["bare"]),
    ]
    notes = [
        "waits of the last round: " + "; ".join(f"{name} {load.waits}" for name, load in loads.items()),
        "share of one core that the generator needed: "
        + "; ".join(f"{name} {load.report['generator_busy']:.0%}" for name, load in loads.items()),
        f"{CONNECTIONS} connections ({BATCH_CONNECTIONS} for batches), all on granian with one worker; {about}",
    ]
    return Outcome("http", lines, rounds, notes, quick=setting.quick)


class _Load:
    """One side: a server, what it is asked, and what was reported last."""

    def __init__(self, server: Server, sites: int, first_s: int, connections: int, batch: int = 0) -> None:
        self._server = server
        self._sites = sites
        self._first_s = first_s
        self._connections = connections
        self._batch = batch
        self.report: dict[str, Any] = {}

    def run(self, seconds: float) -> float:
        """Leases a second."""
        self.report = self._server.load(self._sites, self._first_s, seconds, self._connections, self._batch)
        self._server.settle()
        return float(self.report["requests_per_s"]) * (self._batch or 1)

    @property
    def waits(self) -> str:
        return f"p50 {self.report['p50_ms']:.1f} ms, p99 {self.report['p99_ms']:.1f} ms"


def _lay_out_chain(folder: Path, sites: int) -> None:
    chain = open_local(folder)
    try:
        lay_out(chain.keeper, clustered_sites(sites), {"cpu": AMPLE, "memory": AMPLE})
    finally:
        chain.close()
