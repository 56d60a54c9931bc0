"""What CAMARA's APIs keep, in a database."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.tables import camara
from maillage.kernel.errors import AlreadyExists
from maillage.services.compute.camara.ports import Entry, EntryKind

_ENTRIES = sa.select(*(camara.c[name] for name in Entry.__struct_fields__))


class SqlCamaraRecords:
    """``services.compute.camara.ports.CamaraRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> bool:
        with self._database.statement() as connection:
            done = connection.execute(insert_if_new(connection, camara), msgspec.structs.asdict(entry))
            return bool(done.rowcount)

    def entry(self, kind: EntryKind, entry_id: str) -> Entry | None:
        found = self._read(_ENTRIES.where(camara.c.kind == kind, camara.c.id == entry_id))
        return found[0] if found else None

    def entries(self, kind: EntryKind, tenant: str | None = None, parent: str | None = None) -> list[Entry]:
        wanted = _ENTRIES.where(camara.c.kind == kind).order_by(camara.c.created_at, camara.c.id)
        if tenant is not None:
            wanted = wanted.where(camara.c.tenant == tenant)
        if parent is not None:
            wanted = wanted.where(camara.c.parent == parent)
        return self._read(wanted)

    def change(self, entry: Entry) -> bool:
        values = {"unique": entry.unique, "body": entry.body, "revision": entry.revision}
        same = sa.update(camara).where(camara.c.id == entry.id, camara.c.revision == entry.revision - 1)
        try:
            with self._database.statement() as connection:
                return bool(connection.execute(same, values).rowcount)
        except exc.IntegrityError:
            raise AlreadyExists(f"there is a {entry.kind} of that name already") from None

    def drop(self, kind: EntryKind, entry_id: str) -> bool:
        with self._database.statement() as connection:
            one = sa.delete(camara).where(camara.c.kind == kind, camara.c.id == entry_id)
            return bool(connection.execute(one).rowcount)

    def _read(self, wanted: sa.Select[Any]) -> list[Entry]:
        with self._database.reading() as connection:
            return [Entry(**row._mapping) for row in connection.execute(wanted)]
