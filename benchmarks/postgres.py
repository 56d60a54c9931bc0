"""The peer: a PostgreSQL server of the reader's own, in a database of ours that is dropped afterwards."""

import asyncio
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

DSN = os.environ.get("MAILLAGE_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
"""Of a user who may create databases; its own database is not touched."""
NAME = "maillage_bench"
_LOCK = 0x6D61696C
"""Advisory lock of the run that owns the database."""


class Unavailable(Exception):
    """There is no peer to measure against; the text says why."""


class Database:
    """A database while the ``with`` lasts. All calls of one scenario go through the runner's event loop."""

    def __init__(self, runner: asyncio.Runner, extensions: Sequence[str] = ()) -> None:
        self._runner = runner
        self._extensions = extensions
        parts = urlsplit(DSN)
        self.where = f"{parts.hostname}:{parts.port or 5432}"
        self.dsn = urlunsplit(parts._replace(path=f"/{NAME}"))
        self.about = ""
        self._admin: Any = None
        self._open: list[Any] = []

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._create())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._drop())

    def connect(self, **settings: str) -> Any:
        """A connection that is closed with the database."""
        return self._runner.run(self._connect(settings))

    def pool(self, size: int) -> Any:
        """A pool of that many open connections."""
        return self._runner.run(self._pool(size))

    def execute(self, *statements: str) -> None:
        """One by one, each by itself (VACUUM can't run in a transaction), over a connection made for them."""
        self._runner.run(self._execute(statements))

    async def _create(self) -> None:
        try:
            import asyncpg
        except ImportError:
            raise Unavailable("asyncpg is not installed (the 'bench' extra has it)") from None
        try:
            self._admin = await asyncpg.connect(DSN, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as fault:
            raise Unavailable(f"PostgreSQL does not answer at {self.where} ({fault})") from None
        if not await self._admin.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            await self._admin.close()
            self._admin = None
            raise Unavailable(f"another run is using the database {NAME} at {self.where}")
        await self._require_durable()
        await self._admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await self._admin.execute(f"CREATE DATABASE {NAME}")
        inside = await self._connect({})
        for extension in self._extensions:
            try:
                await inside.execute(f"CREATE EXTENSION {extension}")
            except asyncpg.PostgresError as fault:
                raise Unavailable(f"PostgreSQL at {self.where} has no {extension} ({fault})") from None

    async def _require_durable(self) -> None:
        shown = {}
        for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"):
            shown[name] = await self._admin.fetchval(f"SHOW {name}")
        version = shown.pop("server_version")
        self.about = f"PostgreSQL {version}: " + ", ".join(f"{name} {value}" for name, value in shown.items())
        for name in ("fsync", "synchronous_commit"):
            if shown[name] != "on":
                raise Unavailable(f"PostgreSQL at {self.where} has {name} = {shown[name]}: it would not be durable")

    async def _connect(self, settings: dict[str, str]) -> Any:
        import asyncpg

        connection = await asyncpg.connect(self.dsn, server_settings={"jit": "off", **settings})
        self._open.append(connection)
        return connection

    async def _pool(self, size: int) -> Any:
        import asyncpg

        pool = await asyncpg.create_pool(self.dsn, min_size=size, max_size=size, server_settings={"jit": "off"})
        self._open.append(pool)
        return pool

    async def _execute(self, statements: Sequence[str]) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _drop(self) -> None:
        for each in self._open:
            each.terminate()
        self._open.clear()
        if self._admin is not None:
            await self._admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
            await self._admin.close()
            self._admin = None
