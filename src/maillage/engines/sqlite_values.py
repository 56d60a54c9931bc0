"""What apps keep, by lease: an SQLite file. An app's value is in it once its call returns, and survives this process;
the last moments before a power cut may be lost, for an app that pays for every sync would be slow for all."""

import sqlite3
from pathlib import Path
from threading import Lock

FILE_NAME = "values.db"
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS kept(lease TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(lease, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS sizes(lease TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
)


class SqliteValues:
    """``folder`` is created if need be. From any number of threads at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        for statement in _SCHEMA:
            self._db.execute(statement)

    def get(self, lease: str, key: str) -> bytes | None:
        with self._lock:
            row = self._db.execute("SELECT value FROM kept WHERE lease = ? AND key = ?", (lease, key)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        """Set a value, None takes it away; False where keys and values of the lease would be more than the most."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                kept = self._put(lease, key, value, stored_bytes_max)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return kept

    def items(self, lease: str) -> list[tuple[str, bytes]]:
        """In order of key."""
        with self._lock:
            rows = self._db.execute("SELECT key, value FROM kept WHERE lease = ? ORDER BY key", (lease,)).fetchall()
        return [(key, bytes(value)) for key, value in rows]

    def keys(self, lease: str) -> list[str]:
        """In order."""
        with self._lock:
            rows = self._db.execute("SELECT key FROM kept WHERE lease = ? ORDER BY key", (lease,)).fetchall()
        return [key for (key,) in rows]

    def leases(self) -> list[str]:
        """Those of which anything was ever put and not dropped, in order."""
        with self._lock:
            rows = self._db.execute("SELECT lease FROM sizes ORDER BY lease").fetchall()
        return [lease for (lease,) in rows]

    def drop(self, lease: str) -> None:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("DELETE FROM kept WHERE lease = ?", (lease,))
                self._db.execute("DELETE FROM sizes WHERE lease = ?", (lease,))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        where = (lease, key)
        row = self._db.execute("SELECT length(value) FROM kept WHERE lease = ? AND key = ?", where).fetchone()
        key_bytes = len(key.encode())
        before = 0 if row is None else key_bytes + row[0]
        after = 0 if value is None else key_bytes + len(value)
        total = self._size(lease) + after - before
        if after > before and total > stored_bytes_max:
            return False
        if value is None:
            self._db.execute("DELETE FROM kept WHERE lease = ? AND key = ?", where)
        else:
            self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (*where, value))
        self._db.execute("INSERT OR REPLACE INTO sizes VALUES (?, ?)", (lease, total))
        return True

    def _size(self, lease: str) -> int:
        row = self._db.execute("SELECT bytes FROM sizes WHERE lease = ?", (lease,)).fetchone()
        return row[0] if row else 0
