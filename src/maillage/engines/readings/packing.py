"""What came in becomes blocks: a block for each series and day, and beside it what the day adds up to by the hour.

A block is packed anew with what came since, late and repeated readings in their places, every few hundred readings; so
memory and the log stay small whatever a day brings. A round goes through all series that have something, in steps; the
entries of the log that it began with are then in blocks, and dropped. Each series notes how far its blocks go in the
log, in the same commit: a process that is killed on the way finds everything once.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from threading import Lock
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from maillage.engines.readings.columns import Damaged, readable
from maillage.engines.readings.database import row_id
from maillage.engines.readings.held import Held
from maillage.engines.readings.runs import AT_MS_MAX, DAY_MS, NOTHING, Run, by_day, merged, pack_run, unpack_run, within
from maillage.engines.readings.sums import NO_SUMS, Sums, chosen, joined, pack_sums, sums_of, unpack_sums
from maillage.engines.readings.tail import SeriesTail

log = logging.getLogger(__name__)

WORTH = 240
"""Readings a series, on average, that make it worth packing: four hours at one a minute."""
SPAN_DAYS = 32
"""Days whose sums are in one row."""
_SERIES_AT_ONCE = 100
_ENTRIES_AT_ONCE = 2_000
T = TypeVar("T")
_Rows = list[tuple[int, int, bytes]]
_SumRows = list[tuple[int, bytes]]


class Packer:
    """Everything that changes blocks, one at a time. ``worth`` as ``WORTH``."""

    def __init__(self, held: Held, worth: int = WORTH) -> None:
        self._held = held
        self._worth = worth
        self._turn = Lock()
        self._round: list[SeriesTail] | None = None
        self._until = 0

    def seal(self, series_max: int, even_few: bool) -> int:
        """As ``ReadingArchive.seal``."""
        with self._turn:
            if self._round is None and not self._begin(even_few):
                return 0
            waiting = self._round or []
            self._pack([(tail, NOTHING) for tail in waiting[:series_max]])
            self._round = waiting[series_max:]
            if self._round:
                return len(self._round)
            if self._shorten_log():
                return 1
            self._round = None
            return 0

    def add(self, tail: SeriesTail, run: Run) -> None:
        """Put readings where packed ones are. They came after all that came in, and count where instants are equal."""
        with self._turn:
            self._pack([(tail, run)])

    def forget(self, before_ms: int) -> None:
        """Drop the blocks of whole days before an instant; their sums stay."""
        cut_ms = before_ms // DAY_MS * DAY_MS
        held = self._held
        if cut_ms <= held.full_since_ms:
            return
        with self._turn:
            with held.lock:
                tails = list(held.tails.values())
                late = [tail for tail in tails if tail.at_ms and min(tail.at_ms) < cut_ms]
            self._pack([(tail, NOTHING) for tail in late])  # or their sums would be lost
            held.forget_before(cut_ms)
            self._drop("blocks", tails, cut_ms // DAY_MS)

    def forget_sums(self, before_ms: int) -> None:
        """Drop sums of whole spans of days before an instant."""
        cut = min(before_ms, self._held.full_since_ms) // DAY_MS // SPAN_DAYS
        with self._turn:
            with self._held.lock:
                tails = list(self._held.tails.values())
            self._drop("hours", tails, cut)

    def _begin(self, even_few: bool) -> bool:
        held = self._held
        with held.lock:
            waiting = [tail for tail in held.tails.values() if tail.at_ms]
            enough = 1 if even_few else self._worth * len(waiting)
            if not waiting or sum(len(tail.at_ms) for tail in waiting) < enough:
                return False
            self._round, self._until = waiting, held.number
            return True

    def _pack(self, parts: Sequence[tuple[SeriesTail, Run]]) -> None:
        held = self._held
        with held.lock:
            number = held.number
            came = [tail.run() for tail, _ in parts]
        blocks: _Rows = []
        hours: _SumRows = []
        with held.file.reading() as db:
            for (tail, more), run in zip(parts, came, strict=True):
                fresh = within(merged(run, more), held.full_since_ms, AT_MS_MAX)
                _repack(db, tail.id, fresh, blocks, hours)
        with held.file.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", blocks)
            db.executemany("INSERT OR REPLACE INTO hours VALUES (?, ?)", hours)
            db.executemany("UPDATE series SET packed = ? WHERE id = ?", [(number, tail.id) for tail, _ in parts])
        with held.lock:
            for (tail, _), run in zip(parts, came, strict=True):
                tail.packed = number
                tail.drop(run.at_ms.size)

    def _shorten_log(self) -> bool:
        """Drop entries that are packed, some thousand at a time; whether there are more."""
        some = "SELECT number FROM log WHERE number <= ? ORDER BY number LIMIT ?"
        with self._held.file.transaction() as db:
            statement = f"DELETE FROM log WHERE number IN ({some})"  # noqa: S608  of constants
            return db.execute(statement, (self._until, _ENTRIES_AT_ONCE)).rowcount == _ENTRIES_AT_ONCE

    def _drop(self, table: str, tails: Sequence[SeriesTail], place: int) -> None:
        statement = f"DELETE FROM {table} WHERE id >= ? AND id < ?"  # noqa: S608  one of our own two
        for first in range(0, len(tails), _SERIES_AT_ONCE):
            rows = [(row_id(tail.id, 0), row_id(tail.id, place)) for tail in tails[first : first + _SERIES_AT_ONCE]]
            with self._held.file.transaction() as db:
                db.executemany(statement, rows)


def _repack(db: sqlite3.Connection, series: int, fresh: Run, blocks: _Rows, hours: _SumRows) -> None:
    """Add the rows that are to be as they are with what is fresh in them."""

    def lost(day: int, nothing: T) -> Callable[[Damaged], T]:
        """What the disk has damaged is lost, and must not keep what is fresh from being packed."""

        def tell(fault: Damaged) -> T:
            log.error("readings of series %d, day %d since 1970, are damaged and lost: %s", series, day, fault)
            return nothing

        return tell

    sums: list[tuple[int, Sums]] = []
    for day, run in by_day(fresh):
        row = row_id(series, day)
        found = db.execute("SELECT body FROM blocks WHERE id = ?", (row,)).fetchone()
        whole = run if found is None else merged(readable(unpack_run, found[0], lost(day, NOTHING)), run)
        blocks.append((row, whole.at_ms.size, pack_run(whole)))
        sums.append((day, sums_of(whole)))
    for span, group in groupby(sums, lambda entry: entry[0] // SPAN_DAYS):
        changed = list(group)
        row = row_id(series, span)
        found = db.execute("SELECT body FROM hours WHERE id = ?", (row,)).fetchone()
        parts = [part for _, part in changed]
        if found is not None:
            known = readable(unpack_sums, found[0], lost(span * SPAN_DAYS, NO_SUMS))
            parts.append(chosen(known, ~of_days(known, [day for day, _ in changed])))
        hours.append((row, pack_sums(joined(parts))))


def of_days(sums: Sums, days: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Which hours are of these days, as a mask."""
    return np.isin(sums.hour // 24, np.fromiter(days, np.int64))
