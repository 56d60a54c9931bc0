"""Bring a database to the schema of this code, once, however many processes start at the same time."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from maillage.engines.records.database import Database, Turn
from maillage.engines.records.migrations import VERSIONS, known_revisions
from maillage.kernel.errors import RecordsUnavailable

_VERSION_TABLE = "alembic_version"
_WAIT_FOR_OTHERS = "60s"


def migrate(database: Database) -> None:
    """Do nothing where the schema is up to date. Otherwise copy an SQLite file that holds something, and take all steps
    in one transaction. RecordsUnavailable where the database was made by newer code."""
    with database.reading() as connection:
        if not _is_behind(connection, database.name):
            return
    with database.transaction() as connection:
        if database.is_postgresql:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}'")
        database.take_turn(connection, Turn.MIGRATION)
        if not _is_behind(connection, database.name):  # another process was here first
            return
        if database.file is not None and sa.inspect(connection).get_table_names():
            back_up(database.file, database.file.with_name(f"{database.file.name}.before-{known_revisions()[-1]}"))
        _upgrade(connection)


def back_up(file: Path, copy: Path) -> None:
    """A consistent copy of an SQLite file as last committed; it has its name only once it is whole."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    shutil.copymode(file, unfinished)
    unfinished.replace(copy)


def current_revision(connection: sa.Connection) -> str | None:
    """The number of the last step that was taken; None before the first."""
    if not sa.inspect(connection).has_table(_VERSION_TABLE):
        return None
    row = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").first()  # noqa: S608  a constant
    return None if row is None else str(row[0])


def _is_behind(connection: sa.Connection, name: str) -> bool:
    known = known_revisions()
    current = current_revision(connection)
    if current is not None and current not in known:
        raise RecordsUnavailable(
            f"{name} has schema {current[:40]}, and this version of Maillage knows those up to {known[-1]}:"
            " run the version that made it, or a newer one"
        )
    return current != known[-1]


def _upgrade(connection: sa.Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])
    environment = EnvironmentContext(
        Config(), script, fn=lambda current, _: script._upgrade_revs("head", current), destination_rev="head"
    )
    with environment:
        environment.configure(connection=connection, version_table=_VERSION_TABLE)
        environment.run_migrations()
