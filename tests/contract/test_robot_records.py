"""One suite for the records of robots and their missions, over both databases."""

import msgspec
import pytest

import maillage.engines.records.robots_tables  # noqa: F401
from maillage.engines.records.robots import SqlMissionRecords, SqlRobotRecords
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.services.robots.model import (
    Action,
    ActionProgress,
    Facts,
    KnownAction,
    Mission,
    Pose,
    Progress,
    Robot,
    TrackPoint,
    Waypoint,
)
from maillage.services.robots.ports import MissionRow, Sent
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400


@pytest.fixture
def robots(place: Place) -> SqlRobotRecords:
    return SqlRobotRecords(place.open())


@pytest.fixture
def missions(place: Place, robots: SqlRobotRecords) -> SqlMissionRecords:
    """Of a chain with the robot ``r1``."""
    robots.add(robot("r1"))
    return SqlMissionRecords(place.open())


def robot(name: str, at: int = NOW, serial: str = "") -> Robot:
    return Robot(id=name, site="st-1", name="Scrubber", manufacturer="Acme", serial=serial or name, created_at=at)


def row(name: str, at: int = NOW) -> MissionRow:
    path = (
        Waypoint(
            x=1.5, y=2, map_id="m", theta=0.5, actions=(Action(type="startCleaning", parameters={"mode": "scrub"}),)
        ),
        Waypoint(x=2, y=2, map_id="m"),
    )
    mission = Mission(
        id=name, robot="r1", site="st-1", order_id=f"9{name[3:]}", path=path, created_at=at, approach=Pose(0, 0, 0, "m")
    )
    return MissionRow(mission, Progress(mission=name, total=2))


def test_robots_are_there_after_a_restart_the_oldest_first(place: Place, robots: SqlRobotRecords) -> None:
    facts = Facts(series="S50", speed_mps=0.8, actions=(KnownAction("startCleaning", ("NODE",)),))
    late = msgspec.structs.replace(robot("r1", NOW + 1), dock=Pose(1, 2, 3, "m"), clean_width_m=0.6)
    early = robot("r2")
    robots.add(late)
    robots.add(early)
    told = msgspec.structs.replace(early, facts=facts)
    assert robots.put(told)
    assert SqlRobotRecords(place.open()).all() == [told, late]
    assert robots.drop("r1") and not robots.drop("r1")
    assert not robots.put(late)
    assert robots.all() == [told]


def test_no_two_robots_share_an_id_or_their_names(robots: SqlRobotRecords) -> None:
    robots.add(robot("r1"))
    robots.add(robot("r2"))
    for other in (robot("r1", serial="x"), robot("r3", serial="r1")):
        with pytest.raises(AlreadyExists):
            robots.add(other)
    with pytest.raises(AlreadyExists):
        robots.put(robot("r2", serial="r1"))
    assert [each.id for each in robots.all()] == ["r1", "r2"]


def test_a_mission_is_kept_with_how_far_it_is(place: Place, missions: SqlMissionRecords) -> None:
    first, second = row("ms_1"), row("ms_2", NOW + 1)
    missions.add(second)
    missions.add(first)
    assert SqlMissionRecords(place.open()).unfinished() == [first, second]
    done = (ActionProgress(0, 0, "startCleaning", "FINISHED", "yes"),)
    progress = Progress(mission="ms_1", state="running", reached=0, total=2, actions=done, started_at=NOW)
    sent = Sent(3, 20, 60, 10)
    assert missions.put(progress, sent)
    assert missions.get("ms_1") == MissionRow(first.mission, progress, sent)
    assert missions.put(msgspec.structs.replace(progress, state="finished", ended_at=NOW + 5), sent)
    assert [each.mission.id for each in missions.unfinished()] == ["ms_2"]
    assert missions.get("ms_9") is None
    assert not missions.put(msgspec.structs.replace(progress, mission="ms_9"), None)


def test_missions_of_a_robot_come_in_pages_the_newest_first(missions: SqlMissionRecords) -> None:
    for number in range(5):
        missions.add(row(f"ms_{number}", NOW + number // 2))
    found = missions.of_robot("r1", None, 3)
    assert [each.mission.id for each in found] == ["ms_4", "ms_3", "ms_2"]
    assert found[0].mission.path == () and found[0].progress.total == 2
    assert [each.mission.id for each in missions.of_robot("r1", "ms_2", 3)] == ["ms_1", "ms_0"]
    assert missions.of_robot("r1", "ms_0", 3) == missions.of_robot("r9", None, 3) == []
    assert missions.of_robot("r1", "ms_9", 3) == []


def test_a_track_is_appended_to(missions: SqlMissionRecords) -> None:
    missions.add(row("ms_1"))
    points = [TrackPoint(1_000 * n, n / 3, -1.0, 0.1, "m", n, n == 2) for n in range(5)]
    missions.add_track("ms_1", points[:2])
    missions.add_track("ms_1", points[2:])
    assert missions.track("ms_1") == points
    assert missions.track("ms_9") == []
    with pytest.raises(NotFound):
        missions.add_track("ms_9", points)


def test_what_ended_long_ago_is_forgotten_with_its_track(missions: SqlMissionRecords) -> None:
    for name, ended_at in (("ms_1", NOW), ("ms_2", NOW + 10), ("ms_3", None)):
        missions.add(row(name))
        missions.put(Progress(mission=name, state="finished", ended_at=ended_at), None)
        missions.add_track(name, [TrackPoint(1, 1, 1, 1, "m", 0)])
    assert missions.forget(NOW + 10) == 1
    assert missions.get("ms_1") is None and missions.track("ms_1") == []
    assert missions.get("ms_2") is not None and missions.get("ms_3") is not None


def test_a_forgotten_robot_takes_its_missions_along(robots: SqlRobotRecords, missions: SqlMissionRecords) -> None:
    missions.add(row("ms_1"))
    missions.add_track("ms_1", [TrackPoint(1, 1, 1, 1, "m", 0)])
    robots.drop("r1")
    assert missions.get("ms_1") is None and missions.track("ms_1") == []
    with pytest.raises(NotFound):
        missions.add(row("ms_2"))


def test_of_many_that_register_the_same_robot_one_does(robots: SqlRobotRecords) -> None:
    def register(number: int) -> bool:
        try:
            robots.add(robot(f"r{number}", serial="S"))
        except AlreadyExists:
            return False
        return True

    assert sum(in_threads(4, register)) == 1
