"""From an instance that is not loaded to its first answer, against `podman run --rm` of the same function.

Its compiled code lies on disk; the program is loaded, the instance started, the request answered.
"""

import asyncio
import time
from collections.abc import Callable
from statistics import median

import uvloop

from benchmarks.containers import podman
from benchmarks.greeting import KINDS, Kind
from benchmarks.in_process import BareRuntime, answered
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate

STARTS, CONTAINERS = 50, 5
"""A round's starts of each side."""
GOAL = 1 / 20


def run(setting: Setting) -> Outcome:
    starts, containers = (5, 2) if setting.quick else (STARTS, CONTAINERS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, podman() as container:
        bare = BareRuntime(setting.folder)
        try:
            runner.run(bare.accept())
            sides: dict[str, Callable[[], float]] = {
                kind: lambda kind=kind: runner.run(_first_answer_ms(bare, kind, starts)) for kind in KINDS
            }
            if container is not None:
                sides["podman"] = lambda: median(container.run_once() for _ in range(containers)) * 1e3
            for kind in KINDS:
                sides[kind]()
            rounds = alternate(setting, sides)
        finally:
            runner.run(bare.close())
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [
        Line(kind, "ms at p50", columns[kind], columns["podman"], "podman run", GOAL, at_most=True)
        if "podman" in columns
        else Line(kind, "ms at p50", columns[kind])
        for kind in KINDS
    ]
    notes = ["compiled code and image are in the disk's cache; both engines run already"]
    return Outcome("invoke-cold", lines, rounds, notes, uses_disk=False, quick=setting.quick)


async def _first_answer_ms(bare: BareRuntime, kind: Kind, starts: int) -> float:
    taken = []
    for _ in range(starts):
        start = time.perf_counter()
        await bare.start(kind)
        await answered(bare.runtime.invoke, kind)
        taken.append(time.perf_counter() - start)
        await bare.runtime.stop(kind, 0.0)  # the last instance of a version takes the program with it
    return median(taken) * 1e3
