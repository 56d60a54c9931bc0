"""Readings as they go out."""

from collections.abc import Iterator

import msgspec
import numpy as np

from maillage.kernel.times import format_time
from maillage.services.sensing.ports import Series

MEAN_PLACES = 6
"""A mean has no end of places; these are finer than any sensor."""


class ReadingDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reading, with its ``value``; or all of a step that begins ``at``: the smallest, the mean, the greatest, and
    how many there were."""

    at: str
    value: float | None = None
    low: float | None = None
    mean: float | None = None
    high: float | None = None
    count: int | None = None


class LastDocument(msgspec.Struct, frozen=True):
    """The newest reading of a measure; ``unit`` is null where the profile does not have the measure any more."""

    at: str
    value: float
    unit: str | None


class ReadingsDocument(msgspec.Struct, frozen=True):
    """Readings of one measure in ``[start, end)``: each by itself, or by steps. Of what was measured before
    ``full_since`` only sums by the hour are kept (null: all is kept)."""

    device: str
    measure: str
    unit: str | None
    start: str
    end: str
    step_s: int | None
    full_since: str | None
    items: list[ReadingDocument]


def items_of(series: Series, by_step: bool) -> list[ReadingDocument]:
    """A series as documents, in order of time."""
    instants = _instants(series)
    if not by_step:
        return [ReadingDocument(*pair) for pair in zip(instants, series.mean.tolist(), strict=True)]
    rows = zip(instants, *_step_columns(series), strict=True)
    return [ReadingDocument(at, None, low, mean, high, count) for at, low, mean, high, count in rows]


def csv_of(series: Series, by_step: bool) -> Iterator[str]:
    """The same as lines of CSV (RFC 4180), the header first."""
    instants = _instants(series)
    if not by_step:
        yield "at,value\r\n"
        yield from (f"{at},{value!r}\r\n" for at, value in zip(instants, series.mean.tolist(), strict=True))
        return
    yield "at,low,mean,high,count\r\n"
    for at, low, mean, high, count in zip(instants, *_step_columns(series), strict=True):
        yield f"{at},{low!r},{mean!r},{high!r},{count}\r\n"


def instant(at_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    whole, rest = divmod(at_ms, 1_000)
    return f"{format_time(whole)[:-1]}.{rest:03d}Z"


def _instants(series: Series) -> list[str]:
    texts: list[str] = np.datetime_as_string(series.at_ms.astype("datetime64[ms]"), timezone="UTC").tolist()
    return texts


def _step_columns(series: Series) -> tuple[list[float], list[float], list[float], list[int]]:
    mean = np.round(series.mean, MEAN_PLACES)
    return series.low.tolist(), mean.tolist(), series.high.tolist(), series.count.tolist()
