"""What is in blocks, sums and the tail of one series, put together for whoever asks."""

import sqlite3
from typing import NoReturn

import numpy as np

from maillage.engines.readings.columns import Damaged, readable
from maillage.engines.readings.database import row_id
from maillage.engines.readings.packing import SPAN_DAYS, of_days
from maillage.engines.readings.runs import DAY_MS, HOUR_MS, Run, merged, unpack_run, within
from maillage.engines.readings.sums import Sums, between, chosen, joined, sums_of, unpack_sums
from maillage.kernel.errors import RecordsUnavailable

_BETWEEN = "WHERE id >= ? AND id <= ? ORDER BY id"


class Finding:
    """One series as of one instant. ``waiting`` is what is not in blocks, ordered: of whole days, taken before the
    connection began to read, so that nothing that is packed meanwhile is missed."""

    def __init__(self, db: sqlite3.Connection, series: int, waiting: Run, full_since_ms: int) -> None:
        self._db = db
        self._series = series
        self._waiting = waiting
        self._full_since_ms = full_since_ms

    def readings(self, start_ms: int, end_ms: int) -> Run:
        """All in ``[start_ms, end_ms)`` that are kept in full."""
        start_ms = max(start_ms, self._full_since_ms)
        if end_ms <= start_ms:
            return within(self._waiting, 0, 0)
        found = self._rows("blocks", start_ms // DAY_MS, (end_ms - 1) // DAY_MS)
        packed = [readable(unpack_run, body, refuse) for body in found]
        return within(merged(*packed, self._waiting), start_ms, end_ms)

    def hours(self, start_ms: int, end_ms: int) -> Sums:
        """Sums by the hour of ``[start_ms, end_ms)``, as ``ReadingArchive`` has it with hours that the range cuts."""
        first, beyond = start_ms // HOUR_MS, -(-end_ms // HOUR_MS)
        span = SPAN_DAYS * 24
        found = self._rows("hours", first // span, (beyond - 1) // span)
        kept = between(joined([readable(unpack_sums, body, refuse) for body in found]), first, beyond)
        days = np.unique(self._waiting.at_ms // DAY_MS).tolist()
        parts = [chosen(kept, ~of_days(kept, days))] if days else [kept]
        for day in days:
            parts.append(between(sums_of(self.readings(day * DAY_MS, (day + 1) * DAY_MS)), first, beyond))
        sums = joined(parts)
        for hour in {first, beyond - 1}:
            whole = hour * HOUR_MS, (hour + 1) * HOUR_MS
            if whole[0] < start_ms or whole[1] > end_ms:
                sums = self._cut(sums, hour, max(whole[0], start_ms), min(whole[1], end_ms))
        return sums

    def _cut(self, sums: Sums, hour: int, start_ms: int, end_ms: int) -> Sums:
        if hour * HOUR_MS >= self._full_since_ms:
            return joined([chosen(sums, sums.hour != hour), sums_of(self.readings(start_ms, end_ms))])
        return sums if hour * HOUR_MS >= start_ms else chosen(sums, sums.hour != hour)

    def _rows(self, table: str, first: int, last: int) -> list[bytes]:
        statement = f"SELECT body FROM {table} {_BETWEEN}"  # noqa: S608  one of our own two
        rows = self._db.execute(statement, (row_id(self._series, first), row_id(self._series, last)))
        return [body for (body,) in rows]


def refuse(fault: Damaged) -> NoReturn:
    """Say that a block can't be read, rather than leave it out."""
    raise RecordsUnavailable(f"a block of these readings is damaged: {fault}")
