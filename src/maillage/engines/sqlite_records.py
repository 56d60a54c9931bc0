"""The operator's records in an SQLite file: tenants, keys, kinds, the price book."""

import sqlite3
from pathlib import Path

import msgspec

from maillage.kernel.errors import AlreadyExists
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import PriceBook
from maillage.tenancy.ports import ApiKey, Tenant

FILE_NAME = "records.db"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tenants(
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS keys(
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants(id), name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL, revoked_at INTEGER);
CREATE TABLE IF NOT EXISTS kinds(name TEXT PRIMARY KEY, unit TEXT NOT NULL, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS price_books(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


class SqliteRecords:
    """``folder`` is created if need be; every write is durable when it returns. Former price books are kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(_SCHEMA)

    def tenants(self) -> list[Tenant]:
        rows = self._db.execute("SELECT id, name, role, created_at FROM tenants ORDER BY created_at, id")
        return [Tenant(*row) for row in rows]

    def add_tenant(self, tenant: Tenant) -> None:
        try:
            self._db.execute(
                "INSERT INTO tenants VALUES (?, ?, ?, ?)", (tenant.id, tenant.name, tenant.role, tenant.created_at)
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"there is a tenant {tenant.id!r} already", tenant=tenant.id) from None

    def live_keys(self) -> list[ApiKey]:
        rows = self._db.execute(
            "SELECT id, tenant, name, digest, created_at FROM keys WHERE revoked_at IS NULL ORDER BY created_at, id"
        )
        return [ApiKey(*row) for row in rows]

    def add_key(self, key: ApiKey) -> None:
        row = (key.id, key.tenant, key.name, key.digest, key.created_at)
        try:
            self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", row)
        except sqlite3.IntegrityError:
            raise AlreadyExists("this key was in use before and revoked; give another one", key=key.id) from None

    def revoke_key(self, key_id: str, at: int) -> None:
        self._db.execute("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (at, key_id))

    def kinds(self) -> list[Kind]:
        return [Kind(*row) for row in self._db.execute("SELECT name, unit, description FROM kinds ORDER BY rowid")]

    def put_kind(self, kind: Kind) -> None:
        self._db.execute(
            "INSERT INTO kinds VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE SET unit = excluded.unit,"
            " description = excluded.description",
            (kind.name, kind.unit, kind.description),
        )

    def price_book(self) -> PriceBook | None:
        row = self._db.execute("SELECT body FROM price_books ORDER BY id DESC LIMIT 1").fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=PriceBook)

    def put_price_book(self, book: PriceBook) -> None:
        self._db.execute("INSERT INTO price_books(body) VALUES (?)", (msgspec.json.encode(book),))

    def close(self) -> None:
        self._db.close()
