"""The default journal: an SQLite file, one row per committed batch, in WAL mode with synchronous=FULL.

One row per batch and not per event: the append then costs one statement whatever the batch holds, and the thread that
commits hands the interpreter back once, not once an event. FULL and not NORMAL: a power cut may not take what was
acknowledged, and from some hundred events a batch on it costs nothing measurable.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from maillage.kernel.ports import Batch

FILE_NAME = "journal.db"


class SqliteJournal:
    """``folder`` is created if need be. Calls may come from several threads, but only one at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS batches(pos INTEGER PRIMARY KEY, count INTEGER NOT NULL, events BLOB NOT NULL)"
        )
        self._end = self._read_end()

    def append(self, batch: Batch) -> None:
        if batch.pos != self._end:
            raise ValueError(f"the batch starts at event {batch.pos}, the journal ends at {self._end}")
        # Outside an explicit transaction one statement is one transaction: durable when execute returns.
        self._db.execute("INSERT INTO batches VALUES (?, ?, ?)", (batch.pos, batch.count, batch.body))
        self._end += batch.count

    def end(self) -> int:
        return self._end

    def read(self, pos: int = 0) -> Iterator[Batch]:
        """Streams from a connection of its own, so that appends may go on meanwhile."""
        path = self._db.execute("PRAGMA database_list").fetchone()[2]
        reader = sqlite3.connect(path, check_same_thread=False)
        try:
            (first,) = reader.execute("SELECT max(pos) FROM batches WHERE pos <= ?", (pos,)).fetchone()
            rows = reader.execute("SELECT pos, count, events FROM batches WHERE pos >= ? ORDER BY pos", (first or 0,))
            for row in rows:
                if row[0] + row[1] > pos:
                    yield Batch(*row)
        finally:
            reader.close()

    def close(self) -> None:
        self._db.close()

    def _read_end(self) -> int:
        row = self._db.execute("SELECT pos + count FROM batches ORDER BY pos DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0
