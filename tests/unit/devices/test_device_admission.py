"""Who is let in at a store's broker."""

import pytest

from maillage.devices.admission import Admission
from maillage.devices.passwords import fits, hash_of, new_password
from maillage.engines.clocks import ManualClock
from maillage.kernel.errors import AlreadyExists, Invalid, NotFound
from tests.contract.mqtt_brokers import NOW, MemoryClientRecords


@pytest.fixture
def records() -> MemoryClientRecords:
    return MemoryClientRecords()


@pytest.fixture
def admission(records: MemoryClientRecords) -> Admission:
    return Admission(records, ManualClock(NOW))


def test_a_password_opens_and_only_its_hash_is_kept(admission: Admission, records: MemoryClientRecords) -> None:
    client, password = admission.add("freezer-1", "100", ("a/#",), ("a/set",))
    assert client.made_at == NOW and len(password) == 32
    assert password not in repr(records.kept)
    who = admission.admit("freezer-1", password)
    assert who is not None and who.id == "freezer-1" and not who.house
    assert who.may_publish("a/t") and not who.may_publish("b/t") and not who.may_publish("$SYS/x")
    assert who.may_receive("a/set") and not who.may_receive("a/t")
    assert who.may_subscribe("a/set") and not who.may_subscribe("a/+")


def test_nobody_else_gets_in(admission: Admission) -> None:
    _, password = admission.add("freezer-1", "100", ())
    admission.add("freezer-2", "100", ())
    for user, word in (
        ("freezer-1", "x"),
        ("freezer-2", password),
        ("nobody", password),
        (None, password),
        ("freezer-1", None),
        (None, None),
        ("", ""),
        ("freezer-1", "\ud800"),
    ):
        assert admission.admit(user, word) is None


def test_our_own_line_has_all_rights_and_a_name_that_no_device_can_have(admission: Admission) -> None:
    house = admission.admit(*admission.house_login())
    assert house is not None and house.house and house.may_publish("any") and house.may_subscribe("#")
    with pytest.raises(Invalid, match="take another"):
        admission.add("Maillage", "100", ())
    assert Admission(MemoryClientRecords(), ManualClock(NOW)).admit(*admission.house_login()) is None


def test_a_rotated_password_and_a_revoked_client_end_the_connection(admission: Admission) -> None:
    gone: list[str] = []
    end = admission.on_gone(gone.append)
    _, first = admission.add("freezer-1", "100", ())
    who = admission.admit("freezer-1", first)
    assert who is not None and admission.is_current(who)
    second = admission.rotate("freezer-1")
    assert admission.admit("freezer-1", first) is None and not admission.is_current(who)
    assert admission.admit("freezer-1", second) is not None
    admission.allow("freezer-1", ("b/#",), ())
    admission.revoke("freezer-1")
    assert admission.admit("freezer-1", second) is None
    assert gone == ["freezer-1"] * 3
    end()
    for missing in (admission.revoke, admission.rotate, admission.client):
        with pytest.raises(NotFound):
            missing("freezer-1")
    assert len(gone) == 3


def test_what_another_process_changed_counts_after_a_look(admission: Admission, records: MemoryClientRecords) -> None:
    other = Admission(records, ManualClock(NOW))
    gone: list[str] = []
    admission.on_gone(gone.append)
    _, password = other.add("freezer-1", "100", ())
    assert admission.admit("freezer-1", password) is None
    admission.refresh()
    assert admission.admit("freezer-1", password) is not None and gone == []
    other.revoke("freezer-1")
    admission.refresh()
    assert admission.admit("freezer-1", password) is None and gone == ["freezer-1"]


@pytest.mark.parametrize(
    ("name", "publish", "field"),
    [
        ("", (), "id"),
        ("a/b", (), "id"),
        ("a b", (), "id"),
        ("-a", (), "id"),
        ("x" * 65, (), "id"),
        ("a", ("a/#/b",), "publish"),
        ("a", ("$SYS/#",), "publish"),
        ("a", ("a\nuser root",), "publish"),
        ("a", ("x",) * 65, "publish"),
    ],
)
def test_what_can_not_be_a_client_is_refused(
    admission: Admission, name: str, publish: tuple[str, ...], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        admission.add(name, "100", publish)
    assert refused.value.extra["field"] == field
    assert admission.clients() == []


def test_a_name_is_taken_once(admission: Admission) -> None:
    admission.add("a", "100", ())
    admission.add("b", "200", ())
    with pytest.raises(AlreadyExists):
        admission.add("a", "200", ())
    assert [client.id for client in admission.clients()] == ["a", "b"]
    assert [client.id for client in admission.clients("200")] == ["b"]


def test_the_hash_is_what_mosquittos_own_tool_makes() -> None:
    made = (
        "$7$101$+EMOPezDuKEkYdn5$"
        "bsIH/wPXVrrPahOTmK7q5X3YrL2SPBXlaQ0zZJN9YERRLAhKZ9QsH74ywTTLJctGea/RIp6VeGZFTFfidYbo5w=="
    )
    assert fits("secret", made) and not fits("Secret", made)
    assert fits("x", hash_of("x")) and hash_of("x") != hash_of("x")
    assert not fits("x", "") and not fits("x", "$6$abc$def")
    assert new_password() != new_password()
