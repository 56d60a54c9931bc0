"""Asks through a hub and NATS to a durable grant in one of several node processes and back, on one machine.

Against the same asks in one kernel in this process, and against PostgreSQL with the same meaning; and how fast a hub
that was away catches up.
"""

import asyncio

import uvloop

from benchmarks.leasing import Driver, KernelSide, PostgresSide
from benchmarks.mesh_hub import CLIENTS
from benchmarks.meshing import MeshChain
from benchmarks.postgres import Database
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.slots import lay_out_slots, take_slots, tidy_up
from benchmarks.world import SITES

NODES = 4
BACKLOG = 100_000
"""Leases that nodes grant while the hub is away."""


class MeshSide:
    """Clients in the hub's process. With ``keyed`` asks come with an idempotency key: the hubs' records then hold where
    an ask went before it goes."""

    def __init__(self, chain: MeshChain, seconds: float, keys: str) -> None:
        self._chain, self._seconds, self._keys = chain, seconds, keys
        self.latency = ""

    def run(self) -> float:
        self._chain.catch_up()
        driven = self._chain.hub.ask("drive", self._keys, self._seconds)
        self.latency = driven["waits"]
        self._chain.catch_up()
        return float(driven["rate"])


def run(setting: Setting) -> Outcome:
    sites = 400 if setting.quick else SITES
    driver = Driver(0.5 if setting.quick else 3.0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Database(runner) as database:
        lay_out_slots(database, sites)
        alone = KernelSide(setting, sites, driver)
        slots = PostgresSide(database, sites, driver, take_slots)
        chain = MeshChain(setting.folder, sites, NODES)
        try:
            hub_kib = chain.hub.ask("kib")
            node_kib = chain.each_node(lambda node: node.ask("kib"))
            plain, keyed = (MeshSide(chain, driver.seconds, keys) for keys in ("plain", "keyed"))
            sides = {
                "plain": plain.run,
                "keyed": keyed.run,
                "alone": lambda: runner.run(alone.run()),
                "slots": lambda: runner.run(slots.run()),
            }
            rounds = alternate(setting, sides, lambda: tidy_up(database))
            caught_up = _catch_up(chain, 4_000 if setting.quick else BACKLOG)
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


def _catch_up(chain: MeshChain, backlog: int) -> float:
    """Events a second from the moment at which a hub that was away is back until it has all that happened meanwhile."""
    chain.hub.ask("leave")
    chain.each_node(lambda node: node.ask("fill", backlog // len(chain.nodes)))
    return float(chain.hub.ask("catch-up", *chain.ends()))
