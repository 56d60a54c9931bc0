"""One suite for the records of roof leases, over both databases."""

import threading
from decimal import Decimal

import msgspec
import pytest

from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.kernel.errors import NotFound
from maillage.services.roof.leasing.checks import require_mounts_free
from maillage.services.roof.leasing.errors import MountTaken
from maillage.services.roof.leasing.model import Antenna, Document, RoofLease, State, Step
from maillage.services.roof.rent.terms import Terms
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400
START = NOW + 90 * 86_400


def lease(name: str, at: int = NOW, state: State = "inquiry", **more: object) -> RoofLease:
    usual = {
        "tenant": "acme",
        "site": "wm-1",
        "mounts": ("m1",),
        "needs": {"roof_mount": 1_000},
        "antennas": (Antenna(mount="m1", band="n78", eirp_dbm=68, height_m=1, weight_kg=30, wind_area_m2=0.5),),
        "terms": Terms(rent_per_month=Decimal("1000.50"), escalator_percent=Decimal("2.75")),
        "start": START,
        "runs_until": START + 86_400,
        "history": (Step(NOW, "acme", "inquire", "inquiry"),),
        "documents": (Document("rd_1", "permit", "p.pdf", "application/pdf", 3, "ab", "acme", NOW),),
        "subscriber_networks": ("203.0.113.0/24",),
        "revision": 1,
    }
    return RoofLease(id=name, state=state, created_at=at, **{**usual, **more})  # type: ignore[arg-type]


def changed(former: RoofLease, **more: object) -> RoofLease:
    return msgspec.structs.replace(former, revision=former.revision + 1, **more)  # type: ignore[arg-type]


def test_a_lease_is_kept_as_it_is(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    records.add(lease("rl_a"))
    assert SqlRoofLeaseRecords(place.open()).get("rl_a") == lease("rl_a")
    assert records.get("rl_b") is None


def test_a_change_follows_on_the_revision_that_is_there_and_no_other(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    first = lease("rl_a")
    records.add(first)
    second = changed(first, state="application")
    assert records.change(second)
    assert not records.change(changed(first, state="withdrawn"))
    assert not records.change(lease("rl_b", revision=2))
    assert SqlRoofLeaseRecords(place.open()).get("rl_a") == second


def test_leases_are_listed_by_site_and_the_newest_first_by_tenant_site_and_state(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    for number, name in enumerate(("rl_c", "rl_a", "rl_b")):
        records.add(lease(name, NOW + number // 2))
    records.add(lease("rl_x", NOW + 9, "signed", site="wm-2", tenant="other"))

    def names(*asked: str | None, limit: int = 9) -> list[str]:
        return [each.id for each in records.some(*asked, limit)]  # type: ignore[arg-type]

    assert [each.id for each in records.of_site("wm-1")] == ["rl_a", "rl_c", "rl_b"]
    assert names(None, None, None, None) == ["rl_x", "rl_b", "rl_c", "rl_a"]
    assert names("acme", "wm-1", "inquiry", None, limit=2) == ["rl_b", "rl_c"]
    assert names("acme", None, None, "rl_c") == ["rl_a"]
    assert names("other", "wm-1", None, None) == names(None, None, "on_air", None) == names(None, None, None, "0") == []


def test_going_on_are_those_of_which_something_is_left_to_be_done(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    left = [
        lease("rl_1", NOW + 2),
        lease("rl_2", NOW + 1, "on_air", lease="wm-1~7"),
        lease("rl_3", NOW, "withdrawn", lease="wm-1~8"),
    ]
    done = [lease("rl_4", state="withdrawn"), lease("rl_5", state="lapsed", lease="wm-1~9", given_back=True)]
    for each in [*left, *done]:
        records.add(each)
    assert [each.id for each in records.going_on()] == ["rl_3", "rl_2", "rl_1"]
    assert records.change(changed(left[2], given_back=True))
    assert [each.id for each in records.going_on()] == ["rl_2", "rl_1"]


def test_a_check_sees_all_others_that_have_their_mounts_and_what_it_refuses_is_not_written(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    first = lease("rl_a", state="application")
    others = [lease("rl_b", state="permit"), lease("rl_c", state="on_air", site="wm-2")]
    for each in (first, *others, lease("rl_d", state="declined"), lease("rl_e")):
        records.add(each)
    assert records.holding() == [first, *others]
    seen: list[str] = []
    assert records.change(changed(first), lambda others: seen.extend(each.id for each in others))
    assert seen == ["rl_b", "rl_c"]

    def refuse(_: object) -> None:
        raise MountTaken("no")

    with pytest.raises(MountTaken):
        records.change(changed(changed(first)), refuse)
    assert records.get("rl_a") == changed(first)
    assert records.change(changed(changed(first))), "a refusal leaves nothing locked"


def test_of_many_that_want_a_mount_at_once_one_gets_it(place: Place) -> None:
    opened = [SqlRoofLeaseRecords(place.open()) for _ in range(6)]
    leases = [lease(f"rl_{number}") for number in range(6)]
    for each in leases:
        opened[0].add(each)

    def apply(number: int) -> bool:
        after = changed(leases[number], state="application")
        try:
            return opened[number].change(after, lambda others: require_mounts_free(after, others))
        except MountTaken:
            return False

    assert sorted(in_threads(6, apply)) == [False] * 5 + [True]
    assert [each.state for each in opened[0].of_site("wm-1")].count("application") == 1


def test_nobody_changes_a_lease_while_another_is_checked(place: Place) -> None:
    slow, quick = SqlRoofLeaseRecords(place.open()), SqlRoofLeaseRecords(place.open())
    first, second = lease("rl_a"), lease("rl_b")
    slow.add(first)
    slow.add(second)
    order: list[str] = []
    checking = threading.Event()

    def check(_: object) -> None:
        checking.set()
        other.join(0.3)  # it waits for this one, so this times out
        order.append("checked")

    def change_other() -> None:
        checking.wait(10)
        quick.change(changed(second))
        order.append("other")

    other = threading.Thread(target=change_other)
    other.start()
    assert slow.change(changed(first), check)
    other.join(10)
    assert order == ["checked", "other"]


def test_bytes_of_documents_belong_to_a_lease(place: Place) -> None:
    records = SqlRoofLeaseRecords(place.open())
    with pytest.raises(NotFound):
        records.put_document("rl_a", "rd_1", b"x")
    records.add(lease("rl_a"))
    body = bytes(range(256)) * 4_096
    records.put_document("rl_a", "rd_1", body)
    again = SqlRoofLeaseRecords(place.open())
    assert again.document("rl_a", "rd_1") == body
    assert again.document("rl_a", "rd_2") is None
    assert again.document("rl_b", "rd_1") is None
