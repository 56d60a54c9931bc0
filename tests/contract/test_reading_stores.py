"""One suite for whatever keeps readings: in memory, and in a file, packed seldom, at every turn, or read after a
restart."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maillage.engines.readings.memory import MemoryReadings
from maillage.engines.readings.store import FileReadings
from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Reading, SeriesKey
from maillage.services.sensing.ports import Series
from maillage.services.sensing.readings.ports import ReadingArchive

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
NOW = 1_793_534_400_000  # 2026-11-01T12:00:00Z
MIDNIGHT = NOW // DAY_MS * DAY_MS
KEY = SeriesKey("freezer-1", "temperature")
EVER = (0, NOW + 10 * DAY_MS)


class Kept:
    """A store, and what happens to it between one call and the next: nothing, packing, or a restart."""

    def __init__(self, store: ReadingArchive, between: Callable[[ReadingArchive], ReadingArchive]) -> None:
        self.store = store
        self._between = between

    def __getattr__(self, name: str) -> Any:
        self.store = self._between(self.store)
        return getattr(self.store, name)


@pytest.fixture(params=["memory", "file", "packed", "reopened", "packed and reopened"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    packs, reopens = "packed" in request.param, "reopened" in request.param

    def between(store: ReadingArchive) -> ReadingArchive:
        while packs and store.seal(1, even_few=True):
            pass
        if not reopens:
            return store
        store.close()
        return FileReadings(tmp_path)

    one = Kept(MemoryReadings() if request.param == "memory" else FileReadings(tmp_path), between)
    yield one
    one.store.close()


def reading(at_ms: int, value: float, key: SeriesKey = KEY, site: str = "wm-1") -> Reading:
    return Reading(site, key.device, key.measure, at_ms, value)


def pairs(series: Series) -> list[tuple[int, float]]:
    """What was read at full resolution."""
    assert series.low.tolist() == series.mean.tolist() == series.high.tolist()
    assert series.count.tolist() == [1] * len(series.at_ms)
    assert (series.at_ms.dtype, series.mean.dtype, series.count.dtype) == (np.int64, np.float64, np.int64)
    return list(zip(series.at_ms.tolist(), series.mean.tolist(), strict=True))


def steps(series: Series) -> list[tuple[int, float, float, float, int]]:
    columns = (series.at_ms, series.low, series.mean, series.high, series.count)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_where_nothing_is_there_is_nothing(kept: Kept) -> None:
    assert pairs(kept.read(KEY, *EVER)) == [] and steps(kept.read(KEY, *EVER, 3_600)) == []
    assert kept.last(KEY) is kept.extent(KEY) is None
    assert (kept.count(KEY, *EVER), kept.full_since_ms) == (0, 0)
    kept.append([])
    kept.forget(NOW)
    kept.forget_sums(NOW)


def test_what_is_appended_is_there_in_order_of_time(kept: Kept) -> None:
    kept.append([reading(NOW + 2, -18.25), reading(NOW, -18.5), reading(NOW, 1.0, SeriesKey("door-1", "open"))])
    kept.append([reading(NOW + 1, -18.31)])
    assert pairs(kept.read(KEY, *EVER)) == [(NOW, -18.5), (NOW + 1, -18.31), (NOW + 2, -18.25)]
    assert pairs(kept.read(SeriesKey("door-1", "open"), *EVER)) == [(NOW, 1.0)]
    assert pairs(kept.read(SeriesKey("door-1", "temperature"), *EVER)) == []
    assert kept.extent(KEY) == (NOW, NOW + 2)
    assert kept.count(KEY, *EVER) == 3


def test_a_range_is_half_open(kept: Kept) -> None:
    kept.append([reading(NOW + number, float(number)) for number in range(5)])
    assert [value for _, value in pairs(kept.read(KEY, NOW + 1, NOW + 3))] == [1, 2]
    assert pairs(kept.read(KEY, NOW + 3, NOW + 3)) == pairs(kept.read(KEY, NOW + 3, NOW)) == []
    assert len(pairs(kept.read(KEY, -(1 << 62), 1 << 62))) == 5


def test_one_of_the_same_instant_takes_the_place_of_the_one_before(kept: Kept) -> None:
    kept.append([reading(NOW, -18.0), reading(NOW + 1, -17.0)])
    kept.append([reading(NOW, -19.0), reading(NOW, -20.0)])
    assert pairs(kept.read(KEY, *EVER)) == [(NOW, -20.0), (NOW + 1, -17.0)]
    assert steps(kept.read(KEY, *EVER, 3_600)) == [(NOW, -20, -18.5, -17, 2)]


def test_the_last_is_the_one_with_the_latest_instant(kept: Kept) -> None:
    kept.append([reading(NOW, -18.0), reading(NOW - DAY_MS, 4.0)])
    assert kept.last(KEY) == reading(NOW, -18.0)
    kept.append([reading(NOW - HOUR_MS, 5.0)])
    assert kept.last(KEY) == reading(NOW, -18.0)
    kept.append([reading(NOW, -18.5)])
    assert kept.last(KEY) == reading(NOW, -18.5)


def test_what_comes_late_is_in_its_place_and_in_the_sums(kept: Kept) -> None:
    for day in (5, 0, 40):
        kept.append([reading(MIDNIGHT - day * DAY_MS + minute * MINUTE_MS, 4.0 + day) for minute in range(3)])
    kept.append([reading(MIDNIGHT - 5 * DAY_MS + MINUTE_MS, 30.0), reading(MIDNIGHT - 5 * DAY_MS + 1, 0.0)])
    day = MIDNIGHT - 5 * DAY_MS
    assert pairs(kept.read(KEY, day, day + DAY_MS)) == [
        (day, 9.0),
        (day + 1, 0.0),
        (day + MINUTE_MS, 30.0),
        (day + 2 * MINUTE_MS, 9.0),
    ]
    assert steps(kept.read(KEY, *EVER, 86_400)) == [
        (MIDNIGHT - 40 * DAY_MS, 44.0, 44.0, 44.0, 3),
        (day, 0.0, 12.0, 30.0, 4),
        (MIDNIGHT, 4.0, 4.0, 4.0, 3),
    ]


@pytest.mark.parametrize("step_s", [60, 300, 3_600, 7_200, 5_400, 86_400, 7 * 86_400, 1])
def test_steps_are_whole_ones_since_1970_and_exact(kept: Kept, step_s: int) -> None:
    """Ten days of a reading each 7 minutes, asked for from the midst of an hour to the midst of another."""
    rng = np.random.default_rng(3)
    known = [(NOW + number * 7 * MINUTE_MS, round(float(rng.normal(-18, 2)), 2)) for number in range(2_000)]
    kept.append([reading(at, value) for at, value in known])
    start, end = NOW + 100 * MINUTE_MS, NOW + 9 * DAY_MS + 13 * MINUTE_MS
    buckets: dict[int, list[float]] = {}
    for at, value in known:
        if start <= at < end:
            buckets.setdefault(at // (step_s * 1_000) * step_s * 1_000, []).append(value)
    found = steps(kept.read(KEY, start, end, step_s))
    assert [(at, low, high, count) for at, low, _, high, count in found] == [
        (at, min(values), max(values), len(values)) for at, values in sorted(buckets.items())
    ]
    means = [math.fsum(values) / len(values) for _, values in sorted(buckets.items())]
    assert [mean for _, _, mean, _, _ in found] == pytest.approx(means, rel=1e-12)


@pytest.mark.parametrize("step_s", [0, -60])
def test_a_step_that_is_none_is_refused(kept: Kept, step_s: int) -> None:
    with pytest.raises(Invalid, match="step_s"):
        kept.read(KEY, *EVER, step_s)


@pytest.mark.parametrize(
    "values",
    [
        [-18.25, 3.0, 1e-9, 0.1 + 0.2],
        [math.pi, 1e300, -1e-300, 5e-324, 1.7976931348623157e308],
        [123456.789012, 0.000001, -99999.5],
        [0.0, -0.0, 1.0],
        [9_007_199_254_740_993.0, 2.0],
        [7.0],
    ],
)
def test_values_come_back_as_they_were(kept: Kept, values: list[float]) -> None:
    kept.append([reading(NOW + number, value) for number, value in enumerate(values)])
    assert [value for _, value in pairs(kept.read(KEY, *EVER))] == values


@pytest.mark.parametrize("apart_ms", [1, 999, 60_000, 3_600_000, 90_000_000])
def test_instants_come_back_as_they_were(kept: Kept, apart_ms: int) -> None:
    rng = np.random.default_rng(apart_ms)
    instants = np.unique(NOW + np.cumsum(rng.integers(1, 2 * apart_ms + 1, 100))).tolist()
    kept.append([reading(at, 1.0) for at in instants])
    assert [at for at, _ in pairs(kept.read(KEY, 0, instants[-1] + 1))] == instants


@pytest.mark.parametrize(
    ("at_ms", "value", "told"),
    [(NOW, math.nan, "finite"), (NOW, math.inf, "finite"), (-1, 1.0, "1970"), (253_402_300_800_000, 1.0, "9999")],
)
def test_what_can_not_be_is_refused_with_its_whole_batch(kept: Kept, at_ms: int, value: float, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        kept.append([reading(NOW, 1.0), reading(at_ms, value)])
    with pytest.raises(Invalid, match=told):
        kept.backfill("wm-1", KEY, np.array([NOW, at_ms]), np.array([1.0, value]))
    assert pairs(kept.read(KEY, *EVER)) == []


def test_the_first_and_the_last_millisecond_can_be_kept(kept: Kept) -> None:
    kept.append([reading(0, 1.0), reading(253_402_300_799_999, 2.0)])
    assert len(pairs(kept.read(KEY, 0, 253_402_300_800_000))) == 2
    assert [count for *_, count in steps(kept.read(KEY, 0, 253_402_300_800_000, 86_400))] == [1, 1]


def test_backfill_goes_among_what_is_there_and_over_it(kept: Kept) -> None:
    kept.append([reading(MIDNIGHT, 1.0), reading(MIDNIGHT + 2, 3.0)])
    instants = np.array([MIDNIGHT + 1, MIDNIGHT - 3 * DAY_MS, MIDNIGHT, MIDNIGHT + 1])
    kept.backfill("wm-1", KEY, instants, np.array([2.5, 0.0, 1.5, 2.0]))
    assert pairs(kept.read(KEY, *EVER)) == [
        (MIDNIGHT - 3 * DAY_MS, 0.0),
        (MIDNIGHT, 1.5),
        (MIDNIGHT + 1, 2.0),
        (MIDNIGHT + 2, 3.0),
    ]
    assert kept.last(KEY) == reading(MIDNIGHT + 2, 3.0)
    kept.append([reading(MIDNIGHT, 7.0)])
    assert pairs(kept.read(KEY, MIDNIGHT, MIDNIGHT + 1)) == [(MIDNIGHT, 7.0)]


def test_backfill_of_a_new_series(kept: Kept) -> None:
    instants = NOW + MINUTE_MS * np.arange(10_000)
    kept.backfill("wm-2", KEY, instants, instants % 7 / 10)
    assert kept.last(KEY) == reading(int(instants[-1]), float(instants[-1] % 7 / 10), site="wm-2")
    assert kept.count(KEY, *EVER) == 10_000
    assert kept.extent(KEY) == (NOW, int(instants[-1]))
    kept.backfill("wm-2", KEY, np.empty(0, np.int64), np.empty(0))


def test_lengths_that_differ_are_refused(kept: Kept) -> None:
    with pytest.raises(Invalid, match="2 instants"):
        kept.backfill("wm-1", KEY, np.array([NOW, NOW + 1]), np.array([1.0]))


def test_of_what_is_forgotten_the_sums_stay(kept: Kept) -> None:
    kept.append([reading(MIDNIGHT + hour * HOUR_MS // 2, float(hour)) for hour in range(-96, 48)])
    before = steps(kept.read(KEY, *EVER, 3_600))
    kept.forget(MIDNIGHT - DAY_MS + 5)
    assert kept.full_since_ms == MIDNIGHT - DAY_MS
    assert next(at for at, _ in pairs(kept.read(KEY, *EVER))) == MIDNIGHT - DAY_MS
    assert steps(kept.read(KEY, *EVER, 3_600)) == before
    assert kept.count(KEY, *EVER) == 96
    assert kept.extent(KEY) == (MIDNIGHT - 2 * DAY_MS, MIDNIGHT + 47 * HOUR_MS // 2)
    half_past = MIDNIGHT - 2 * DAY_MS + HOUR_MS // 2
    assert steps(kept.read(KEY, half_past, half_past + HOUR_MS, 3_600)) == before[1:2], "an hour that begins in it"
    kept.forget(MIDNIGHT - 2 * DAY_MS)
    assert kept.full_since_ms == MIDNIGHT - DAY_MS, "nothing comes back"


def test_what_is_older_than_what_is_kept_is_left_out(kept: Kept) -> None:
    kept.append([reading(MIDNIGHT - 1, 1.0), reading(MIDNIGHT, 2.0)])
    kept.forget(MIDNIGHT)
    kept.append([reading(MIDNIGHT - 2, 5.0), reading(MIDNIGHT + 1, 3.0)])
    kept.backfill("wm-1", KEY, np.array([MIDNIGHT - 3, MIDNIGHT + 2]), np.array([9.0, 4.0]))
    assert [value for _, value in pairs(kept.read(KEY, *EVER))] == [2, 3, 4]
    assert [count for *_, count in steps(kept.read(KEY, *EVER, 86_400))] == [1, 3]


def test_a_series_of_which_all_is_forgotten_has_no_last(kept: Kept) -> None:
    kept.append([reading(MIDNIGHT - 1, 1.0)])
    assert kept.extent(KEY) == (MIDNIGHT - HOUR_MS, MIDNIGHT - 1)
    kept.forget(MIDNIGHT)
    assert kept.extent(KEY) == (MIDNIGHT - HOUR_MS, MIDNIGHT - HOUR_MS)
    assert kept.last(KEY) is None
    assert len(steps(kept.read(KEY, *EVER, 3_600))) == 1


def test_sums_are_forgotten_too_in_the_end_but_not_of_what_is_there(kept: Kept) -> None:
    kept.append([reading(MIDNIGHT - day * DAY_MS, float(day)) for day in range(200)])
    kept.forget(MIDNIGHT - 50 * DAY_MS)
    kept.forget_sums(MIDNIGHT - 100 * DAY_MS)
    left = len(steps(kept.read(KEY, *EVER, 86_400)))
    assert 101 <= left <= 101 + 32
    kept.forget_sums(MIDNIGHT)
    assert 51 <= len(steps(kept.read(KEY, *EVER, 86_400))) <= 51 + 32
    assert len(pairs(kept.read(KEY, *EVER))) == 51
