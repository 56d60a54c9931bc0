"""Claims of idempotency keys. Every keyed ask at a hub waits for one, so they are taken by the batch, in plain SQL: a
batch of new keys is one statement, one that meets known keys two."""

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database
from maillage.engines.records.tables import claims
from maillage.mesh.ports import Claim

_COLUMNS = "tenant, key, digest, site, at, maker, settled"
_ENTER_SQLITE = f"INSERT INTO claims({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
_STANDING_SQLITE = (
    "SELECT c.tenant, c.key, c.digest, c.site, c.at, c.maker, c.settled"
    " FROM json_each(?) AS wanted CROSS JOIN claims AS c"
    " ON c.tenant = json_extract(wanted.value, '$[0]') AND c.key = json_extract(wanted.value, '$[1]')"
)
_ENTER_POSTGRESQL = (
    f"INSERT INTO claims({_COLUMNS}) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],"  # noqa: S608
    " %s::bigint[], %s::text[], %s::bool[]) ON CONFLICT DO NOTHING"
)
_STANDING_POSTGRESQL = (
    "SELECT c.tenant, c.key, c.digest, c.site, c.at, c.maker, c.settled"
    " FROM unnest(%s::text[], %s::text[]) AS wanted(tenant, key) JOIN claims AS c USING (tenant, key)"
)
_COUNTED = {"preserve_rowcount": True}
_FORGET_AT_ONCE = 5_000
"""Rows that one transaction drops: asks wait for it on SQLite, and there may be millions to drop."""

Name = tuple[str, str]


def standing_claims(database: Database, wanted: Sequence[Claim]) -> list[Claim]:
    """Enter those whose (tenant, key) has none yet, and return what stands for each, in order."""
    first: dict[Name, Claim] = {}
    for claim in wanted:
        first.setdefault((claim.tenant, claim.key), claim)
    standing: dict[Name, Claim] = {}
    while len(standing) < len(first):
        # Once more where a claim stood in the way and was forgotten before it could be read. In order of names, since
        # two batches that meet in different orders would wait for each other.
        missing = [first[name] for name in sorted(first.keys() - standing.keys())]
        with database.statement() as connection:
            if _enter(connection, missing) == len(missing):
                standing.update(((claim.tenant, claim.key), claim) for claim in missing)
            else:
                standing.update(((claim.tenant, claim.key), claim) for claim in _read(connection, missing))
    return [standing[claim.tenant, claim.key] for claim in wanted]


def forget_claims(database: Database, before: int) -> int:
    """Drop claims made before an instant; how many. Those dropped stay dropped if it fails half-way."""
    name = sa.tuple_(claims.c.tenant, claims.c.key)
    some = sa.select(claims.c.tenant, claims.c.key).where(claims.c.at < before).limit(_FORGET_AT_ONCE)
    forgotten = 0
    while True:
        with database.statement() as connection:
            dropped = connection.execute(sa.delete(claims).where(name.in_(some), claims.c.at < before)).rowcount
        forgotten += dropped
        if dropped < _FORGET_AT_ONCE:
            return forgotten


def _enter(connection: sa.Connection, missing: list[Claim]) -> int:
    """How many of them were entered."""
    rows = [msgspec.structs.astuple(claim) for claim in missing]
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_ENTER_SQLITE, rows, _COUNTED).rowcount
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    return connection.exec_driver_sql(_ENTER_POSTGRESQL, columns, _COUNTED).rowcount


def _read(connection: sa.Connection, missing: list[Claim]) -> Iterable[Claim]:
    names = [(claim.tenant, claim.key) for claim in missing]
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(_STANDING_SQLITE, (msgspec.json.encode(names).decode(),))
    else:
        rows = connection.exec_driver_sql(_STANDING_POSTGRESQL, tuple(list(part) for part in zip(*names, strict=True)))
    # SQLite has no booleans of its own.
    return [Claim(tenant, key, digest, site, at, maker, bool(so)) for tenant, key, digest, site, at, maker, so in rows]
