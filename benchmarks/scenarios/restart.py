"""A fresh process opens a chain of a million active leases with their keys: from a snapshot, and from the journal."""

import multiprocessing
import shutil
import time
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.crowd import lay_out, orders
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.world import NEEDS, Kernel
from maillage.kernel.asks import Ask, Near
from maillage.kernel.recovery import take_snapshot
from maillage.kernel.times import DAY_S

GOAL_US = 4.0


def run(setting: Setting) -> Outcome:
    leases = 20_000 if setting.quick else 1_000_000
    folder = setting.folder / "chain"
    kernel = Kernel(folder)
    kernel.fill(orders(leases, lay_out(kernel, setting.quick), seed=1))
    took_s = time.perf_counter()
    take_snapshot(kernel.journal, kernel.snapshots)
    took_s = time.perf_counter() - took_s
    kernel.close()
    bare = setting.folder / "bare"
    bare.mkdir()
    for path in folder.glob("journal.db*"):
        shutil.copy(path, bare)
    sides = {
        "snapshot": lambda: _open_apart(folder, leases) / leases * 1e6,
        "journal": lambda: _open_apart(bare, leases) / leases * 1e6,
    }
    rounds = alternate(setting, sides)
    lines = [
        Line("from a snapshot", "us/lease", [each.values["snapshot"] for each in rounds], goal=GOAL_US, at_most=True),
        Line("from the journal alone", "us/lease", [each.values["journal"] for each in rounds]),
    ]
    size = sum(path.stat().st_size for path in (folder / "snapshots").iterdir()) / 2**20
    notes = [
        f"{leases:,} leases; wall time from opening the folder to the first answer, imports apart, pages cached",
        f"the snapshot is {size:.0f} MiB; reading the journal and writing it took {took_s:.1f} s",
    ]
    return Outcome("restart", lines, rounds, notes, quick=setting.quick)


def _open_apart(folder: Path, leases: int) -> float:
    """Seconds until a new process has the chain and has answered its first find."""
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=_open, args=(theirs, folder, leases), daemon=True)
    process.start()
    theirs.close()
    try:
        taken: float = pipe.recv()
    except EOFError:
        raise RuntimeError("the process that opened the chain ended without an answer") from None
    finally:
        process.join()
    return taken


def _open(pipe: Connection, folder: Path, leases: int) -> None:
    start = time.perf_counter()
    kernel = Kernel(folder)
    now = kernel.clock.now()
    kernel.finder.find(Ask(NEEDS, None, now + DAY_S, None, Near(40.0, -90.0), "firm"), now)
    taken = time.perf_counter() - start
    if len(kernel.keeper.ledger.leases) != leases or len(kernel.keeper.ledger.keys) != leases:
        raise RuntimeError(f"{len(kernel.keeper.ledger.leases)} leases came back of {leases}")
    pipe.send(taken)
