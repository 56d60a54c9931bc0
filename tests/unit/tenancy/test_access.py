"""Who may do what, and with which key."""

from pathlib import Path

import pytest

from maillage.engines.clocks import ManualClock
from maillage.engines.records.tenancy import SqlTenancyRecords
from maillage.kernel.errors import AlreadyExists, Invalid, NotAllowed, NotFound, RecordsUnavailable
from maillage.tenancy.access import OPERATOR_TENANT, Access, Principal
from maillage.tenancy.limits import Rate
from tests.kernel_world import NOW
from tests.unit.tenancy.records import Breakable, records_in

GIVEN = "a-key-that-was-given-at-start"


@pytest.fixture
def records(tmp_path: Path) -> SqlTenancyRecords:
    return records_in(tmp_path)


def access_to(records: SqlTenancyRecords) -> Access:
    return Access(records, ManualClock(NOW))


@pytest.fixture
def access(records: SqlTenancyRecords) -> Access:
    return access_to(records)


def who(access: Access, key: bytes) -> tuple[str, str] | None:
    found = access.principal(key)
    return None if found is None else (found.tenant, found.role)


def test_the_first_key_is_shown_once_and_opens_as_operator(access: Access) -> None:
    key = access.first_key(None)
    assert key is not None
    assert who(access, key.encode()) == (OPERATOR_TENANT, "operator")
    assert access.first_key(None) is None


def test_the_first_key_opens_after_a_restart_too(access: Access, records: SqlTenancyRecords) -> None:
    key = access.first_key(None)
    again = access_to(records)
    assert again.first_key(None) is None
    assert key is not None
    assert who(again, key.encode()) == (OPERATOR_TENANT, "operator")


def test_a_key_that_was_given_is_taken_over_and_never_shown(access: Access, records: SqlTenancyRecords) -> None:
    assert access.first_key(GIVEN) is None
    again = access_to(records)
    assert again.first_key(GIVEN) is None
    assert len(again.keys(OPERATOR_TENANT)) == 1
    assert who(again, GIVEN.encode()) == (OPERATOR_TENANT, "operator")


@pytest.mark.parametrize(
    "key", ["", "short", "fifteen letters", "sixteen letters!", "tab\tbetween-the-letters", "schlüssel-mit-umlaut"]
)
def test_a_given_key_that_is_too_weak_or_can_not_be_sent_is_refused(access: Access, key: str) -> None:
    with pytest.raises(Invalid, match="16 or more"):
        access.first_key(key)


def test_a_given_key_that_was_revoked_stays_revoked(access: Access, records: SqlTenancyRecords) -> None:
    access.first_key(GIVEN)
    access.revoke_key(access.keys(OPERATOR_TENANT)[0].id)
    with pytest.raises(AlreadyExists, match="revoked"):
        access_to(records).first_key(GIVEN)


def test_a_tenant_is_entered_once(access: Access, records: SqlTenancyRecords) -> None:
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


def test_a_key_opens_as_its_tenant_until_it_is_revoked(access: Access, records: SqlTenancyRecords) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    record, key = access.add_key("acme", "laptop")
    assert who(access, key.encode()) == ("acme", "tenant")
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


def test_a_local_key_is_an_operators_and_is_not_stored(access: Access, records: SqlTenancyRecords) -> None:
    key = access.local_key()
    assert who(access, key.encode()) == (OPERATOR_TENANT, "operator")
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


# -- keys that end, are replaced, are bounded --------------------------------------------------------------------------


def test_a_principal_names_its_key_without_holding_it(access: Access) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    record, key = access.add_key("acme", "laptop")
    found = access.principal(key.encode())
    assert found is not None and found.credential == f"key:{record.id}"
    assert key not in repr(found)


