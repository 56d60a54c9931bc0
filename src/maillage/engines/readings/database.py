"""The file that readings are in: SQLite, written by one connection and read by others.

``log`` has what came in and is not packed yet, a row for each batch: a commit then writes a few pages, however many
series it is of. ``blocks`` has a row for each series and day, ``hours`` one for each series and 32 days.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from maillage.kernel.errors import RecordsUnavailable

FILE_NAME = "readings.db"
FORMAT = 1
_PAGE_BYTES = 16_384
"""Some five days of a reading a minute go into a page; with 4 KiB two, and a quarter of each would stay empty."""
_WAL_PAGES = 512
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, device TEXT NOT NULL, measure TEXT NOT NULL,"
    " site TEXT NOT NULL, packed INTEGER NOT NULL, UNIQUE(device, measure))",
    "CREATE TABLE IF NOT EXISTS log(number INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS blocks(id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS hours(id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)
_PLACES = 24
"""Bits of a row's number that are for the day, or the 32 days; those above are the series."""


def row_id(series: int, place: int) -> int:
    """The number of the row of a series and a day, or 32 days: those of a series lie beside each other."""
    return series << _PLACES | place


class ReadingsFile:
    """``folder`` is created if need be. RecordsUnavailable where the file can't be read or written, or is newer."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._writing = Lock()
        self._pooling = Lock()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        with self._told():
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise RecordsUnavailable(f"{self.path} has format {version}; this version of Maillage knows {FORMAT}")
        self._db.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version={FORMAT}")
        self._db.execute("COMMIT")
        # What a process that was killed had written may be in the page cache only: it is seen from now on.
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and durable at the end of the block; one at a time."""
        with self._writing, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """As of one instant, from whatever thread; writers go on meanwhile."""
        with self._told():
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
                self._give_back(connection)

    def close(self) -> None:
        with self._writing, self._pooling:
            self._closed = True
            for reader in self._readers:
                reader.close()
            self._readers.clear()
            self._db.close()

    def _reader(self) -> sqlite3.Connection:
        with self._pooling:
            if self._closed:
                raise sqlite3.ProgrammingError("the file is closed")
            if self._readers:
                return self._readers.pop()
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pooling:
            if not self._closed:
                self._readers.append(connection)
                return
        connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise RecordsUnavailable(f"the readings in {self.path}: {fault}") from None
