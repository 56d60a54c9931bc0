"""Anomalies online: readings a second of early warning and of the detector for any series, against river's trees."""

import time
from collections.abc import Callable

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.services.sensing.simulate.run import START_S, simulate
from maillage.services.sensing.warning.generic import Detector
from maillage.services.sensing.warning.settings import Settings
from maillage.services.sensing.warning.state import State
from maillage.services.sensing.warning.unit import Thresholds, UnitWatch

GOAL_A_SECOND = 30_000 / 60
"""A chain of 30,000 temperatures, each once a minute."""
DAYS = 12


def run(setting: Setting) -> Outcome:
    """Every side reads the same simulated freezer from its first reading on, learning and scoring each."""
    days = 2 if setting.quick else DAYS
    freezer = simulate(1, days, 1)
    values = [value for value in freezer.value[0].tolist() if value == value]
    door, defrost = freezer.door[0].tolist(), freezer.defrost[0].tolist()
    times = [float(START_S + 60 * minute) for minute in range(len(values))]

    def early_warning() -> None:
        settings = Settings()
        watch = UnitWatch(State.fresh(times[0], settings), settings, Thresholds(settings), lambda *_: None)
        for at, value, is_open, thaws in zip(times, values, door, defrost, strict=False):
            watch.observe(at, value, is_open, thaws)

    def generic() -> None:
        detector = Detector()
        for at, value in zip(times, values, strict=True):
            detector.score(at, value)

    sides = {"early warning": early_warning, "any series": generic}
    notes = [f"{len(values):,} readings of a simulated freezer, one thread, from the first on"]
    trees = _half_space_trees(values)
    if trees is None:
        notes.append("river is not installed (pip install river): no column for its trees")
    else:
        sides["trees"] = trees
        notes.append("river: HalfSpaceTrees after MinMaxScaler, 10 trees of height 8 and windows of 250, its defaults")
    rounds = alternate(setting, {name: _rate(side, len(values)) for name, side in sides.items()})
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [Line(name, "readings/s", columns[name], goal=GOAL_A_SECOND) for name in ("early warning", "any series")]
    if trees is not None:
        lines += [
            Line(f"{name}, against trees", "readings/s", columns[name], columns["trees"], "river")
            for name in ("early warning", "any series")
        ]
    return Outcome("detector", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _rate(side: Callable[[], None], readings: int) -> Callable[[], float]:
    def measured() -> float:
        began = time.perf_counter()
        side()
        return readings / (time.perf_counter() - began)

    return measured


def _half_space_trees(values: list[float]) -> Callable[[], None] | None:
    try:
        from river import anomaly, compose, preprocessing
    except ImportError:
        return None

    def side() -> None:
        model = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))
        for value in values:
            row = {"value": value}
            model.score_one(row)
            model.learn_one(row)

    return side
