"""One suite for the records of apps, versions, deployments and instances, over both databases, shared by several."""

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.kernel.errors import AlreadyExists, Invalid, NotFound
from maillage.services.compute.errors import InUse
from maillage.services.compute.model import App, Deployment, Health, Instance, Limits, Placement, Settings, Version
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400
ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


@pytest.fixture
def records(place: Place) -> SqlCatalogueRecords:
    return SqlCatalogueRecords(place.open())


def app(name: str = "counter", tenant: str = "acme") -> App:
    return App(f"{tenant}.{name}", tenant, name, NOW)


def version(digest: str = ONE, of: str = "acme.counter", at: int = NOW, size: int = 7) -> Version:
    return Version(of, digest, "component", size, at, needs_memory_bytes=1 << 20)


def deployment(name: str = "d1", digest: str = ONE, revision: int = 1, of: str = "acme.counter") -> Deployment:
    placement = Placement(
        points=[(36.37, -94.21)], within_km=25.0, instances=3, needs={"cpu": 500, "memory": 256}, max_price=12_500_000
    )
    settings = Settings({"GREETING": "héllo\u2028\0"}, ["api.example.com:443"], Health("/healthz"), grace_s=2.5)
    return Deployment(name, of, of.partition(".")[0], digest, "", placement, settings, revision, NOW)


def instance(name: str = "wm-1~4", of: str = "d1", digest: str = ONE, in_app: str = "acme.counter") -> Instance:
    limits = Limits(500, 64 << 20, 4, 16, 10.0, 1 << 20, 1 << 20, 10**9, 1 << 20)
    return Instance(
        name, of, in_app, "acme", "wm-1", digest, "component", "", Settings(port=9_000), limits, own_lease=True
    )


def filled(records: SqlCatalogueRecords) -> None:
    """Two apps of acme and one of other; the first app has three versions, the last one of them."""
    for each in (app(), app("zähler"), app("counter", "other")):
        records.add_app(each)
    for digest in (TWO, ONE, THREE):
        records.put_version(version(digest))
    records.put_version(version(ONE, "other.counter"))


# -- apps and versions -----------------------------------------------------------------------------------------------


def test_what_one_enters_all_see(records: SqlCatalogueRecords, place: Place) -> None:
    assert records.apps(None) == [] and records.versions("acme.counter") == []
    filled(records)
    for seen_by in (records, SqlCatalogueRecords(place.open())):
        assert seen_by.app("acme.counter") == app()
        assert seen_by.app("acme.nothing") is None
        assert [each.id for each in seen_by.apps("acme")] == ["acme.counter", "acme.zähler"]
        assert [each.id for each in seen_by.apps(None)] == ["acme.counter", "acme.zähler", "other.counter"]
        assert seen_by.apps("nobody") == []
        assert seen_by.versions("other.counter") == [version(ONE, "other.counter")]


def test_an_id_is_taken_once_however_many_ask_at_once(place: Place) -> None:
    opened = [SqlCatalogueRecords(place.open()) for _ in range(4)]

    def add(number: int) -> bool:
        try:
            opened[number].add_app(app())
        except AlreadyExists as refusal:
            assert refusal.extra == {"app": "acme.counter"}
            return False
        return True

    assert sorted(in_threads(4, add)) == [False, False, False, True]
    assert opened[0].apps(None) == [app()]


def test_versions_are_in_the_order_in_which_they_came_also_within_a_second(records: SqlCatalogueRecords) -> None:
    filled(records)
    assert [each.digest for each in records.versions("acme.counter")] == [TWO, ONE, THREE]


def test_a_version_that_is_put_again_keeps_its_place(records: SqlCatalogueRecords) -> None:
    filled(records)
    again = version(TWO, at=NOW + 9, size=8)
    records.put_version(again)
    assert records.versions("acme.counter") == [again, version(ONE), version(THREE)]


def test_a_version_of_no_app_is_not_kept(records: SqlCatalogueRecords) -> None:
    with pytest.raises(NotFound, match=r"acme\.counter"):
        records.put_version(version())
    assert records.uses_of(ONE) == 0


def test_bytes_are_used_by_all_versions_that_are_made_of_them(records: SqlCatalogueRecords) -> None:
    filled(records)
    assert (records.uses_of(ONE), records.uses_of(TWO), records.uses_of(f"sha256:{'4' * 64}")) == (2, 1, 0)
    records.drop_version("acme.counter", ONE)
    assert records.uses_of(ONE) == 1
    records.drop_app("other.counter")
    assert records.uses_of(ONE) == 0


def test_an_app_goes_with_its_versions_and_a_version_alone(records: SqlCatalogueRecords) -> None:
    filled(records)
    records.drop_version("acme.counter", THREE)
    records.drop_version("acme.counter", THREE)
    assert [each.digest for each in records.versions("acme.counter")] == [TWO, ONE]
    records.drop_app("acme.counter")
    records.drop_app("acme.counter")
    assert records.app("acme.counter") is None and records.versions("acme.counter") == []
    assert records.versions("other.counter") != []


