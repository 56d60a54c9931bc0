"""One suite for every keeper of the operator's records: each write is there, also for who opens them again."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from maillage.engines.sqlite_records import SqliteRecords
from maillage.kernel.errors import AlreadyExists
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook, PriceEntry
from maillage.tenancy.ports import ApiKey, Tenant

Open = Callable[[], SqliteRecords]
ACME, OTHER = Tenant("acme", "Acme", "tenant", 1), Tenant("other", "Übermorgen & Söhne", "node", 2)


def key(number: int, tenant: str = "acme") -> ApiKey:
    return ApiKey(f"key-{number}", tenant, "laptop", f"{number:064x}", number)


@pytest.fixture(params=[SqliteRecords])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same records each time."""
    engine: Callable[[Path], SqliteRecords] = request.param
    return lambda: engine(tmp_path / "data")


@pytest.fixture
def records(reopen: Open) -> SqliteRecords:
    return reopen()


def test_new_records_are_empty(records: SqliteRecords) -> None:
    assert (records.tenants(), records.live_keys(), records.kinds(), records.price_book()) == ([], [], [], None)


def test_tenants_are_kept_in_the_order_in_which_they_came(records: SqliteRecords, reopen: Open) -> None:
    records.add_tenant(ACME)
    records.add_tenant(OTHER)
    assert records.tenants() == reopen().tenants() == [ACME, OTHER]


def test_a_tenant_that_is_there_already_stays_as_it_is(records: SqliteRecords) -> None:
    records.add_tenant(ACME)
    with pytest.raises(AlreadyExists, match="acme"):
        records.add_tenant(Tenant("acme", "Another", "operator", 9))
    assert records.tenants() == [ACME]


def test_keys_live_until_they_are_revoked(records: SqliteRecords, reopen: Open) -> None:
    records.add_tenant(ACME)
    for number in (1, 2, 3):
        records.add_key(key(number))
    records.revoke_key("key-2", 10)
    records.revoke_key("key-2", 11)
    records.revoke_key("key-9", 12)
    assert records.live_keys() == reopen().live_keys() == [key(1), key(3)]


def test_a_key_that_was_revoked_does_not_come_back(records: SqliteRecords) -> None:
    records.add_tenant(ACME)
    records.add_key(key(1))
    records.revoke_key("key-1", 10)
    with pytest.raises(AlreadyExists, match="revoked"):
        records.add_key(ApiKey("key-7", "acme", "again", key(1).digest, 11))
    assert records.live_keys() == []


def test_a_kind_is_added_or_changed(records: SqliteRecords, reopen: Open) -> None:
    records.put_kind(Kind("locker", "box"))
    records.put_kind(Kind("drone_pad", "pad", "places to land"))
    records.put_kind(Kind("locker", "locker", "with a lock"))
    expected = [Kind("locker", "locker", "with a lock"), Kind("drone_pad", "pad", "places to land")]
    assert records.kinds() == reopen().kinds() == expected


def test_the_last_price_book_counts(records: SqliteRecords, reopen: Open) -> None:
    book = PriceBook("EUR", [PriceEntry("cpu", "0.05", "spot", "AR", "wm-1", [(8, 20)])], 60)
    records.put_price_book(DEFAULT_BOOK)
    records.put_price_book(book)
    assert records.price_book() == reopen().price_book() == book


def test_former_price_books_are_kept(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path)
    for currency in ("USD", "EUR"):
        records.put_price_book(PriceBook(currency))
    with sqlite3.connect(tmp_path / "records.db") as other:
        assert other.execute("SELECT count(*) FROM price_books").fetchone() == (2,)
