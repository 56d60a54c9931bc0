"""Roofs, and where people live, in a database."""

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.inserts import insert_if_new
from maillage.engines.records.roof_tables import roof_population, roofs
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.catalogue.ports import StoredPopulation

_ONE = 1
"""The id of the only row there is."""


class _About(msgspec.Struct, frozen=True):
    name: str
    entered_at: int
    places: int
    people: int


class SqlRoofRecords:
    """``services.roof.catalogue.ports.RoofRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, roof: Roof, check: Callable[[], None] | None = None) -> bool:
        row = {"site": roof.site, "revision": roof.revision, "body": msgspec.json.encode(roof)}
        former = sa.and_(roofs.c.site == roof.site, roofs.c.revision == roof.revision - 1)
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.ROOF_LEASES)
            if check is not None:
                check()
            if roof.revision == 1:
                return connection.execute(insert_if_new(connection, roofs), row).rowcount == 1
            return connection.execute(sa.update(roofs).where(former).values(row)).rowcount == 1

    def get(self, site: str) -> Roof | None:
        with self._database.reading() as connection:
            body = connection.execute(sa.select(roofs.c.body).where(roofs.c.site == site)).scalar()
        return None if body is None else msgspec.json.decode(body, type=Roof)

    def all(self) -> list[Roof]:
        decoder = msgspec.json.Decoder(Roof)
        with self._database.reading() as connection:
            bodies = connection.execute(sa.select(roofs.c.site, roofs.c.body)).all()
        # Sorted here: PostgreSQL's order of texts is that of its locale.
        return [decoder.decode(body) for _, body in sorted(bodies, key=lambda row: row.site)]

    def drop(self, site: str, check: Callable[[], None] | None = None) -> bool:
        with self._database.transaction() as connection:
            self._database.take_turn(connection, Turn.ROOF_LEASES)
            if check is not None:
                check()
            return connection.execute(sa.delete(roofs).where(roofs.c.site == site)).rowcount == 1

    def put_population(self, population: StoredPopulation) -> int:
        about = _About(population.name, population.entered_at, population.places, population.people)
        row = {"about": msgspec.json.encode(about), "packed": population.packed}
        grown = sa.update(roof_population).where(roof_population.c.id == _ONE)
        grown = grown.values(revision=roof_population.c.revision + 1, **row)
        with self._database.transaction() as connection:
            first = {"id": _ONE, "revision": 1, **row}
            if connection.execute(insert_if_new(connection, roof_population), first).rowcount != 1:
                connection.execute(grown)
            return int(connection.execute(sa.select(roof_population.c.revision)).scalar_one())

    def population(self) -> StoredPopulation | None:
        columns = roof_population.c
        with self._database.reading() as connection:
            row = connection.execute(sa.select(columns.about, columns.revision, columns.packed)).first()
        if row is None:
            return None
        about = msgspec.json.decode(row.about, type=_About)
        return StoredPopulation(
            about.name, about.entered_at, about.places, about.people, int(row.revision), bytes(row.packed)
        )

    def population_revision(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(sa.select(roof_population.c.revision)).scalar() or 0)
