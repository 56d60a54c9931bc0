"""Who may do what, and with which key."""

from pathlib import Path

import pytest

from maillage.engines.clocks import ManualClock
from maillage.engines.sqlite_records import SqliteRecords
from maillage.kernel.errors import AlreadyExists, Invalid, NotAllowed, NotFound
from maillage.tenancy.access import OPERATOR_TENANT, Access, Principal
from tests.kernel_world import NOW

GIVEN = "a-key-that-was-given-at-start"


@pytest.fixture
def records(tmp_path: Path) -> SqliteRecords:
    return SqliteRecords(tmp_path)


def access_to(records: SqliteRecords) -> Access:
    return Access(records, ManualClock(NOW))


@pytest.fixture
def access(records: SqliteRecords) -> Access:
    return access_to(records)


def test_the_first_key_is_shown_once_and_opens_as_operator(access: Access) -> None:
    key = access.first_key(None)
    assert key is not None
    assert access.principal(key.encode()) == Principal(OPERATOR_TENANT, "operator")
    assert access.first_key(None) is None


def test_the_first_key_opens_after_a_restart_too(access: Access, records: SqliteRecords) -> None:
    key = access.first_key(None)
    again = access_to(records)
    assert again.first_key(None) is None
    assert key is not None
    assert again.principal(key.encode()) == Principal(OPERATOR_TENANT, "operator")


def test_a_key_that_was_given_is_taken_over_and_never_shown(access: Access, records: SqliteRecords) -> None:
    assert access.first_key(GIVEN) is None
    again = access_to(records)
    assert again.first_key(GIVEN) is None
    assert len(again.keys(OPERATOR_TENANT)) == 1
    assert again.principal(GIVEN.encode()) == Principal(OPERATOR_TENANT, "operator")


@pytest.mark.parametrize(
    "key", ["", "short", "fifteen letters", "sixteen letters!", "tab\tbetween-the-letters", "schlüssel-mit-umlaut"]
)
def test_a_given_key_that_is_too_weak_or_can_not_be_sent_is_refused(access: Access, key: str) -> None:
    with pytest.raises(Invalid, match="16 or more"):
        access.first_key(key)


def test_a_given_key_that_was_revoked_stays_revoked(access: Access, records: SqliteRecords) -> None:
    access.first_key(GIVEN)
    access.revoke_key(access.keys(OPERATOR_TENANT)[0].id)
    with pytest.raises(AlreadyExists, match="revoked"):
        access_to(records).first_key(GIVEN)


def test_a_tenant_is_entered_once(access: Access, records: SqliteRecords) -> None:
    tenant = access.add_tenant("acme", "Acme", "tenant")
    assert (tenant.id, tenant.name, tenant.role, tenant.created_at) == ("acme", "Acme", "tenant", NOW)
    assert access.add_tenant("acme", "Acme", "tenant") is tenant
    with pytest.raises(AlreadyExists):
        access.add_tenant("acme", "Acme", "node")
    assert access_to(records).tenants() == access.tenants() == [tenant]


@pytest.mark.parametrize("tenant", ["", "-acme", "ac me", "a" * 65, "acme\n", "a/b", "ä"])
def test_a_tenant_needs_a_plain_id(access: Access, tenant: str) -> None:
    with pytest.raises(Invalid, match="id"):
        access.add_tenant(tenant, "Acme", "tenant")


def test_there_are_three_roles(access: Access) -> None:
    for role in ("operator", "tenant", "node"):
        access.add_tenant(role, role, role)
    with pytest.raises(Invalid, match="the roles are operator, tenant, node"):
        access.add_tenant("king", "King", "king")


def test_a_key_opens_as_its_tenant_until_it_is_revoked(access: Access, records: SqliteRecords) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    record, key = access.add_key("acme", "laptop")
    assert access.principal(key.encode()) == Principal("acme", "tenant")
    assert access.principal(key.encode() + b"x") is None
    assert access.principal(b"") is None
    assert key not in (record.digest, record.id)
    access.revoke_key(record.id)
    for known in (access, access_to(records)):
        assert known.principal(key.encode()) is None
        assert known.keys("acme") == []
    with pytest.raises(NotFound):
        access.revoke_key(record.id)


def test_no_two_keys_are_alike(access: Access) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    assert len({access.add_key("acme", "laptop")[1] for _ in range(100)}) == 100


def test_an_unknown_tenant_has_no_keys(access: Access) -> None:
    for look in (access.tenant, access.keys, lambda name: access.add_key(name, "laptop")):
        with pytest.raises(NotFound):
            look("nobody")


def test_a_local_key_is_an_operators_and_is_not_stored(access: Access, records: SqliteRecords) -> None:
    key = access.local_key()
    assert access.principal(key.encode()) == Principal(OPERATOR_TENANT, "operator")
    assert access_to(records).principal(key.encode()) is None


@pytest.mark.parametrize(
    ("role", "sees", "operates", "is_staff"),
    [("operator", None, True, True), ("node", None, False, True), ("tenant", "acme", False, False)],
)
def test_each_role_may_do_its_own(role: str, sees: str | None, operates: bool, is_staff: bool) -> None:
    principal = Principal("acme", role)
    assert principal.sees == sees
    principal.require_class("firm")
    principal.require_class("spot")
    for allowed, ask in (
        (operates, principal.require_operator),
        (is_staff, principal.require_staff),
        (is_staff, lambda: principal.require_class("house")),
    ):
        if allowed:
            ask()
        else:
            with pytest.raises(NotAllowed):
                ask()
