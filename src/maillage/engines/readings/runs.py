"""A run of readings of one measure: instants that grow, each with a value."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from maillage.engines.readings.columns import Floats, Ints, pack, unpack
from maillage.services.sensing.ports import Series

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
AT_MS_MAX = 253_402_300_800_000
"""The end of the year 9999."""


class Run(NamedTuple):
    """``at_ms`` (milliseconds UTC) and values, as long as each other."""

    at_ms: Ints
    values: Floats


NOTHING = Run(np.empty(0, np.int64), np.empty(0, np.float64))


def merged(*parts: Run) -> Run:
    """In order of time, each instant once: of several values the last one given counts."""
    some = [part for part in parts if part.at_ms.size]
    if not some:
        return NOTHING
    at_ms = np.concatenate([part.at_ms for part in some]) if len(some) > 1 else some[0].at_ms
    values = np.concatenate([part.values for part in some]) if len(some) > 1 else some[0].values
    if bool(np.all(at_ms[1:] > at_ms[:-1])):
        return Run(at_ms, values)
    order = np.argsort(at_ms, kind="stable")
    at_ms, values = at_ms[order], values[order]
    last = np.append(at_ms[1:] != at_ms[:-1], True)
    return Run(at_ms[last], values[last])


def within(run: Run, start_ms: int, end_ms: int) -> Run:
    """The part of an ordered run in ``[start_ms, end_ms)``."""
    first, beyond = np.searchsorted(run.at_ms, (start_ms, end_ms))
    return Run(run.at_ms[first:beyond], run.values[first:beyond])


def by_day(run: Run) -> list[tuple[int, Run]]:
    """An ordered run cut at midnight UTC, by the number of the day since 1970."""
    days = run.at_ms // DAY_MS
    cuts = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), days.size] if days.size else []
    return [
        (int(days[first]), Run(run.at_ms[first:beyond], run.values[first:beyond])) for first, beyond in pairwise(cuts)
    ]


def pack_run(run: Run) -> bytes:
    return pack(run.at_ms, run.values)


def unpack_run(body: bytes) -> Run:
    """Damaged where these are not bytes of ``pack_run``."""
    at_ms, values = unpack(body, "if")
    return Run(at_ms, values)


def as_series(run: Run) -> Series:
    """At full resolution: each reading for itself."""
    return Series(run.at_ms, run.values, run.values, run.values, np.ones(run.at_ms.size, np.int64))
