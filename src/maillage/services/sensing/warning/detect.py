"""The generic detector over a whole file, row by row as if it were live."""

import math
from collections.abc import Callable

import msgspec

from maillage.services.sensing.warning.generic import STANDARD, THRESHOLD, Detector, Tuning
from maillage.services.sensing.warning.series import Table


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """A score and an alarm for each row. ``interval_s`` is None for a series too short to tell; ``missing`` rows have
    no value, ``late`` ones are not later than one before: both score 0 and nothing is learnt from them. Rows before
    ``learnt_from_s`` (None when that was not reached) score 0 because too little was known."""

    scores: list[float]
    alarms: list[bool]
    interval_s: float | None
    block_s: float
    missing: int
    late: int
    learnt_from_s: float | None


def detect(table: Table, tuning: Tuning = STANDARD, advance: Callable[[int], object] = lambda _: None) -> Detection:
    """Score every row of ``table`` by the rows up to it."""
    detector = Detector(tuning)
    scores, missing, learnt = [], 0, None
    for number, (at, value) in enumerate(zip(table.at_s, table.columns["value"], strict=True), 1):
        if math.isnan(value):
            missing += 1
            scores.append(0.0)
        else:
            scores.append(detector.score(at, value))
            if learnt is None and detector.ready:
                learnt = at
        if number % 10_000 == 0:
            advance(10_000)
    return Detection(
        scores=scores,
        alarms=[score >= THRESHOLD for score in scores],
        interval_s=detector.interval_s,
        block_s=detector.block_s,
        missing=missing,
        late=table.late,
        learnt_from_s=learnt,
    )