def test_a_key_ends_at_its_instant_and_is_not_listed_from_then_on(records: SqlTenancyRecords) -> None:
    clock = ManualClock(NOW)
    access = Access(records, clock)
    access.add_tenant("acme", "Acme", "tenant")
    _, key = access.add_key("acme", "for a day", expires_at=NOW + 86_400)
    clock.set(NOW + 86_399)
    assert who(access, key.encode()) == ("acme", "tenant")
    clock.set(NOW + 86_400)
    assert access.principal(key.encode()) is None and access.keys("acme") == []
    assert Access(records, clock).principal(key.encode()) is None


@pytest.mark.parametrize("expires_at", [0, NOW - 1, NOW, NOW + 60 * 366 * 86_400])
def test_a_key_can_not_end_before_it_begins_or_in_a_lifetime(access: Access, expires_at: int) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    with pytest.raises(Invalid, match="expires_at"):
        access.add_key("acme", "odd", expires_at=expires_at)
    assert access.keys("acme") == []


def test_where_all_operators_keys_have_expired_a_start_makes_another(records: SqlTenancyRecords) -> None:
    clock = ManualClock(NOW)
    access = Access(records, clock)
    access.first_key(None)
    access.rotate_key(access.keys(OPERATOR_TENANT)[0].id, 0)
    access.revoke_key(access.keys(OPERATOR_TENANT)[0].id)
    assert access.first_key(None) is not None


def test_a_rotated_key_and_its_successor_overlap(records: SqlTenancyRecords) -> None:
    clock = ManualClock(NOW)
    access = Access(records, clock)
    access.add_tenant("acme", "Acme", "tenant")
    old, old_key = access.add_key("acme", "vans", per_s=5.0, burst=9)
    new, new_key, ending = access.rotate_key(old.id, 3_600)
    assert (new.tenant, new.name, new.per_s, new.burst, new.expires_at) == ("acme", "vans", 5.0, 9, None)
    assert (ending.id, ending.expires_at) == (old.id, NOW + 3_600)
    for later_s, opens in ((3_599, True), (3_600, False)):
        clock.set(NOW + later_s)
        for known in (access, Access(records, clock)):
            assert (known.principal(old_key.encode()) is not None) is opens
            assert who(known, new_key.encode()) == ("acme", "tenant")
    with pytest.raises(NotFound, match="expired"):
        access.rotate_key(old.id, 0)


def test_a_key_that_was_to_live_for_a_month_is_followed_by_one_that_does_and_ends_no_later(access: Access) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    old, _ = access.add_key("acme", "vans", expires_at=NOW + 100)
    new, _, ending = access.rotate_key(old.id, 3_600)
    assert (new.expires_at, ending.expires_at) == (NOW + 100, NOW + 100)


@pytest.mark.parametrize("overlap_s", [-1, 30 * 86_400 + 1])
def test_an_overlap_is_bounded(access: Access, overlap_s: int) -> None:
    access.first_key(None)
    with pytest.raises(Invalid, match="overlap_s"):
        access.rotate_key(access.keys(OPERATOR_TENANT)[0].id, overlap_s)
    assert len(access.keys(OPERATOR_TENANT)) == 1


def test_what_the_records_refuse_does_not_happen_here_either(records: SqlTenancyRecords) -> None:
    breakable = Breakable(records)
    access = Access(breakable, ManualClock(NOW))  # type: ignore[arg-type]
    access.add_tenant("acme", "Acme", "tenant")
    record, key = access.add_key("acme", "laptop")
    breakable.broken = {"add_tenant", "add_key", "expire_key"}
    for change in (
        lambda: access.add_tenant("other", "Other", "tenant"),
        lambda: access.add_key("acme", "second"),
        lambda: access.rotate_key(record.id, 0),
    ):
        with pytest.raises(RecordsUnavailable):
            change()
    breakable.broken = {"expire_key"}  # the second half of a rotation: the new key must not stay
    with pytest.raises(RecordsUnavailable):
        access.rotate_key(record.id, 0)
    breakable.broken = {"revoke_key"}
    with pytest.raises(RecordsUnavailable):
        access.revoke_key(record.id)
    assert [tenant.id for tenant in access.tenants()] == ["acme"]
    assert access.keys("acme") == [record] == access_to(records).keys("acme")
    assert who(access, key.encode()) == ("acme", "tenant")


