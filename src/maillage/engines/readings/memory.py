"""Readings in memory only, kept as plainly as can be: for tests and simulation."""

from collections.abc import Sequence
from threading import RLock

import numpy as np
import numpy.typing as npt

from maillage.engines.readings.held import check_readings, check_run
from maillage.engines.readings.runs import DAY_MS, HOUR_MS, Run, as_series
from maillage.engines.readings.sums import NO_SUMS, Sums, as_steps, between, chosen, joined, sums_of
from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Reading, SeriesKey
from maillage.services.sensing.ports import Series

_HOUR_S = 3_600


class MemoryReadings:
    """``services.sensing.readings.ports.ReadingArchive``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._sites: dict[SeriesKey, str] = {}
        self._readings: dict[SeriesKey, dict[int, float]] = {}
        self._sums: dict[SeriesKey, Sums] = {}
        """Of what was forgotten."""
        self._full_since_ms = 0

    @property
    def full_since_ms(self) -> int:
        return self._full_since_ms

    def append(self, readings: Sequence[Reading]) -> None:
        check_readings(readings)
        with self._lock:
            for reading in readings:
                if reading.at_ms >= self._full_since_ms:
                    self._of(reading.site, SeriesKey(reading.device, reading.measure))[reading.at_ms] = reading.value

    def backfill(
        self, site: str, key: SeriesKey, at_ms: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> None:
        check_run(at_ms, values)
        pairs = zip(at_ms.tolist(), values.tolist(), strict=True)
        self.append([Reading(site, key.device, key.measure, at, value) for at, value in pairs])

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None) -> Series:
        if step_s is not None and step_s < 1:
            raise Invalid("step_s", f"{step_s} is no step; it takes at least a second")
        with self._lock:
            run = self._run(key, start_ms, end_ms)
            if step_s is None:
                return as_series(run)
            if step_s % _HOUR_S:
                return as_steps(sums_of(run, step_s * 1_000), 1, step_s * 1_000)
            forgotten = between(self._sums.get(key, NO_SUMS), -(-start_ms // HOUR_MS), -(-end_ms // HOUR_MS))
            return as_steps(joined([forgotten, sums_of(run)]), step_s // _HOUR_S)

    def last(self, key: SeriesKey) -> Reading | None:
        with self._lock:
            known = self._readings.get(key)
            if not known:
                return None
            at_ms = max(known)
            return Reading(self._sites[key], key.device, key.measure, at_ms, known[at_ms])

    def extent(self, key: SeriesKey) -> tuple[int, int] | None:
        with self._lock:
            known = self._readings.get(key, {})
            hours = [int(hour) * HOUR_MS for hour in self._sums.get(key, NO_SUMS).hour]
            firsts = [*hours, *(at_ms // HOUR_MS * HOUR_MS for at_ms in known)]
            return (min(firsts), max([*hours, *known])) if firsts else None

    def count(self, key: SeriesKey, start_ms: int, end_ms: int) -> int:
        with self._lock:
            return int(self._run(key, start_ms, end_ms).at_ms.size)

    def seal(self, series_max: int = 100, even_few: bool = False) -> int:  # noqa: ARG002
        """There is nothing to pack."""
        return 0

    def forget(self, before_ms: int) -> None:
        cut_ms = before_ms // DAY_MS * DAY_MS
        with self._lock:
            if cut_ms <= self._full_since_ms:
                return
            for key, known in self._readings.items():
                gone = sums_of(self._run(key, 0, cut_ms))
                self._sums[key] = joined([self._sums.get(key, NO_SUMS), gone])
                for at_ms in [at_ms for at_ms in known if at_ms < cut_ms]:
                    del known[at_ms]
            self._full_since_ms = cut_ms

    def forget_sums(self, before_ms: int) -> None:
        cut = min(before_ms, self._full_since_ms) // HOUR_MS
        with self._lock:
            for key, sums in self._sums.items():
                self._sums[key] = chosen(sums, sums.hour >= cut)

    def close(self) -> None:
        """There is nothing to close."""

    def _of(self, site: str, key: SeriesKey) -> dict[int, float]:
        self._sites.setdefault(key, site)
        return self._readings.setdefault(key, {})

    def _run(self, key: SeriesKey, start_ms: int, end_ms: int) -> Run:
        known = sorted(self._readings.get(key, {}).items())
        some = [(at_ms, value) for at_ms, value in known if start_ms <= at_ms < end_ms]
        return Run(np.array([at for at, _ in some], np.int64), np.array([value for _, value in some], np.float64))
