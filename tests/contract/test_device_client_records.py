"""One suite for the records of who may connect to the stores' brokers, over both databases."""

import msgspec
import pytest

from maillage.devices.clients import DeviceClient
from maillage.engines.records.devices import SqlClientRecords
from maillage.kernel.errors import AlreadyExists
from tests.contract.record_databases import Place, in_threads


def client(name: str, site: str = "100") -> DeviceClient:
    return DeviceClient(
        id=name, site=site, publish=(f"stores/{site}/{name}/#",), subscribe=(), password="$7$101$AA==$AA==", made_at=7
    )


def test_what_is_put_is_there_after_a_restart_in_order_of_id(place: Place) -> None:
    records = SqlClientRecords(place.open())
    for name in ("b", "a", "C"):
        records.add_client(client(name))
    assert SqlClientRecords(place.open()).clients() == [client("C"), client("a"), client("b")]


def test_a_name_is_taken_once_even_by_many_at_once(place: Place) -> None:
    records = SqlClientRecords(place.open())

    def take(number: int) -> bool:
        try:
            records.add_client(client("a", str(number)))
        except AlreadyExists:
            return False
        return True

    assert sum(in_threads(4, take)) == 1


def test_only_what_is_there_is_replaced_or_dropped(place: Place) -> None:
    records = SqlClientRecords(place.open())
    assert not records.put_client(client("a")) and not records.drop_client("a")
    records.add_client(client("a"))
    moved = msgspec.structs.replace(client("a"), site="200", subscribe=("x/y",))
    assert records.put_client(moved) and records.clients() == [moved]
    assert records.drop_client("a") and records.clients() == []
    with pytest.raises(AlreadyExists):
        records.add_client(client("b"))
        records.add_client(client("b"))
