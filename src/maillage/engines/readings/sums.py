"""What readings add up to by the hour: it stays when they are gone, and answers what spans months."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maillage.engines.readings.columns import Floats, Ints, decimal_places, pack, scaled, unpack
from maillage.engines.readings.runs import HOUR_MS, Run
from maillage.services.sensing.ports import Series


class Sums(NamedTuple):
    """Of each hour that has readings (its number since 1970, UTC): how many, the smallest, the greatest, and the total
    of all, from which the mean of any number of hours follows."""

    hour: Ints
    counts: Ints
    low: Floats
    high: Floats
    total: Floats


def sums_of(run: Run, step_ms: int = HOUR_MS) -> Sums:
    """Of an ordered run; of other steps than hours ``hour`` is the number of the step."""
    hours = run.at_ms // step_ms
    if not hours.size:
        return NO_SUMS
    firsts = np.append(0, np.flatnonzero(hours[1:] != hours[:-1]) + 1)
    places = decimal_places(run.values)
    if places is None:
        with np.errstate(over="ignore"):
            total = np.add.reduceat(run.values, firsts)
    else:  # integers add up without error, in whatever order
        total = np.add.reduceat(scaled(run.values, places), firsts) / 10.0**places
    return Sums(
        hours[firsts],
        np.diff(np.append(firsts, hours.size)),
        np.minimum.reduceat(run.values, firsts),
        np.maximum.reduceat(run.values, firsts),
        total,
    )


def joined(parts: Sequence[Sums]) -> Sums:
    """In order of hour; no hour may be in two of them."""
    some = [part for part in parts if part.hour.size]
    if len(some) < 2:
        return some[0] if some else NO_SUMS
    columns = [np.concatenate(column) for column in zip(*some, strict=True)]
    if not bool(np.all(columns[0][1:] > columns[0][:-1])):
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
    return Sums(*columns)


def chosen(sums: Sums, which: npt.NDArray[np.bool_] | slice) -> Sums:
    """Some of the hours: a slice of them, or those that a mask has true."""
    hour, counts, low, high, total = sums
    return Sums(hour[which], counts[which], low[which], high[which], total[which])


def between(sums: Sums, first_hour: int, beyond_hour: int) -> Sums:
    """The hours in ``[first_hour, beyond_hour)``."""
    first, beyond = np.searchsorted(sums.hour, (first_hour, beyond_hour))
    return chosen(sums, slice(first, beyond))


def as_steps(sums: Sums, hours: int = 1, unit_ms: int = HOUR_MS) -> Series:
    """As sums are given out, by steps of so many hours since 1970; ``unit_ms`` is how long an hour of theirs is."""
    steps = sums.hour // hours
    if not steps.size:
        return Series(sums.hour, sums.low, sums.total, sums.high, sums.counts)
    firsts = np.append(0, np.flatnonzero(steps[1:] != steps[:-1]) + 1)
    count = np.add.reduceat(sums.counts, firsts)
    return Series(
        steps[firsts] * (hours * unit_ms),
        np.minimum.reduceat(sums.low, firsts),
        np.add.reduceat(sums.total, firsts) / count,
        np.maximum.reduceat(sums.high, firsts),
        count,
    )


def pack_sums(sums: Sums) -> bytes:
    return pack(*sums)


def unpack_sums(body: bytes) -> Sums:
    """Damaged where these are not bytes of ``pack_sums``."""
    return Sums(*unpack(body, "iifff"))


NO_SUMS = Sums(*(np.empty(0, np.int64),) * 2, *(np.empty(0, np.float64),) * 3)
