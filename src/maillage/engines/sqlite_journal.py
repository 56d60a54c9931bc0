"""The default journal: an SQLite file, one row per committed batch, in WAL mode with synchronous=FULL.

One row per batch and not per event: the append then costs one statement whatever the batch holds, and the thread that
commits hands the interpreter back once, not once an event. FULL and not NORMAL: a power cut may not take what was
acknowledged, and from some hundred events a batch on it costs nothing measurable.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from maillage.kernel.ports import Batch, require_contiguous

FILE_NAME = "journal.db"
_INSERT = "INSERT INTO batches(pos, count, events, source, source_end) VALUES (?, ?, ?, ?, ?)"


class SqliteJournal:
    """``folder`` is created if need be. Calls may come from several threads, but only one at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS batches(pos INTEGER PRIMARY KEY, count INTEGER NOT NULL, events BLOB NOT NULL,"
            " source TEXT NOT NULL DEFAULT '', source_end INTEGER NOT NULL DEFAULT 0)"
        )
        _add_source_columns(self._db)
        # A process killed between a write and its sync leaves a batch that may be in the page cache only. It is seen
        # from now on, and answers may rest on it: a checkpoint syncs it first.
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._end = self._read_end()

    def append(self, *batches: Batch) -> None:
        end = require_contiguous(self._end, batches)
        if len(batches) == 1:
            # Outside an explicit transaction one statement is one transaction: durable when execute returns.
            self._db.execute(_INSERT, _row(batches[0]))
        else:
            self._append_many(batches)
        self._end = end

    def end(self) -> int:
        return self._end

    def read(self, pos: int = 0) -> Iterator[Batch]:
        """Streams from a connection of its own, so that appends may go on meanwhile."""
        path = self._db.execute("PRAGMA database_list").fetchone()[2]
        reader = sqlite3.connect(path, check_same_thread=False)
        try:
            (first,) = reader.execute("SELECT max(pos) FROM batches WHERE pos <= ?", (pos,)).fetchone()
            rows = reader.execute(
                "SELECT pos, count, events, source, source_end FROM batches WHERE pos >= ? ORDER BY pos", (first or 0,)
            )
            for row in rows:
                if row[0] + row[1] > pos:
                    yield Batch(*row)
        finally:
            reader.close()

    def sources(self) -> dict[str, int]:
        rows = self._db.execute("SELECT source, max(source_end) FROM batches WHERE source != '' GROUP BY source")
        return dict(rows.fetchall())

    def close(self) -> None:
        self._db.close()

    def _append_many(self, batches: tuple[Batch, ...]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_INSERT, map(_row, batches))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _read_end(self) -> int:
        row = self._db.execute("SELECT pos + count FROM batches ORDER BY pos DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0


def _row(batch: Batch) -> tuple[int, int, bytes, str, int]:
    return batch.pos, batch.count, batch.body, batch.source, batch.source_end


def _add_source_columns(db: sqlite3.Connection) -> None:
    """Journals of 0.1 have no sources. Adding a column with a default rewrites nothing."""
    if all(column[1] != "source" for column in db.execute("PRAGMA table_info(batches)")):
        db.execute("ALTER TABLE batches ADD COLUMN source TEXT NOT NULL DEFAULT ''")
        db.execute("ALTER TABLE batches ADD COLUMN source_end INTEGER NOT NULL DEFAULT 0")
