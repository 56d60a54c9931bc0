"""A database is brought to the schema of the code when it is opened: new ones, those of before, and by many at once."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

# The tables of each part are in the metadata once its module is imported.
import maillage.engines.records.coldchain_tables
import maillage.engines.records.device_tables
import maillage.engines.records.robots_tables
import maillage.engines.records.roof_tables
import maillage.engines.records.sensing_tables  # noqa: F401
from maillage.engines.records import migrating
from maillage.engines.records.database import Database
from maillage.engines.records.migrations import VERSIONS, known_revisions
from maillage.engines.records.opening import open_database
from maillage.engines.records.policy import SqlPolicyRecords
from maillage.engines.records.tables import metadata
from maillage.engines.records.tenancy import SqlTenancyRecords
from maillage.kernel.errors import RecordsUnavailable
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import DEFAULT_BOOK
from maillage.tenancy.ports import ApiKey, Tenant
from tests.contract.record_databases import Place, in_threads

SCHEMA_0_1 = """
CREATE TABLE tenants(
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE keys(
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants(id), name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL, revoked_at INTEGER);
CREATE TABLE kinds(name TEXT PRIMARY KEY, unit TEXT NOT NULL, description TEXT NOT NULL);
CREATE TABLE price_books(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
INSERT INTO tenants VALUES ('operator', 'the chain''s operator', 'operator', 1), ('acme', 'Acme', 'tenant', 2);
INSERT INTO keys VALUES ('k1', 'operator', 'first', 'aa', 1, NULL), ('k2', 'acme', 'old', 'bb', 2, 3);
INSERT INTO kinds VALUES ('locker', 'box', 'a box'), ('drone_pad', 'pad', '');
INSERT INTO price_books(id, body) VALUES (3, CAST('{"currency": "EUR"}' AS BLOB)),
    (7, CAST('{"currency": "CHF"}' AS BLOB));
"""


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A data folder with the records of version 0.1."""
    with closing(sqlite3.connect(tmp_path / "records.db")) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.executescript(SCHEMA_0_1)
    return tmp_path


def test_the_tables_of_the_code_are_those_of_the_migrations(place: Place) -> None:
    with place.open().reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_steps_are_one_chain_in_the_order_of_their_names() -> None:
    script = ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])
    walked = [step.revision for step in script.walk_revisions()]
    assert walked[::-1] == known_revisions()
    assert all(Path(step.path).name.startswith(f"r{step.revision}_") for step in script.walk_revisions())
    assert len(known_revisions()) == len([path for path in VERSIONS.glob("*.py") if path.name != "__init__.py"])


def test_a_database_that_is_up_to_date_is_opened_without_alembic(place: Place) -> None:
    place.open()
    program = (
        "import sys; from pathlib import Path; from maillage.engines.records.opening import open_database;"
        f"open_database({place.url!r}, Path('x')).close(); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("steps", range(1, len(known_revisions())))
def test_a_database_of_each_former_schema_is_brought_up(
    place: Place, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_revisions()
    with monkeypatch.context() as before:
        before.setattr(migrating, "known_revisions", lambda: known[:steps])
        before.setattr(migrating, "_upgrade", lambda connection: upgrade_to(known[steps - 1], connection))
        database = place.open()
        SqlTenancyRecords(database).add_tenant(Tenant("acme", "Acme", "tenant", 1))
        database.close()
    again = place.open()
    with again.reading() as connection:
        assert migrating.current_revision(connection) == known[-1]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert SqlTenancyRecords(again).tenants() == [Tenant("acme", "Acme", "tenant", 1)]


def upgrade_to(revision: str, connection: sa.Connection) -> None:
    from alembic.runtime.environment import EnvironmentContext

    script = ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])
    with EnvironmentContext(Config(), script, fn=lambda now, _: script._upgrade_revs(revision, now)) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def test_records_of_version_0_1_are_taken_over(former: Path) -> None:
    database = open_database("", former)
    tenancy, policy = SqlTenancyRecords(database), SqlPolicyRecords(database)
    assert tenancy.tenants() == [
        Tenant("operator", "the chain's operator", "operator", 1),
        Tenant("acme", "Acme", "tenant", 2),
    ]
    assert tenancy.live_keys() == [ApiKey("k1", "operator", "first", "aa", 1)]
    assert policy.kinds() == [Kind("locker", "box", "a box"), Kind("drone_pad", "pad", "")]
    book = policy.price_book()
    assert book is not None and book.currency == "CHF"
    policy.put_price_book(DEFAULT_BOOK)
    assert policy.price_book() == DEFAULT_BOOK
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM keys WHERE revoked_at = 3").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM price_books").scalar() == 3
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_a_file_is_copied_before_it_is_changed_and_only_then(former: Path) -> None:
    def copies() -> list[str]:
        return sorted(path.name for path in former.iterdir() if path.name.startswith("records.db."))

    copy = f"records.db.before-{known_revisions()[-1]}"
    open_database("", former).close()
    assert copies() == [copy]
    with closing(sqlite3.connect(former / copy)) as kept:
        tables = {name for (name,) in kept.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"tenants", "keys", "kinds", "price_books"}
        assert kept.execute("SELECT count(*) FROM keys").fetchone() == (2,)
    (former / copy).unlink()
    open_database("", former).close()
    assert copies() == []
    open_database("", former / "new").close()
    assert sorted(path.name for path in (former / "new").iterdir()) == ["records.db"]


