"""The simulation: seeds of a mesh on simulated time, checks and all, in one process."""

import time
from itertools import count

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.simulation.mesh_chain import MeshChain
from maillage.simulation.run import simulate

GOAL_A_SECOND = 3.0
STEPS, STEPS_OF_A_LONG_LIFE = 300, 5_000


def run(setting: Setting) -> Outcome:
    """Every round plays seeds of its own, so that a lucky one counts once."""
    seeds = count(1)
    at_once = 2 if setting.quick else 20
    long_life = 300 if setting.quick else STEPS_OF_A_LONG_LIFE

    def short() -> float:
        began = time.perf_counter()
        for _ in range(at_once):
            _play(next(seeds), STEPS)
        return at_once / (time.perf_counter() - began)

    def long() -> float:
        began = time.perf_counter()
        _play(next(seeds), long_life)
        return long_life / (time.perf_counter() - began)

    _play(0, STEPS)  # imports and caches
    rounds = alternate(setting, {"short": short, "long": long})
    lines = [
        Line(f"{STEPS} steps", "seeds/s", [each.values["short"] for each in rounds], goal=GOAL_A_SECOND),
        Line("a long life", "steps/s", [each.values["long"] for each in rounds]),
    ]
    notes = [
        f"two hubs and three to eight nodes; {at_once} seeds of {STEPS} steps and one of {long_life:,} a round",
        "one thread and no disk: it is the interpreter that is measured",
    ]
    return Outcome("simulate", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _play(seed: int, steps: int) -> None:
    report = simulate(seed, steps, MeshChain)
    if not report.ok:
        raise RuntimeError(f"seed {seed} with {steps} steps: {report.faults[0]}")
