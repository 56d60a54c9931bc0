"""Tenants, keys, quotas and the audit in a database."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.engines.records.revisions import grow_revision, read_revision
from maillage.engines.records.tables import audit, keys, quotas, tenants
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.tenancy.ports import ApiKey, AuditEntry, Quota, Tenant

_TENANTS = sa.select(tenants).order_by(tenants.c.created_at, tenants.c.id)
_LIVE_KEYS = (
    sa.select(*(keys.c[name] for name in ApiKey.__struct_fields__))
    .where(keys.c.revoked_at.is_(None))
    .order_by(keys.c.created_at, keys.c.id)
)
_QUOTAS = sa.select(quotas).order_by(quotas.c.tenant, quotas.c.kind)


class SqlTenancyRecords:
    """``tenancy.ports.TenancyRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        with self._database.reading() as connection:
            return read_revision(connection)

    def tenants(self) -> list[Tenant]:
        with self._database.reading() as connection:
            return [Tenant(*row) for row in connection.execute(_TENANTS)]

    def add_tenant(self, tenant: Tenant) -> None:
        with self._database.transaction() as connection:
            entered = connection.execute(insert_if_new(connection, tenants), msgspec.structs.asdict(tenant))
            if not entered.rowcount:
                raise AlreadyExists(f"there is a tenant {tenant.id!r} already", tenant=tenant.id)
            grow_revision(connection)

    def live_keys(self) -> list[ApiKey]:
        with self._database.reading() as connection:
            return [ApiKey(*row) for row in connection.execute(_LIVE_KEYS)]

    def add_key(self, key: ApiKey) -> None:
        with self._database.transaction() as connection:
            entered = _of_a_tenant(connection, insert_if_new(connection, keys), key)
            if not entered.rowcount:
                raise AlreadyExists("this key was in use before and may be revoked; give another one", key=key.id)
            grow_revision(connection)

    def expire_key(self, key_id: str, at: int) -> None:
        """A key that ends sooner by itself keeps its end."""
        later = sa.or_(keys.c.expires_at.is_(None), keys.c.expires_at > at)
        self._change(sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None), later), expires_at=at)

    def revoke_key(self, key_id: str, at: int) -> None:
        self._change(sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)), revoked_at=at)

    def quotas(self) -> list[Quota]:
        with self._database.reading() as connection:
            return [Quota(*row) for row in connection.execute(_QUOTAS)]

    def put_quota(self, quota: Quota) -> None:
        """NotFound where there is no such tenant."""
        with self._database.transaction() as connection:
            _of_a_tenant(connection, insert_or_replace(connection, quotas, "tenant kind", "most"), quota)
            grow_revision(connection)

    def drop_quota(self, tenant: str, kind: str) -> None:
        self._change(sa.delete(quotas).where(quotas.c.tenant == tenant, quotas.c.kind == kind))

    def append_audit(self, entries: list[AuditEntry]) -> None:
        if not entries:
            return
        with self._database.transaction() as connection:
            # One after another, or a number could become visible after a higher one, and a reader would miss it.
            self._database.take_turn(connection, Turn.AUDIT)
            connection.execute(sa.insert(audit), [_row(entry) for entry in entries])

    def audit(self, after: int, limit: int, actor: str | None = None, action: str | None = None) -> list[AuditEntry]:
        wanted = sa.select(*(audit.c[name] for name in AuditEntry.__struct_fields__)).where(audit.c.number > after)
        if actor is not None:
            wanted = wanted.where(audit.c.actor == actor)
        if action is not None:
            wanted = wanted.where(audit.c.action == action)
        with self._database.reading() as connection:
            return [AuditEntry(*row) for row in connection.execute(wanted.order_by(audit.c.number).limit(limit))]

    def _change(self, statement: sa.Update | sa.Delete, **values: Any) -> None:
        with self._database.transaction() as connection:
            if connection.execute(statement, values).rowcount:
                grow_revision(connection)


def _of_a_tenant(connection: sa.Connection, insert: sa.Insert, record: ApiKey | Quota) -> sa.CursorResult[Any]:
    try:
        return connection.execute(insert, msgspec.structs.asdict(record))
    except IntegrityError:  # unique columns are minded by the insert: this is the foreign key
        raise NotFound(f"there is no tenant {record.tenant[:64]!r}") from None


def _row(entry: AuditEntry) -> dict[str, Any]:
    row = msgspec.structs.asdict(entry)
    del row["number"]
    # What strangers send is noted as well, and may not keep its own entry out: PostgreSQL has no NUL in texts.
    return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}