def test_a_step_that_fails_leaves_the_file_as_it_was(former: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = migrating._upgrade

    def fail(connection: sa.Connection) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as failing, pytest.raises(KeyboardInterrupt):
        failing.setattr(migrating, "_upgrade", fail)
        open_database("", former)
    with closing(sqlite3.connect(former / "records.db")) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"tenants", "keys", "kinds", "price_books"}
    database = open_database("", former)
    assert len(SqlTenancyRecords(database).tenants()) == 2
    database.close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(place: Place) -> None:
    database = place.open()
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RecordsUnavailable, match=r"schema 9999, .*knows those up to .*newer one"):
        place.open()
    with database.reading() as connection:
        assert migrating.current_revision(connection) == "9999"


def open_and_write(url: str, number: int, failures: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        database = open_database(url, Path("no-folder"))
        SqlTenancyRecords(database).add_tenant(Tenant(f"tenant-{number}", "T", "tenant", number))
        database.close()
        failures.put("")
    except BaseException as fault:
        failures.put(repr(fault))
        raise


def test_processes_that_start_at_once_do_not_collide(place: Place) -> None:
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    processes = [context.Process(target=open_and_write, args=(place.url, number, failures)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [failures.get() for process in processes if process.exitcode is not None] == [""] * 4
    assert len(SqlTenancyRecords(place.open()).tenants()) == 4


def test_threads_that_open_at_once_do_not_collide(place: Place) -> None:
    databases: list[Database] = in_threads(6, lambda _: open_database(place.url, Path("no-folder")))
    for database in databases:
        assert SqlTenancyRecords(database).tenants() == []
        database.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("rubbish", "not a database URL"),
        ("postgresql://me:s3cret@host:port/x", "not a database URL"),
        ("mysql://me:s3cret@host/x", "'mysql'"),
        ("sqlite://", "no SQLite file"),
        ("sqlite:///:memory:", "no SQLite file"),
        ("postgresql://me:s3cret@127.0.0.1:1/x", "refused"),
        ("postgresql://me:s3cret@127.0.0.1:1/x?no_such_option=1", "no_such_option"),
        ("postgresql://me:s3cret@nowhere.invalid/x?connect_timeout=2", "nowhere.invalid"),
        ("sqlite:////proc/none/records.db", "unable to open"),
    ],
)
def test_a_url_of_no_use_is_told_in_one_line_without_its_password(url: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsUnavailable) as refused:
        open_database(url, tmp_path)
    assert told in refused.value.detail and "MAILLAGE_DATABASE_URL" in refused.value.detail
    assert "s3cret" not in refused.value.detail and "\n" not in refused.value.detail
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_driver_that_is_missing_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RecordsUnavailable, match=r"pip install 'maillage\[postgres\]'"):
        open_database("postgresql://host/x", tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        open_database("", tmp_path)
    with pytest.raises(RecordsUnavailable, match=r"MAILLAGE_DATABASE_URL: .*records.db.*not a database"):
        open_database(f"sqlite:///{tmp_path / 'records.db'}", tmp_path)


def test_a_command_that_needs_no_records_does_not_load_the_engine() -> None:
    program = (
        "import sys; import maillage.faces.cli.main, maillage.bootstrap;"
        "assert not {'sqlalchemy', 'alembic', 'psycopg'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=dict(os.environ))
