"""Each scenario in a new process, so that none inherits the memory or the garbage of another."""

import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.postgres import Unavailable
from benchmarks.report import RESULTS
from benchmarks.rounds import Setting


def run_apart(name: str, rounds: int, quick: bool) -> int:
    """Run a scenario with a folder of its own on the disk of this checkout; 0 or the exit code 1."""
    with tempfile.TemporaryDirectory(prefix="work-", dir=RESULTS, ignore_cleanup_errors=True) as folder:
        setting = Setting(rounds, quick, Path(folder))
        process = multiprocessing.get_context("spawn").Process(target=_run, args=(name, setting))
        process.start()
        try:
            process.join()
        except BaseException:
            process.terminate()  # it stops what it started, then ends: see _run
            process.join(30)
            process.kill()
            raise
        return 1 if process.exitcode else 0


def _run(name: str, setting: Setting) -> None:
    # Stopped the way asyncio knows: an interrupt cancels what is running and then leaves through every ``with``. In a
    # group of its own, so that Ctrl-C comes once, from the parent, and to none of the servers that a scenario starts.
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    module = module_of(name)
    print(f"{name}: {(module.__doc__ or '').strip()}", flush=True)
    try:
        outcome = module.run(setting)
    except KeyboardInterrupt:
        sys.exit(130)
    except Unavailable as reason:
        print(f"  skipped: {reason}\n", flush=True)
        return
    outcome.print()
    outcome.save()


def module_of(name: str) -> Any:
    return importlib.import_module(f"benchmarks.scenarios.{name.replace('-', '_')}")


def stop(*_: object) -> None:
    raise SystemExit(143)