def test_what_a_deployment_is_made_of_can_not_be_dropped(records: SqlCatalogueRecords) -> None:
    filled(records)
    records.add_deployment(deployment())
    with pytest.raises(InUse):
        records.drop_version("acme.counter", ONE)
    with pytest.raises(InUse):
        records.drop_app("acme.counter")
    assert len(records.versions("acme.counter")) == 3 and records.app("acme.counter") == app()
    records.drop_version("acme.counter", TWO)
    records.drop_deployment("d1")
    records.drop_version("acme.counter", ONE)
    assert [each.digest for each in records.versions("acme.counter")] == [THREE]


def test_of_a_deployment_and_the_end_of_its_version_one_is_refused(place: Place) -> None:
    """Whoever comes first: there is never a deployment of a version that is gone."""
    opened = [SqlCatalogueRecords(place.open()) for _ in range(2)]
    opened[0].add_app(app())
    for number in range(12):
        opened[0].put_version(version())
        new = deployment(f"d{number}")
        barrier = threading.Barrier(2)

        def deploy(new: Deployment = new, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(10)
            try:
                opened[0].add_deployment(new)
            except NotFound:
                return False
            return True

        def drop(barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(10)
            try:
                opened[1].drop_version("acme.counter", ONE)
            except InUse:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            deployed, dropped = pool.submit(deploy), pool.submit(drop)
        assert deployed.result() != dropped.result()
        assert bool(opened[0].deployments()) == bool(opened[0].versions("acme.counter")) == deployed.result()
        opened[0].drop_deployment(new.id)


def test_a_name_that_records_can_not_keep_is_refused_or_kept_as_it_is(records: SqlCatalogueRecords) -> None:
    odd = App("acme.a\0b", "acme", "a\0b", NOW)
    try:
        records.add_app(odd)
    except Invalid:
        assert records.apps(None) == []
    else:
        assert records.apps(None) == [odd]


# -- deployments -----------------------------------------------------------------------------------------------------


def test_a_deployment_comes_back_as_it_went_in(records: SqlCatalogueRecords, place: Place) -> None:
    filled(records)
    one, two = deployment(), msgspec.structs.replace(deployment("d0", of="other.counter"), created_at=NOW + 1)
    records.add_deployment(two)
    records.add_deployment(one)
    seen = SqlCatalogueRecords(place.open())
    assert seen.deployment("d1") == one and seen.deployment("d9") is None
    assert seen.deployments() == [one, two]
    assert seen.deployments("acme") == [one] == seen.deployments(app="acme.counter")
    assert seen.deployments("other", "acme.counter") == []
    with pytest.raises(AlreadyExists):
        records.add_deployment(deployment(digest=TWO))
    assert seen.deployment("d1") == one


def test_a_deployment_of_no_version_is_not_kept(records: SqlCatalogueRecords) -> None:
    filled(records)
    with pytest.raises(NotFound):
        records.add_deployment(deployment(digest=TWO, of="other.counter"))
    records.add_deployment(deployment())
    with pytest.raises(NotFound):
        records.change_deployment(deployment(digest=f"sha256:{'4' * 64}", revision=2))
    assert records.deployments() == [deployment()]


def test_a_change_follows_only_the_one_before(records: SqlCatalogueRecords) -> None:
    filled(records)
    records.add_deployment(deployment())
    second = msgspec.structs.replace(deployment(digest=TWO, revision=2), former=ONE)
    assert records.change_deployment(second)
    for stale in (second, deployment(revision=1), deployment(revision=4), deployment("d9", revision=3)):
        assert not records.change_deployment(stale)
    assert records.deployments() == [second]
    removed = msgspec.structs.replace(second, revision=3, removed=True)
    assert records.change_deployment(removed)
    assert records.deployments("acme") == [removed]
    records.drop_deployment("d1")
    assert records.deployment("d1") is None and not records.change_deployment(second)


def test_of_many_that_change_it_at_once_one_does(place: Place) -> None:
    opened = [SqlCatalogueRecords(place.open()) for _ in range(4)]
    filled(opened[0])
    opened[0].add_deployment(deployment())

    def change(number: int) -> bool:
        placement = Placement(instances=number + 1)
        return opened[number].change_deployment(msgspec.structs.replace(deployment(revision=2), placement=placement))

    assert sorted(in_threads(4, change)) == [False, False, False, True]
    changed = opened[0].deployment("d1")
    assert changed is not None and changed.revision == 2


# -- instances -------------------------------------------------------------------------------------------------------


def test_instances_are_found_by_their_deployment_and_by_their_app(records: SqlCatalogueRecords, place: Place) -> None:
    one, two, three = instance(), instance("wm-2~1"), instance("wm-3~1", "d2", in_app="other.counter")
    for each in (three, two, one):
        records.put_instance(each)
    seen = SqlCatalogueRecords(place.open())
    assert seen.instances() == [one, two, three]
    assert seen.instances("d1") == [one, two] == seen.instances(app="acme.counter")
    assert seen.instances("d1", "other.counter") == []


def test_an_instance_that_is_put_again_is_changed(records: SqlCatalogueRecords) -> None:
    records.put_instance(instance())
    moved = instance(of="d2", digest=TWO, in_app="other.counter")
    records.put_instance(moved)
    assert records.instances() == [moved] == records.instances("d2", "other.counter")
    assert records.instances("d1") == []
    records.drop_instance("wm-1~4")
    records.drop_instance("wm-1~4")
    assert records.instances() == []