# -- several processes on the same records -----------------------------------------------------------------------------


def test_what_another_process_changes_is_known_after_a_refresh(tmp_path: Path) -> None:
    here, there = access_to(records_in(tmp_path)), access_to(records_in(tmp_path))
    assert here.refresh() is True and here.refresh() is False
    there.add_tenant("acme", "Acme", "tenant")
    record, key = there.add_key("acme", "laptop")
    assert here.principal(key.encode()) is None
    assert here.refresh() is True
    assert who(here, key.encode()) == ("acme", "tenant")
    there.rotate_key(record.id, 0)
    here.refresh()
    assert here.principal(key.encode()) is None
    (left,) = here.keys("acme")
    there.revoke_key(left.id)
    here.refresh()
    assert here.keys("acme") == [] and here.refresh() is False


def test_a_refresh_leaves_buckets_as_full_as_they_are_and_local_keys_in_force(tmp_path: Path) -> None:
    here = Access(records_in(tmp_path), ManualClock(NOW), Rate(1.0, 2))
    local = here.local_key()
    here.add_tenant("acme", "Acme", "tenant")
    _, key = here.add_key("acme", "laptop")
    before = here.principal(key.encode())
    assert before is not None and before.bucket is not None
    access_to(records_in(tmp_path)).add_tenant("other", "Other", "tenant")
    assert here.refresh()
    after = here.principal(key.encode())
    assert after is not None and after.bucket is before.bucket
    assert who(here, local.encode()) == (OPERATOR_TENANT, "operator")


def test_a_refresh_that_fails_leaves_everything_as_it_is_and_the_next_one_mends_it(tmp_path: Path) -> None:
    breakable = Breakable(records_in(tmp_path))
    here = Access(breakable, ManualClock(NOW))  # type: ignore[arg-type]
    here.refresh()
    there = access_to(records_in(tmp_path))
    there.add_tenant("acme", "Acme", "tenant")
    _, key = there.add_key("acme", "laptop")
    for broken in ("revision", "live_keys", "tenants"):
        breakable.broken = {broken}
        with pytest.raises(RecordsUnavailable):
            here.refresh()
        assert here.principal(key.encode()) is None
    breakable.broken = set()
    assert here.refresh() and who(here, key.encode()) == ("acme", "tenant")


# -- limits ------------------------------------------------------------------------------------------------------------


def bucket_of(access: Access, key: str) -> tuple[float, int] | None:
    found = access.principal(key.encode())
    assert found is not None
    return None if found.bucket is None else (found.bucket.per_s, found.bucket.burst)


def test_a_keys_own_limit_wins_over_the_servers(records: SqlTenancyRecords) -> None:
    access = Access(records, ManualClock(NOW), Rate(10.0, 20))
    access.add_tenant("acme", "Acme", "tenant")
    usual, slow, odd = (access.add_key("acme", "k", None, *own)[1] for own in ((None, None), (2.5, None), (0.5, 7)))
    assert bucket_of(access, usual) == (10.0, 20)
    assert bucket_of(access, slow) == (2.5, 3)
    assert bucket_of(access, odd) == (0.5, 7)
    assert bucket_of(access, access.local_key()) is None


@pytest.mark.parametrize(
    ("per_s", "burst", "field"),
    [(0, None, "per_s"), (-1, 1, "per_s"), (float("nan"), 1, "per_s"), (None, 5, "burst"), (1.0, 0, "burst")],
)
def test_a_limit_that_can_not_be_is_refused(access: Access, per_s: float | None, burst: int | None, field: str) -> None:
    access.add_tenant("acme", "Acme", "tenant")
    with pytest.raises(Invalid, match=field):
        access.add_key("acme", "k", None, per_s, burst)
