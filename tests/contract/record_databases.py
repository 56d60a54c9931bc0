"""Fresh databases for the records, in SQLite always and in PostgreSQL where a server is there."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from maillage.engines.records.database import Database
from maillage.engines.records.opening import open_database

T = TypeVar("T")

ENGINES = ("sqlite", "postgresql")
SERVER = os.environ.get("TESTS_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
_numbers = count()


class Place:
    """Where records can be opened, any number of times."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: list[Database] = []

    def open(self) -> Database:
        self._opened.append(open_database(self.url, Path("no-folder")))
        return self._opened[-1]

    def close(self) -> None:
        for database in self._opened:
            database.close()


@contextmanager
def postgresql_database() -> Iterator[str]:
    """The URL of a new database, dropped in the end. Skips where there is no server."""
    name = f"maillage_test_{secrets.token_hex(6)}"
    try:
        server = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def fresh_place(engine: str, folder: Path, postgresql: str) -> Iterator[Place]:
    """Empty records: a file of its own, or in the PostgreSQL database a schema of its own, which is made in no time."""
    if engine == "sqlite":
        place = Place(f"sqlite:///{folder / 'records.db'}")
    else:
        schema = f"test_{next(_numbers)}"
        with psycopg.connect(postgresql, autocommit=True) as server:
            server.execute(f"CREATE SCHEMA {schema}")
        place = Place(f"{postgresql}?options=-csearch_path%3D{schema}")
    try:
        yield place
    finally:
        place.close()


def in_threads(count: int, work: Callable[[int], T]) -> list[T]:
    """What each of some threads answered that began together."""
    gate = threading.Barrier(count)
    answers: list[T] = []

    def one(number: int) -> None:
        gate.wait(30)
        answers.append(work(number))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == count, "a thread failed or hangs"
    return answers
