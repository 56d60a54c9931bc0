"""CPU time of a durable lease in a ledger of a million active leases, against one of ten thousand."""

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from benchmarks.crowd import lay_out, orders
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.world import Kernel, granting
from maillage.kernel.grants import Order
from maillage.kernel.writer import Writer

GOAL = 2.0
CLIENTS = 256


def run(setting: Setting) -> Outcome:
    """Two processes, one per size, so that neither pays for the other's memory; they are asked in turn."""
    few, many = (1_000, 20_000) if setting.quick else (10_000, 1_000_000)
    measured = 1_000 if setting.quick else 4_000
    with _Sized(setting, few, measured) as small, _Sized(setting, many, measured) as large:
        rounds = alternate(setting, {"large": large.measure, "small": small.measure})
    ours = [each.values["large"] for each in rounds]
    base = [each.values["small"] for each in rounds]
    lines = [Line(f"{many:,} leases", "us CPU/lease", ours, base, f"{few:,} leases", GOAL, at_most=True)]
    notes = [
        f"{measured:,} leases a round, through the writer by {CLIENTS} clients, process_time of all threads;"
        " each ledger keeps what a round adds"
    ]
    return Outcome("growth", lines, rounds, notes, uses_disk=False, quick=setting.quick)


class _Sized:
    """A ledger of a size in a process of its own."""

    def __init__(self, setting: Setting, leases: int, measured: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        work = (theirs, setting.folder / f"ledger-{leases}", leases, measured, setting.quick)
        self._process = spawn.Process(target=_serve, args=work, daemon=True)

    def __enter__(self) -> "_Sized":
        self._process.start()
        self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def measure(self) -> float:
        self._pipe.send("go")
        taken: float = self._pipe.recv()
        return taken


def _serve(pipe: Connection, folder: Path, leases: int, measured: int, quick: bool) -> None:
    kernel = Kernel(folder)
    sites = lay_out(kernel, quick)
    kernel.fill(orders(leases, sites, seed=1))
    pipe.send("ready")
    seed = 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while True:
            pipe.recv()
            pipe.send(runner.run(_cpu_us_per_lease(kernel, list(orders(measured, sites, seed)))))
            seed += 1


async def _cpu_us_per_lease(kernel: Kernel, waiting: list[Order]) -> float:
    count = len(waiting)
    writer = Writer(kernel.keeper)
    writer.start()

    async def client() -> None:
        while waiting:
            await writer.submit(granting(waiting.pop()))

    start = time.process_time()
    await asyncio.gather(*[client() for _ in range(CLIENTS)])
    taken = time.process_time() - start
    await writer.stop()
    return taken / count * 1e6
