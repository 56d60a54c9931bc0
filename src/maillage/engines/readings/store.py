"""Readings in a file: small, quick to take, and quick to ask over years.

What comes in is one entry of a log, and is in memory; every few hundred readings of a series it is packed into blocks
(see ``packing``). A crash loses at most the batch that ``append`` has not returned from.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from maillage.engines.readings.columns import readable
from maillage.engines.readings.database import ReadingsFile, row_id
from maillage.engines.readings.finding import Finding, refuse
from maillage.engines.readings.held import Held, check_readings, check_run
from maillage.engines.readings.packing import WORTH, Packer
from maillage.engines.readings.runs import (
    AT_MS_MAX,
    DAY_MS,
    HOUR_MS,
    NOTHING,
    Run,
    as_series,
    merged,
    unpack_run,
    within,
)
from maillage.engines.readings.sums import as_steps, sums_of, unpack_sums
from maillage.engines.readings.tail import SeriesTail, pack_entry
from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Reading, SeriesKey
from maillage.services.sensing.ports import Series

_HOUR_S = 3_600
_ENDS = (
    "SELECT body FROM hours WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
    "SELECT body FROM hours WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
)
_ENTER = "INSERT INTO series VALUES (?, ?, ?, ?, 0)"


class FileReadings:
    """``services.sensing.readings.ports.ReadingArchive``, in a folder of its own. One process at a time; from any of
    its threads. RecordsUnavailable where the disk does not do its part."""

    def __init__(self, folder: Path, worth: int = WORTH) -> None:
        self._file = ReadingsFile(folder)
        try:
            self._held = Held(self._file)
        except BaseException:
            self._file.close()
            raise
        self._packer = Packer(self._held, worth)
        self._entering = Lock()
        self._looked: set[int] = set()
        """Series whose blocks were looked into for their newest reading."""

    @property
    def full_since_ms(self) -> int:
        return self._held.full_since_ms

    # -- taking ----------------------------------------------------------------------------------------------------

    def append(self, readings: Sequence[Reading]) -> None:
        check_readings(readings)
        held = self._held
        kept = [reading for reading in readings if reading.at_ms >= held.full_since_ms]
        if not kept:
            return
        with self._entering:
            fresh: dict[tuple[str, str], SeriesTail] = {}
            of = [self._series(reading, fresh) for reading in kept]
            number = held.number + 1
            with self._file.transaction() as db:
                db.executemany(_ENTER, [(tail.id, *key, tail.site) for key, tail in fresh.items()])
                db.execute("INSERT INTO log VALUES (?, ?)", (number, pack_entry([tail.id for tail in of], kept)))
            with held.lock:
                held.tails.update(fresh)
                held.number = number
                for tail, reading in zip(of, kept, strict=True):
                    tail.add(reading.at_ms, reading.value)

    def backfill(
        self, site: str, key: SeriesKey, at_ms: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> None:
        at_ms, values = np.asarray(at_ms, np.int64), np.asarray(values, np.float64)
        check_run(at_ms, values)
        run = merged(Run(at_ms, values))
        if not run.at_ms.size:
            return
        tail = self._entered(site, key)
        self._packer.add(tail, run)
        last = int(run.at_ms[-1]), float(run.values[-1])
        with self._held.lock:
            if tail.newest is None or last[0] >= tail.newest[0]:
                tail.newest = last

    def _series(self, reading: Reading, fresh: dict[tuple[str, str], SeriesTail]) -> SeriesTail:
        key = (reading.device, reading.measure)
        tail = self._held.tails.get(key) or fresh.get(key)
        if tail is None:
            tail = fresh[key] = SeriesTail(self._held.next_id() + len(fresh), reading.site)
        return tail

    def _entered(self, site: str, key: SeriesKey) -> SeriesTail:
        with self._entering:
            tail = self._held.tails.get(key)
            if tail is None:
                tail = SeriesTail(self._held.next_id(), site)
                with self._file.transaction() as db:
                    db.execute(_ENTER, (tail.id, *key, site))
                with self._held.lock:
                    self._held.tails[key] = tail
        return tail

    # -- asking ----------------------------------------------------------------------------------------------------

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None) -> Series:
        if step_s is not None and step_s < 1:
            raise Invalid("step_s", f"{step_s} is no step; it takes at least a second")
        start_ms, end_ms = max(start_ms, 0), min(end_ms, AT_MS_MAX)
        tail = self._held.tails.get(key)
        if tail is None or end_ms <= start_ms:
            return as_series(NOTHING)
        with self._held.lock:
            waiting = tail.part(start_ms // DAY_MS * DAY_MS, -(-end_ms // DAY_MS) * DAY_MS)
        with self._file.reading() as db:
            finding = Finding(db, tail.id, waiting, self.full_since_ms)
            if step_s is not None and step_s % _HOUR_S == 0:
                return as_steps(finding.hours(start_ms, end_ms), step_s // _HOUR_S)
            run = finding.readings(start_ms, end_ms)
        return as_series(run) if step_s is None else as_steps(sums_of(run, step_s * 1_000), 1, step_s * 1_000)

    def last(self, key: SeriesKey) -> Reading | None:
        tail = self._held.tails.get(key)
        if tail is None:
            return None
        if tail.id not in self._looked:
            self._look(tail)
        newest = tail.newest
        if newest is None or newest[0] < self.full_since_ms:
            return None
        return Reading(tail.site, key.device, key.measure, *newest)

    def extent(self, key: SeriesKey) -> tuple[int, int] | None:
        tail = self._held.tails.get(key)
        if tail is None:
            return None
        with self._held.lock:
            instants = [min(tail.at_ms) // HOUR_MS * HOUR_MS, max(tail.at_ms)] if tail.at_ms else []
        bounds = row_id(tail.id, 0), row_id(tail.id + 1, 0)
        with self._file.reading() as db:
            for statement in _ENDS:
                for (body,) in db.execute(statement, bounds):
                    instants += [int(hour) * HOUR_MS for hour in readable(unpack_sums, body, refuse).hour[[0, -1]]]
        last = self.last(key)
        if last is not None:
            instants.append(last.at_ms)
        return (min(instants), max(instants)) if instants else None

    def count(self, key: SeriesKey, start_ms: int, end_ms: int) -> int:
        tail = self._held.tails.get(key)
        start_ms, end_ms = max(start_ms, self.full_since_ms), min(end_ms, AT_MS_MAX)
        if tail is None or end_ms <= start_ms:
            return 0
        first, last = -(-start_ms // DAY_MS), end_ms // DAY_MS  # whole days are in between
        with self._held.lock:
            waiting = tail.part(start_ms, end_ms)
        with self._file.reading() as db:
            finding = Finding(db, tail.id, waiting, self.full_since_ms)
            if last <= first:
                return int(finding.readings(start_ms, end_ms).at_ms.size)
            statement = "SELECT coalesce(sum(count), 0) FROM blocks WHERE id >= ? AND id < ?"
            (packed,) = db.execute(statement, (row_id(tail.id, first), row_id(tail.id, last))).fetchone()
            edges = (finding.readings(start_ms, first * DAY_MS), finding.readings(last * DAY_MS, end_ms))
        among = within(waiting, first * DAY_MS, last * DAY_MS).at_ms.size
        return int(packed) + int(among) + sum(edge.at_ms.size for edge in edges)

    def _look(self, tail: SeriesTail) -> None:
        """Find out what the newest packed reading is, once."""
        statement = "SELECT body FROM blocks WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"
        with self._file.reading() as db:
            found = db.execute(statement, (row_id(tail.id, 0), row_id(tail.id + 1, 0))).fetchone()
        if found is not None:
            run = readable(unpack_run, found[0], refuse)
            newest = int(run.at_ms[-1]), float(run.values[-1])
            with self._held.lock:
                if tail.newest is None or tail.newest[0] < newest[0]:
                    tail.newest = newest
        self._looked.add(tail.id)

    # -- keeping ---------------------------------------------------------------------------------------------------

    def seal(self, series_max: int = 100, even_few: bool = False) -> int:
        return self._packer.seal(series_max, even_few)

    def forget(self, before_ms: int) -> None:
        self._packer.forget(before_ms)

    def forget_sums(self, before_ms: int) -> None:
        self._packer.forget_sums(before_ms)

    def close(self) -> None:
        self._file.close()
