"""One suite for the records of floors, cleanings and schedules, over both databases."""

import msgspec
import pytest

from maillage.engines.records.cleanings import SqlCleaningRecords, SqlFloorRecords, SqlScheduleRecords
from maillage.kernel.errors import NotFound
from maillage.services.robots.cleaning.driven import Fix
from maillage.services.robots.cleaning.evidence import Evidence, RunEvidence
from maillage.services.robots.cleaning.model import (
    Ahead,
    Assist,
    Cleaning,
    CleaningState,
    FloorRecord,
    GiveWay,
    Order,
    Run,
    Schedule,
)
from tests.contract.record_databases import Place

NOW = 1_793_534_400
RUN = Run(
    number=1,
    robot="r1",
    lease="wm-1~7",
    lease_end=NOW + 600,
    stop_at=NOW + 500,
    home_s=60,
    width_m=0.7,
    radius_m=0.4,
    planned_m=812.5,
    planned_s=900,
    spans=((1, 80), (82, 400)),
    started_at=NOW,
    battery=(90.0, None),
    assists=(Assist(cause="stuck", at=NOW + 9),),
)


def cleaning(name: str, at: int = NOW, site: str = "wm-1", state: CleaningState = "waiting") -> Cleaning:
    return Cleaning(
        id=name,
        site=site,
        floor="sales",
        order=Order(target=0.95),
        windows=((at, at + 600),),
        created_at=at,
        state=state,
        runs=(RUN,),
    )


def floor(name: str, site: str = "wm-1", revision: int = 1) -> FloorRecord:
    body = {"map_id": "m", "area": {"type": "Polygon", "coordinates": []}}
    return FloorRecord(
        site=site, id=name, body=body, created_at=NOW, revision=revision, area_m2=92.5, reachable_m2=90.0
    )


def evidence(name: str, share: float = 0.5) -> Evidence:
    square = [[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]]]
    run = RunEvidence(
        number=1,
        robot="r1",
        width_m=0.7,
        radius_m=0.4,
        strokes=((Fix(NOW * 1000, 0.0, 0.5), Fix(NOW * 1000 + 900, 1.0, 0.5)),),
        gaps=0,
        driven_m=1.0,
        cleaning_s=0.9,
    )
    return Evidence(
        cleaning=name,
        site="wm-1",
        floor="sales",
        revision=1,
        map_id="m",
        measured_at=NOW,
        floor_area=square,
        covered=square,
        missed=[],
        reachable_m2=1.0,
        covered_m2=0.5,
        missed_m2=0.5,
        share=share,
        runs=(run,),
    )


def test_floors_are_kept_replaced_and_dropped_by_site(place: Place) -> None:
    records = SqlFloorRecords(place.open())
    records.put(floor("sales"))
    records.put(floor("back"))
    records.put(floor("sales", "wm-2"))
    records.put(floor("sales", revision=2))
    assert SqlFloorRecords(place.open()).all() == [floor("back"), floor("sales", revision=2), floor("sales", "wm-2")]
    assert records.drop("wm-1", "sales")
    assert not records.drop("wm-1", "sales")
    assert [each.site for each in records.all()] == ["wm-1", "wm-2"]


def test_cleanings_are_kept_with_their_runs_and_taken_up_while_they_have_not_ended(place: Place) -> None:
    records = SqlCleaningRecords(place.open())
    late, early = cleaning("cl_a", NOW + 1), cleaning("cl_b")
    records.put(late)
    records.put(early)
    records.put(cleaning("cl_c", state="done"))
    again = SqlCleaningRecords(place.open())
    assert again.unfinished() == [early, late]
    assert again.get("cl_c") == cleaning("cl_c", state="done")
    assert again.get("cl_0") is None
    records.put(msgspec.structs.replace(early, state="partly", share=0.4))
    assert [each.id for each in records.unfinished()] == ["cl_a"]


@pytest.mark.parametrize("state", ["done", "partly", "failed", "cancelled"])
def test_what_has_ended_is_not_taken_up(place: Place, state: CleaningState) -> None:
    records = SqlCleaningRecords(place.open())
    records.put(cleaning("cl_a", state=state))
    assert records.unfinished() == []


def test_cleanings_are_listed_the_newest_first_and_by_site_floor_and_state(place: Place) -> None:
    records = SqlCleaningRecords(place.open())
    for number, name in enumerate(("cl_c", "cl_a", "cl_b")):
        records.put(cleaning(name, NOW + number // 2))
    records.put(cleaning("cl_x", NOW + 9, site="wm-2"))

    def names(*wanted: str | None, limit: int = 9) -> list[str]:
        return [each.id for each in records.some(*wanted, limit)]  # type: ignore[arg-type]

    assert names(None, None, None, None) == ["cl_x", "cl_b", "cl_c", "cl_a"]
    assert names("wm-1", "sales", "waiting", None, limit=2) == ["cl_b", "cl_c"]
    assert names("wm-1", None, None, "cl_c") == ["cl_a"]
    assert names("wm-1", None, None, "cl_0") == []
    assert names("wm-1", "attic", None, None) == names(None, None, "done", None) == []


def test_evidence_belongs_to_a_cleaning_and_is_replaced(place: Place) -> None:
    records = SqlCleaningRecords(place.open())
    with pytest.raises(NotFound):
        records.put_evidence(evidence("cl_a"))
    records.put(cleaning("cl_a"))
    assert records.evidence("cl_a") is None
    records.put_evidence(evidence("cl_a"))
    records.put_evidence(evidence("cl_a", 0.75))
    records.put(cleaning("cl_a", state="done"))
    assert SqlCleaningRecords(place.open()).evidence("cl_a") == evidence("cl_a", 0.75)


def test_schedules_and_giving_way_are_kept_by_site(place: Place) -> None:
    records = SqlScheduleRecords(place.open())
    nightly = Schedule(
        id="nightly",
        site="wm-1",
        floor="sales",
        windows={"mon": [("21:30", "06:30")]},
        created_at=NOW,
        last="2026-12-01",
        ahead=(Ahead(NOW, NOW, NOW + 60, "wm-1~9"),),
        short=(NOW + 9,),
    )
    records.put(nightly)
    records.put(msgspec.structs.replace(nightly, site="wm-2"))
    records.put(msgspec.structs.replace(nightly, every_days=2))
    records.put_give_way(GiveWay("wm-1", NOW))
    records.put_give_way(GiveWay("wm-1", NOW + 60))
    again = SqlScheduleRecords(place.open())
    assert again.all() == [
        msgspec.structs.replace(nightly, every_days=2),
        msgspec.structs.replace(nightly, site="wm-2"),
    ]
    assert again.give_ways() == [GiveWay("wm-1", NOW + 60)]
    assert records.drop("wm-1", "nightly")
    assert not records.drop("wm-1", "nightly")
