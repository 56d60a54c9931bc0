"""One suite for the records of sessions that follow devices, over both databases."""

import msgspec
import pytest

from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.sessions import SqlSessionRecords
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.services.compute.errors import InUse
from maillage.services.compute.follow.ports import Owed, Session
from maillage.services.compute.live.model import Plan
from maillage.services.compute.model import App, Settings, Version
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def records(place: Place) -> SqlSessionRecords:
    """Of a chain with the app ``acme.guide`` and one version of it."""
    database = place.open()
    catalogue = SqlCatalogueRecords(database)
    catalogue.add_app(App("acme.guide", "acme", "guide", NOW))
    catalogue.put_version(Version("acme.guide", DIGEST, "component", 10, NOW))
    return SqlSessionRecords(database)


def plan(name: str, device: str, at: int = NOW, digest: str = DIGEST) -> Plan:
    settings = Settings(config={"A": "b"}, public=True)
    needs = {"cpu": 500}
    return Plan(
        name,
        "acme",
        "acme.guide",
        device,
        digest,
        "component",
        "",
        needs,
        "spot",
        7,
        settings,
        25,
        None,
        1,
        60,
        600,
        at,
    )


def test_what_is_put_is_there_after_a_restart_the_oldest_first(place: Place, records: SqlSessionRecords) -> None:
    late, early = plan("se_1", "cab-1", NOW + 1), plan("se_2", "cab-2")
    records.add(late)
    records.add(early)
    session = Session("se_1", "ab12", 3, "wm-1", "wm-1~7", NOW, (Owed("wm-2", "ab12.2"), Owed("wm-3", "", "wm-3~1")))
    assert records.put(session)
    assert SqlSessionRecords(place.open()).all() == [(early, None, ""), (late, session, "")]
    assert records.put(msgspec.structs.replace(session, owed=()))
    assert records.all()[1] == (late, msgspec.structs.replace(session, owed=()), "")


def test_a_device_has_one_session_of_an_app(records: SqlSessionRecords) -> None:
    records.add(plan("se_1", "cab"))
    with pytest.raises(AlreadyExists):
        records.add(plan("se_2", "cab"))
    records.drop("se_1")
    records.add(plan("se_2", "cab"))
    assert [each.id for each, _, _ in records.all()] == ["se_2"]


def test_of_many_that_begin_at_once_one_begins(records: SqlSessionRecords) -> None:
    def begin(number: int) -> bool:
        try:
            records.add(plan(f"se_{number}", "cab"))
        except AlreadyExists:
            return False
        return True

    assert sum(in_threads(4, begin)) == 1


def test_a_session_that_was_dropped_is_put_nowhere(records: SqlSessionRecords) -> None:
    records.add(plan("se_1", "cab"))
    records.drop("se_1")
    records.drop("se_1")
    assert not records.put(Session("se_1", "ab12"))
    assert records.all() == []


def test_a_session_is_changed_by_who_keeps_it_until_another_takes_it_over(
    place: Place, records: SqlSessionRecords
) -> None:
    one, two = SqlSessionRecords(place.open(), "h1"), SqlSessionRecords(place.open(), "h2")
    one.add(plan("se_1", "cab"))
    session = Session("se_1", "ab12", 1, "wm-1", "wm-1~7", NOW)
    assert one.put(session)
    assert not two.put(msgspec.structs.replace(session, site="wm-2"))
    two.drop("se_1")
    assert two.find("se_1") == (plan("se_1", "cab"), session, "h1")
    assert not two.take_over("se_1", "h3")
    assert two.take_over("se_1", "h1")
    assert not records.take_over("se_1", "h1")
    assert not one.put(session)
    one.drop("se_1")
    assert two.put(msgspec.structs.replace(session, site="wm-2"))
    assert [(kept.keeper, kept.session and kept.session.site) for kept in one.all()] == [("h2", "wm-2")]
    assert one.find("se_2") is None
    with pytest.raises(AlreadyExists):
        one.add(plan("se_3", "cab"))


def test_of_many_that_take_a_session_over_one_has_it(records: SqlSessionRecords, place: Place) -> None:
    records.add(plan("se_1", "cab"))
    others = [SqlSessionRecords(place.open(), f"h{number}") for number in range(4)]
    assert sum(in_threads(4, lambda number: others[number].take_over("se_1", ""))) == 1


def test_a_version_stays_while_a_session_is_of_it(place: Place, records: SqlSessionRecords) -> None:
    catalogue = SqlCatalogueRecords(place.open())
    with pytest.raises(NotFound):
        records.add(plan("se_1", "cab", digest="sha256:" + "00" * 32))
    records.add(plan("se_1", "cab"))
    with pytest.raises(InUse):
        catalogue.drop_version("acme.guide", DIGEST)
    with pytest.raises(InUse):
        catalogue.drop_app("acme.guide")
    records.drop("se_1")
    catalogue.drop_app("acme.guide")
