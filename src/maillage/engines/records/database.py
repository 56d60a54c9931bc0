"""A database that records live in: connections, transactions, and faults told as refusals.

Two ways to talk to it. ``reading`` and ``statement`` run single statements, each its own transaction: on PostgreSQL
that saves two round trips. ``transaction`` joins several. On SQLite a writer takes the lock at once (BEGIN IMMEDIATE):
one that begins as a reader and then writes fails when another wrote in between, whatever the timeout.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import ConnectionPoolEntry

from maillage.kernel.errors import Invalid, RecordsUnavailable

SQLITE_WAIT_S = 10
CONNECT_S = 5
STATEMENT_MS = 10_000
POOL = 10
"""Connections kept open; twice as many at most, and whoever finds none free for ``POOL_WAIT_S`` is refused."""
POOL_WAIT_S = 10
_TURNS = 0x4D61696C
"""First half of our advisory locks' names, which all users of a PostgreSQL database share."""


class Turn(IntEnum):
    """What only one process at a time may do. An advisory lock on PostgreSQL; on SQLite any writer is alone."""

    MIGRATION = 1
    DIRECTORY = 2
    AUDIT = 3
    WEBHOOKS = 4
    ROOF_LEASES = 5


class Database:
    """Safe to use from several threads; several processes may open the same. ``name`` tells people which it is, and
    nothing secret; ``file`` is where SQLite keeps it."""

    def __init__(self, url: sa.URL) -> None:
        self.is_postgresql = url.get_backend_name() == "postgresql"
        self.file = None if self.is_postgresql else Path(url.database or "")
        self.name = str(self.file or f"the database {url.database!r} at {url.host or 'the local socket'}")
        self._engine = _postgresql(url) if self.is_postgresql else _sqlite(url)
        self._single = self._engine
        if self.is_postgresql:
            self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = threading.Lock()  # SQLite's own wait polls, and is unfair among threads

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """For single SELECTs: each sees what was committed before it."""
        with self._told(), self._single.connect() as connection:
            yield connection

    @contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        """For single statements that write: each is durable when it returns."""
        if not self.is_postgresql:
            with self.transaction() as connection:
                yield connection
            return
        with self.reading() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing, and durable at the end of the block."""
        if self.is_postgresql:
            with self._told(), self._engine.begin() as connection:
                yield connection
            return
        with self._told(), self._writer, self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def take_turn(self, connection: sa.Connection, turn: Turn) -> None:
        """Wait until no other transaction has this turn; it ends with the transaction."""
        if self.is_postgresql:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_TURNS, int(turn)))

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a driver says, in the terms of the kernel. A text that can't be kept is the asker's fault; the rest is
        the database's, and can be asked again."""
        try:
            yield
        except exc.DataError:
            raise Invalid("text", "holds a character or a number that the records can't keep") from None
        except exc.TimeoutError:
            raise RecordsUnavailable(f"all connections to {self.name} are busy; try again in a moment") from None
        except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as fault:
            raise RecordsUnavailable(f"{self.name}: {_first_line(fault)}") from None


def _sqlite(url: sa.URL) -> sa.Engine:
    # The driver must not open transactions of its own (isolation_level None): it would begin them as readers.
    arguments = {"isolation_level": None, "check_same_thread": False, "timeout": SQLITE_WAIT_S}
    engine = sa.create_engine(url, connect_args=arguments, pool_size=POOL, max_overflow=POOL, pool_timeout=POOL_WAIT_S)

    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    sa.event.listen(engine, "connect", prepare)
    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Of two that give a new file its mode at once, SQLite turns one away without waiting for its timeout."""
    until = time.monotonic() + SQLITE_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _postgresql(url: sa.URL) -> sa.Engine:
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "application_name": "maillage",
        # A server that vanished without a word is noticed by the client too, not only by the server's own timeout.
        "tcp_user_timeout": STATEMENT_MS + 1000 * CONNECT_S,
        **{name: value for name, value in url.query.items() if isinstance(value, str)},
    }
    arguments["options"] = f"-c statement_timeout={STATEMENT_MS} {arguments.get('options', '')}"
    return sa.create_engine(
        url,
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=POOL,
        max_overflow=POOL,
        pool_timeout=POOL_WAIT_S,
    )


def _first_line(fault: exc.DBAPIError) -> str:
    return str(fault.orig).strip().partition("\n")[0].rstrip(" .")
