"""Roof leases and what is attached to them, in a database."""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.roof_tables import roof_documents, roof_leases
from maillage.kernel.errors import NotFound
from maillage.services.roof.leasing.model import HOLDS_MOUNTS, RoofLease


class SqlRoofLeaseRecords:
    """``services.roof.leasing.ports.RoofLeaseRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lease: RoofLease) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.insert(roof_leases), _row_of(lease))

    def change(self, lease: RoofLease, check: Callable[[list[RoofLease]], None] | None = None) -> bool:
        former = sa.and_(roof_leases.c.id == lease.id, roof_leases.c.revision == lease.revision - 1)
        others = _HOLDING.where(roof_leases.c.id != lease.id)
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.ROOF_LEASES)
            if check is not None:
                check(_leases(connection, others))
            return connection.execute(sa.update(roof_leases).where(former).values(_row_of(lease))).rowcount == 1

    def get(self, lease_id: str) -> RoofLease | None:
        found = self._read(sa.select(roof_leases.c.body).where(roof_leases.c.id == lease_id))
        return found[0] if found else None

    def of_site(self, site: str) -> list[RoofLease]:
        wanted = sa.select(roof_leases.c.body).where(roof_leases.c.site == site)
        return self._read(wanted.order_by(roof_leases.c.created_at, roof_leases.c.id))

    def going_on(self) -> list[RoofLease]:
        return self._read(_GOING_ON)

    def holding(self) -> list[RoofLease]:
        return self._read(_HOLDING)

    def some(
        self, tenant: str | None, site: str | None, state: str | None, before: str | None, limit: int
    ) -> list[RoofLease]:
        table = roof_leases.c
        wanted = sa.select(table.body)
        for column, value in ((table.tenant, tenant), (table.site, site), (table.state, state)):
            if value is not None:
                wanted = wanted.where(column == value)
        if before is not None:
            last = sa.select(table.created_at, table.id).where(table.id == before)
            wanted = wanted.where(sa.tuple_(table.created_at, table.id) < last.scalar_subquery())
        return self._read(wanted.order_by(table.created_at.desc(), table.id.desc()).limit(limit))

    def put_document(self, lease_id: str, document_id: str, body: bytes) -> None:
        row = {"lease": lease_id, "id": document_id, "body": body}
        try:
            with self._database.statement() as connection:
                connection.execute(sa.insert(roof_documents), row)
        except IntegrityError:
            raise NotFound(f"there is no roof lease {lease_id}") from None

    def document(self, lease_id: str, document_id: str) -> bytes | None:
        table = roof_documents.c
        wanted = sa.select(table.body).where(table.lease == lease_id, table.id == document_id)
        with self._database.reading() as connection:
            body = connection.execute(wanted).scalar()
        return None if body is None else bytes(body)

    def _read(self, wanted: sa.Select[Any]) -> list[RoofLease]:
        with self._database.reading() as connection:
            return _leases(connection, wanted)


_GOING_ON = (
    sa.select(roof_leases.c.body).where(roof_leases.c.going_on).order_by(roof_leases.c.created_at, roof_leases.c.id)
)
_HOLDING = _GOING_ON.where(roof_leases.c.state.in_(sorted(HOLDS_MOUNTS)))


def _leases(connection: sa.Connection, wanted: sa.Select[Any]) -> list[RoofLease]:
    return [msgspec.json.decode(body, type=RoofLease) for (body,) in connection.execute(wanted)]


def _row_of(lease: RoofLease) -> dict[str, Any]:
    columns = ("id", "site", "tenant", "state", "going_on", "created_at", "revision")
    return {name: getattr(lease, name) for name in columns} | {"body": msgspec.json.encode(lease)}
