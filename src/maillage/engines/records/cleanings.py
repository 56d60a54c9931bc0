"""Floors, cleanings with their evidence, and schedules, in a database. Bodies are JSON."""

import zlib
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_or_replace
from maillage.engines.records.robots_tables import (
    cleaning_evidence,
    cleaning_schedules,
    cleanings,
    floors,
    robots_give_way,
)
from maillage.kernel.errors import NotFound
from maillage.services.robots.cleaning.evidence import Evidence
from maillage.services.robots.cleaning.model import ENDED, Cleaning, FloorRecord, GiveWay, Schedule


class SqlFloorRecords:
    """``services.robots.cleaning.ports.FloorRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, floor: FloorRecord) -> None:
        row = {"site": floor.site, "id": floor.id, "body": msgspec.json.encode(floor)}
        with self._database.statement() as connection:
            connection.execute(insert_or_replace(connection, floors, "site id", "body"), row)

    def drop(self, site: str, floor: str) -> bool:
        this = sa.delete(floors).where(floors.c.site == site, floors.c.id == floor)
        with self._database.statement() as connection:
            return connection.execute(this).rowcount == 1

    def all(self) -> list[FloorRecord]:
        wanted = sa.select(floors.c.body).order_by(floors.c.site, floors.c.id)
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=FloorRecord) for (body,) in connection.execute(wanted)]


class SqlCleaningRecords:
    """``services.robots.cleaning.ports.CleaningRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, cleaning: Cleaning) -> None:
        columns = ("id", "site", "floor", "state", "created_at")
        row = {name: getattr(cleaning, name) for name in columns} | {"body": msgspec.json.encode(cleaning)}
        with self._database.statement() as connection:
            connection.execute(insert_or_replace(connection, cleanings, "id", "state", "body"), row)

    def get(self, cleaning_id: str) -> Cleaning | None:
        found = self._read(sa.select(cleanings.c.body).where(cleanings.c.id == cleaning_id))
        return found[0] if found else None

    def unfinished(self) -> list[Cleaning]:
        wanted = sa.select(cleanings.c.body).where(cleanings.c.state.not_in(sorted(ENDED)))
        return self._read(wanted.order_by(cleanings.c.created_at, cleanings.c.id))

    def some(
        self, site: str | None, floor: str | None, state: str | None, before: str | None, limit: int
    ) -> list[Cleaning]:
        wanted = sa.select(cleanings.c.body)
        for column, value in ((cleanings.c.site, site), (cleanings.c.floor, floor), (cleanings.c.state, state)):
            if value is not None:
                wanted = wanted.where(column == value)
        if before is not None:
            last = sa.select(cleanings.c.created_at, cleanings.c.id).where(cleanings.c.id == before)
            wanted = wanted.where(sa.tuple_(cleanings.c.created_at, cleanings.c.id) < last.scalar_subquery())
        return self._read(wanted.order_by(cleanings.c.created_at.desc(), cleanings.c.id.desc()).limit(limit))

    def put_evidence(self, evidence: Evidence) -> None:
        row = {"cleaning": evidence.cleaning, "body": zlib.compress(msgspec.json.encode(evidence), 6)}
        try:
            with self._database.statement() as connection:
                connection.execute(insert_or_replace(connection, cleaning_evidence, "cleaning", "body"), row)
        except IntegrityError:
            raise NotFound(f"there is no cleaning {evidence.cleaning}") from None

    def evidence(self, cleaning_id: str) -> Evidence | None:
        wanted = sa.select(cleaning_evidence.c.body).where(cleaning_evidence.c.cleaning == cleaning_id)
        with self._database.reading() as connection:
            body = connection.execute(wanted).scalar()
        return None if body is None else msgspec.json.decode(zlib.decompress(body), type=Evidence)

    def _read(self, wanted: sa.Select[Any]) -> list[Cleaning]:
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Cleaning) for (body,) in connection.execute(wanted)]


class SqlScheduleRecords:
    """``services.robots.cleaning.ports.ScheduleRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, schedule: Schedule) -> None:
        row = {"site": schedule.site, "id": schedule.id, "body": msgspec.json.encode(schedule)}
        with self._database.statement() as connection:
            connection.execute(insert_or_replace(connection, cleaning_schedules, "site id", "body"), row)

    def drop(self, site: str, schedule: str) -> bool:
        table = cleaning_schedules
        this = sa.delete(table).where(table.c.site == site, table.c.id == schedule)
        with self._database.statement() as connection:
            return connection.execute(this).rowcount == 1

    def all(self) -> list[Schedule]:
        wanted = sa.select(cleaning_schedules.c.body).order_by(cleaning_schedules.c.site, cleaning_schedules.c.id)
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Schedule) for (body,) in connection.execute(wanted)]

    def put_give_way(self, give_way: GiveWay) -> None:
        row = {"site": give_way.site, "body": msgspec.json.encode(give_way)}
        with self._database.statement() as connection:
            connection.execute(insert_or_replace(connection, robots_give_way, "site", "body"), row)

    def give_ways(self) -> list[GiveWay]:
        with self._database.reading() as connection:
            bodies = connection.execute(sa.select(robots_give_way.c.body).order_by(robots_give_way.c.site))
            return [msgspec.json.decode(body, type=GiveWay) for (body,) in bodies]
