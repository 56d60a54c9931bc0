"""One suite for policy and one for tenancy, over both databases: each write is there, also for who opens them again."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from maillage.engines.records.policy import SqlPolicyRecords
from maillage.engines.records.tenancy import SqlTenancyRecords
from maillage.kernel.errors import AlreadyExists, Invalid, NotFound, RecordsUnavailable
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook, PriceEntry
from maillage.tenancy.ports import ApiKey, AuditEntry, Quota, Tenant
from tests.contract.record_databases import Place, fresh_place, in_threads

ACME, OTHER = Tenant("acme", "Acme", "tenant", 1), Tenant("other", "Übermorgen & Söhne", "node", 2)


@pytest.fixture
def policy(place: Place) -> SqlPolicyRecords:
    return SqlPolicyRecords(place.open())


@pytest.fixture
def tenancy(place: Place) -> SqlTenancyRecords:
    return SqlTenancyRecords(place.open())


def key(number: int, tenant: str = "acme") -> ApiKey:
    return ApiKey(f"key-{number}", tenant, "laptop", f"{number:064x}", number)


def entry(at: int, actor: str = "acme", action: str = "key.create", **more: str) -> AuditEntry:
    return AuditEntry(at, actor, "key key-1", action, "key-2", "done", **more)


# -- policy ----------------------------------------------------------------------------------------------------------


def test_new_records_hold_no_policy(policy: SqlPolicyRecords) -> None:
    assert (policy.kinds(), policy.price_book()) == ([], None)


def test_a_kind_is_added_or_changed(policy: SqlPolicyRecords, place: Place) -> None:
    policy.put_kind(Kind("locker", "box"))
    policy.put_kind(Kind("drone_pad", "pad", "places to land"))
    policy.put_kind(Kind("locker", "locker", "with a lock"))
    expected = [Kind("locker", "locker", "with a lock"), Kind("drone_pad", "pad", "places to land")]
    assert policy.kinds() == SqlPolicyRecords(place.open()).kinds() == expected


def test_the_last_price_book_counts_and_former_ones_are_kept(policy: SqlPolicyRecords, place: Place) -> None:
    book = PriceBook("EUR", [PriceEntry("cpu", "0.05", "spot", "AR", "wm-1", [(8, 20)])], 60)
    policy.put_price_book(DEFAULT_BOOK)
    policy.put_price_book(book)
    assert policy.price_book() == SqlPolicyRecords(place.open()).price_book() == book
    with place.open().reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM price_books")).scalar() == 2


# -- tenants and keys ------------------------------------------------------------------------------------------------


def test_new_records_know_nobody(tenancy: SqlTenancyRecords) -> None:
    assert (tenancy.tenants(), tenancy.live_keys(), tenancy.quotas(), tenancy.audit(0, 10)) == ([], [], [], [])


def test_tenants_are_kept_in_the_order_in_which_they_came(tenancy: SqlTenancyRecords, place: Place) -> None:
    tenancy.add_tenant(ACME)
    tenancy.add_tenant(OTHER)
    assert tenancy.tenants() == SqlTenancyRecords(place.open()).tenants() == [ACME, OTHER]


def test_a_tenant_that_is_there_already_stays_as_it_is(tenancy: SqlTenancyRecords) -> None:
    tenancy.add_tenant(ACME)
    with pytest.raises(AlreadyExists, match="acme"):
        tenancy.add_tenant(Tenant("acme", "Another", "operator", 9))
    assert tenancy.tenants() == [ACME]


def test_a_key_is_kept_whole(tenancy: SqlTenancyRecords, place: Place) -> None:
    tenancy.add_tenant(ACME)
    whole = ApiKey("key-1", "acme", "laptop", "ab" * 32, 5, expires_at=9_999_999_999, per_s=0.1, burst=7)
    tenancy.add_key(whole)
    assert tenancy.live_keys() == SqlTenancyRecords(place.open()).live_keys() == [whole]


def test_keys_live_until_they_are_revoked(tenancy: SqlTenancyRecords, place: Place) -> None:
    tenancy.add_tenant(ACME)
    for number in (3, 2, 1):
        tenancy.add_key(key(number))
    tenancy.revoke_key("key-2", 10)
    tenancy.revoke_key("key-2", 11)
    tenancy.revoke_key("key-9", 12)
    assert tenancy.live_keys() == SqlTenancyRecords(place.open()).live_keys() == [key(1), key(3)]


def test_a_key_that_was_in_use_does_not_come_back(tenancy: SqlTenancyRecords) -> None:
    tenancy.add_tenant(ACME)
    tenancy.add_key(key(1))
    for _ in range(2):
        with pytest.raises(AlreadyExists, match="in use before"):
            tenancy.add_key(ApiKey("key-7", "acme", "again", key(1).digest, 11))
        tenancy.revoke_key("key-1", 10)
    assert tenancy.live_keys() == []


def test_a_key_or_quota_of_nobody_is_refused(tenancy: SqlTenancyRecords) -> None:
    with pytest.raises(NotFound, match="'acme'"):
        tenancy.add_key(key(1))
    with pytest.raises(NotFound, match="'acme'"):
        tenancy.put_quota(Quota("acme", "cpu", 1))
    assert (tenancy.live_keys(), tenancy.quotas()) == ([], [])


def test_a_key_is_given_an_end_but_never_a_later_one(tenancy: SqlTenancyRecords) -> None:
    tenancy.add_tenant(ACME)
    tenancy.add_key(key(1))
    for at, expected in ((500, 500), (600, 500), (400, 400)):
        tenancy.expire_key("key-1", at)
        assert [each.expires_at for each in tenancy.live_keys()] == [expected]


def test_a_quota_is_put_replaced_and_dropped(tenancy: SqlTenancyRecords, place: Place) -> None:
    tenancy.add_tenant(ACME)
    for quota in (Quota("acme", "gpu", 10**15), Quota("acme", "cpu", 1), Quota("acme", "cpu", 2)):
        tenancy.put_quota(quota)
    expected = [Quota("acme", "cpu", 2), Quota("acme", "gpu", 10**15)]
    assert tenancy.quotas() == SqlTenancyRecords(place.open()).quotas() == expected
    tenancy.drop_quota("acme", "gpu")
    tenancy.drop_quota("acme", "gpu")
    assert tenancy.quotas() == expected[:1]


def test_the_revision_grows_with_each_change_and_only_then(place: Place) -> None:
    tenancy, policy = SqlTenancyRecords(place.open()), SqlPolicyRecords(place.open())
    changes: list[Callable[[], object]] = [
        lambda: tenancy.add_tenant(ACME),
        lambda: tenancy.add_key(key(1)),
        lambda: tenancy.expire_key("key-1", 100),
        lambda: tenancy.revoke_key("key-1", 50),
        lambda: tenancy.put_quota(Quota("acme", "cpu", 1)),
        lambda: tenancy.drop_quota("acme", "cpu"),
        lambda: policy.put_kind(Kind("locker", "box")),
        lambda: policy.put_price_book(DEFAULT_BOOK),
    ]
    for change in changes:
        before = tenancy.revision()
        change()
        assert tenancy.revision() == SqlTenancyRecords(place.open()).revision() > before
    before = tenancy.revision()
    tenancy.revoke_key("key-1", 60)
    tenancy.append_audit([entry(1)])
    with pytest.raises(AlreadyExists):
        tenancy.add_tenant(ACME)
    assert tenancy.revision() == before


def test_one_of_many_threads_enters_a_tenant(place: Place) -> None:
    database = place.open()
    won = in_threads(8, lambda number: _adds(SqlTenancyRecords(database), Tenant("acme", f"n{number}", "tenant", 1)))
    assert sum(won) == 1
    assert SqlTenancyRecords(database).revision() == 1


def _adds(tenancy: SqlTenancyRecords, tenant: Tenant) -> bool:
    try:
        tenancy.add_tenant(tenant)
    except AlreadyExists:
        return False
    return True


def test_what_can_not_be_written_is_refused_and_what_can_is_kept_as_it_is(place: Place) -> None:
    tenancy = SqlTenancyRecords(place.open())
    odd = Tenant("acme", "Ünïcode \u2028 'quoted' \"twice\" %s :name ? 🏪", "tenant", 1)
    tenancy.add_tenant(odd)
    assert tenancy.tenants() == [odd]
    if place.url.startswith("postgresql"):
        with pytest.raises(Invalid, match="can't keep"):
            tenancy.add_tenant(Tenant("nul", "a\0b", "tenant", 1))


# -- the audit -------------------------------------------------------------------------------------------------------


def test_the_audit_is_read_in_order_by_page_actor_and_action(tenancy: SqlTenancyRecords, place: Place) -> None:
    tenancy.append_audit([])
    tenancy.append_audit([entry(5), entry(4, "other", detail="why", request_id="r-1")])
    tenancy.append_audit([entry(6, action="key.revoke")])
    found = SqlTenancyRecords(place.open()).audit(0, 10)
    assert [each.at for each in found] == [5, 4, 6]
    assert [(each.detail, each.request_id) for each in found] == [("", ""), ("why", "r-1"), ("", "")]
    numbers = [each.number for each in found]
    assert numbers == sorted(set(numbers)) and numbers[0] > 0
    assert tenancy.audit(0, 2) == found[:2]
    assert tenancy.audit(numbers[1], 2) == found[2:]
    assert tenancy.audit(0, 10, actor="acme") == [found[0], found[2]]
    assert tenancy.audit(0, 10, action="key.create") == found[:2]
    assert tenancy.audit(0, 10, actor="acme", action="key.revoke") == found[2:]


def test_an_entry_with_what_a_stranger_sent_is_kept(tenancy: SqlTenancyRecords) -> None:
    tenancy.append_audit([entry(1, detail="a\0b"), entry(2)])
    assert [each.detail for each in tenancy.audit(0, 10)] == ["a\ufffdb", ""]


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number > 1",
        "TRUNCATE audit",
        "INSERT OR REPLACE INTO audit SELECT number, at, 'x', credential, action, subject, outcome, detail, request_id"
        " FROM audit",
        "INSERT INTO audit SELECT * FROM audit ON CONFLICT (number) DO UPDATE SET actor = 'nobody'",
    ],
)
def test_the_database_itself_refuses_to_change_the_audit(place: Place, attempt: str) -> None:
    database = place.open()
    tenancy = SqlTenancyRecords(database)
    tenancy.append_audit([entry(1), entry(2)])
    before = tenancy.audit(0, 10)
    with pytest.raises((sa.exc.DBAPIError, RecordsUnavailable)), database.transaction() as connection:
        connection.exec_driver_sql(attempt)
    assert tenancy.audit(0, 10) == before


def test_entries_become_visible_in_the_order_of_their_numbers(place: Place) -> None:
    """Who follows the audit asks for what comes after the last number it saw, and must not miss one."""
    database = place.open()
    tenancy = SqlTenancyRecords(database)
    seen: list[int] = []
    written = queue.SimpleQueue[bool]()

    def follow() -> None:
        for more in iter(written.get, "never"):
            seen.extend(each.number for each in tenancy.audit(seen[-1] if seen else 0, 1000))
            if not more:
                return

    follower = threading.Thread(target=follow)
    follower.start()

    def write(number: int) -> bool:
        for at in range(25):
            tenancy.append_audit([entry(at, f"actor-{number}"), entry(at, f"actor-{number}")])
            written.put(True)
        return True

    in_threads(4, write)
    written.put(False)
    follower.join(30)
    assert seen == [each.number for each in tenancy.audit(0, 1000)]
    assert len(seen) == 200


# -- what a database promises ----------------------------------------------------------------------------------------


def test_nothing_of_a_failed_call_is_kept(place: Place) -> None:
    database = place.open()
    with pytest.raises(RuntimeError), database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO kinds(name, unit, description) VALUES ('a', 'b', 'c')")
        raise RuntimeError
    assert SqlPolicyRecords(database).kinds() == []
    SqlPolicyRecords(database).put_kind(Kind("locker", "box"))


def test_an_sqlite_file_is_written_through_and_minds_its_references(tmp_path: Path) -> None:
    with fresh_place("sqlite", tmp_path, "") as place, place.open().reading() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_locked_sqlite_file_is_told_as_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.engines.records.database.SQLITE_WAIT_S", 0.05)
    with fresh_place("sqlite", tmp_path, "") as place:
        policy = SqlPolicyRecords(place.open())
        with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(RecordsUnavailable, match="database is locked"):
                policy.put_kind(Kind("locker", "box"))
            assert policy.kinds() == []
        policy.put_kind(Kind("locker", "box"))


def test_a_connection_that_the_server_cut_is_replaced(tmp_path: Path, postgresql: str) -> None:
    with fresh_place("postgresql", tmp_path, postgresql) as place:
        database = place.open()
        policy = SqlPolicyRecords(database)
        with place.open().reading() as other:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            with pytest.raises(RecordsUnavailable, match="terminating connection"), database.transaction() as mine:
                other.exec_driver_sql(f"{cut} AND pid != pg_backend_pid()")
                mine.exec_driver_sql("SELECT 1")
        policy.put_kind(Kind("locker", "box"))
        assert policy.kinds() == [Kind("locker", "box")]


def test_a_statement_that_takes_too_long_is_stopped(
    tmp_path: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.engines.records.database.STATEMENT_MS", 100)
    with fresh_place("postgresql", tmp_path, postgresql) as place:
        database = place.open()
        with pytest.raises(RecordsUnavailable, match="statement timeout"), database.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(30)")
