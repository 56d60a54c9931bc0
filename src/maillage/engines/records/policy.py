"""Kinds and price books in a database."""

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_or_replace
from maillage.engines.records.revisions import grow_revision
from maillage.engines.records.tables import kinds, price_books
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import PriceBook


class SqlPolicyRecords:
    """``kernel.ports.PolicyRecords``. Former price books are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kinds(self) -> list[Kind]:
        wanted = sa.select(kinds.c.name, kinds.c.unit, kinds.c.description).order_by(kinds.c.number)
        with self._database.reading() as connection:
            return [Kind(*row) for row in connection.execute(wanted)]

    def put_kind(self, kind: Kind) -> None:
        with self._database.transaction() as connection:
            insert = insert_or_replace(connection, kinds, "name", "unit", "description")
            connection.execute(insert, msgspec.structs.asdict(kind))
            grow_revision(connection)

    def price_book(self) -> PriceBook | None:
        newest = sa.select(price_books.c.body).order_by(price_books.c.id.desc()).limit(1)
        with self._database.reading() as connection:
            body = connection.execute(newest).scalar()
        return None if body is None else msgspec.json.decode(body, type=PriceBook)

    def put_price_book(self, book: PriceBook) -> None:
        with self._database.transaction() as connection:
            connection.execute(sa.insert(price_books), {"body": msgspec.json.encode(book)})
            grow_revision(connection)
