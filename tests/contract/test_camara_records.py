"""One suite for what CAMARA's APIs keep, over both databases."""

import msgspec
import pytest

from maillage.engines.records.camara import SqlCamaraRecords
from maillage.kernel.errors import AlreadyExists
from maillage.services.compute.camara.ports import Entry
from tests.contract.record_databases import Place

NOW = 1_793_534_400


@pytest.fixture
def records(place: Place) -> SqlCamaraRecords:
    return SqlCamaraRecords(place.open())


def entry(name: str, tenant: str = "acme", parent: str = "", at: int = NOW) -> Entry:
    return Entry(name, "instance", tenant, f"instance {tenant} {name}", at, b'{"a":1}', parent)


def test_what_is_added_is_there_once(records: SqlCamaraRecords) -> None:
    one = entry("one")
    assert records.add(one) and records.entry("instance", "one") == one
    assert not records.add(msgspec.structs.replace(entry("two"), unique=one.unique))
    assert records.entry("instance", "two") is None
    assert records.entry("app", "one") is None


def test_entries_are_listed_by_tenant_and_parent_oldest_first(records: SqlCamaraRecords) -> None:
    for one in (entry("b", parent="p"), entry("a", at=NOW - 1), entry("c", tenant="other", parent="p")):
        assert records.add(one)
    assert [one.id for one in records.entries("instance")] == ["a", "b", "c"]
    assert [one.id for one in records.entries("instance", "acme")] == ["a", "b"]
    assert [one.id for one in records.entries("instance", parent="p")] == ["b", "c"]
    assert records.entries("deployment") == []


def test_of_two_changes_to_one_revision_one_holds(records: SqlCamaraRecords) -> None:
    one = entry("one")
    records.add(one)
    first = msgspec.structs.replace(one, body=b"first", revision=1)
    assert records.change(first) and not records.change(msgspec.structs.replace(first, body=b"late"))
    assert records.entry("instance", "one") == first
    records.add(entry("two"))
    with pytest.raises(AlreadyExists):
        records.change(msgspec.structs.replace(first, unique=entry("two").unique, revision=2))
    assert records.entry("instance", "one") == first


def test_what_is_dropped_is_gone(records: SqlCamaraRecords) -> None:
    records.add(entry("one"))
    assert not records.drop("app", "one")
    assert records.drop("instance", "one") and not records.drop("instance", "one")
    assert records.add(entry("one")), "and its name is free"
