"""Missions from their beginning to each of their ends, with a simulated robot that does well or badly."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, NotFound
from maillage.services.robots.fleet.errors import MissionOver, RobotBusy, RobotUnfit
from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.model import Action, Progress, Waypoint
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.vda5050.topics import Address
from tests.unit.services.robots.robots_world import HASTY, MAP, World, line_of, until, world


def test_a_robot_cleans_along_a_path_and_its_track_shows_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            heard: list[Progress] = []
            mission = await here.fleet.missions.start("r1", line_of(8, cleaning=True), "aisle 3", heard.append)
            done = await here.ended(mission)
            assert (done.state, done.reached, done.total, done.reason) == ("finished", 7, 8, "")
            assert [(each.type, each.status) for each in done.actions] == [
                ("startCleaning", "FINISHED"),
                ("stopCleaning", "FINISHED"),
            ]
            assert robot.body.driven_m == pytest.approx(7.0) and not robot.body.cleaning
            states = [each.state for each in heard]
            assert states[0] == "sent" and states[-1] == "finished" and "running" in states
            assert [each.reached for each in heard] == sorted(each.reached for each in heard)
            track = await here.fleet.missions.track(mission.id)
            assert (track[0].x, track[-1].x) == (pytest.approx(0, abs=0.1), pytest.approx(7, abs=0.1))
            assert all(a.at_ms <= b.at_ms and a.x <= b.x for a, b in pairwise(track))
            assert not any(point.jump for point in track)
            await until(lambda: here.notes.topics() == ["robots.mission.started", "robots.mission.finished"])

    asyncio.run(story())


def test_a_robot_elsewhere_drives_to_the_first_waypoint_first(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            path = [Waypoint(x=4, y=3, map_id=MAP), Waypoint(x=4, y=4, map_id=MAP)]
            mission = await here.fleet.missions.start("r1", path)
            done = await here.ended(mission)
            assert (done.state, done.reached, done.total) == ("finished", 1, 2)
            assert robot.body.driven_m == pytest.approx(6.0)

    asyncio.run(story())


def test_a_long_path_is_sent_in_parts_as_the_robot_advances(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, pace=Pace(base=40, horizon=10, refill=25)) as here:
            await here.robot(time_factor=400.0, visualization_every_s=0.05)
            mission = await here.fleet.missions.start("r1", line_of(2_000, step_m=0.5))
            await until(lambda: here.fleet.missions.of_robot("r1") is None, within_s=60)
            done = (await here.fleet.missions.find(mission.id))[1]
            assert (done.state, done.reached) == ("finished", 1_999)
            orders = [json.loads(payload) for payload in here.broker.on("/order")]
            assert len(orders) > 40 and max(len(each["nodes"]) for each in orders) <= 50
            for before, after in pairwise(orders):
                if after["orderUpdateId"] == before["orderUpdateId"]:
                    continue
                base = [node for node in before["nodes"] if node["released"]]
                assert after["orderUpdateId"] == before["orderUpdateId"] + 1
                assert after["nodes"][0]["sequenceId"] == base[-1]["sequenceId"]

    asyncio.run(story())


def test_a_robot_pauses_and_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            mission = await here.fleet.missions.start("r1", line_of(30))
            await until(lambda: robot.body.driven_m > 2)
            paused = await here.fleet.missions.pause(mission.id)
            assert paused.state == "paused" and robot.driver.paused
            driven = robot.body.driven_m
            assert (await here.fleet.missions.pause(mission.id)).state == "paused"
            assert robot.body.driven_m == driven
            assert (await here.fleet.missions.resume(mission.id)).state == "running"
            assert (await here.ended(mission)).state == "finished"
            with pytest.raises(MissionOver):
                await here.fleet.missions.pause(mission.id)

    asyncio.run(story())


def test_a_mission_that_is_cancelled_stops_the_robot(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            mission = await here.fleet.missions.start("r1", line_of(500, cleaning=True))
            await until(lambda: robot.body.driven_m > 3)
            assert (await here.fleet.missions.cancel(mission.id)).cancelling
            done = await here.ended(mission)
            assert (done.state, done.reason, done.cancelling) == ("cancelled", "", False)
            assert not robot.driver.busy and not robot.body.cleaning
            assert (await here.fleet.missions.cancel(mission.id)).state == "cancelled"
            again = await here.fleet.missions.start("r1", line_of(2))
            assert (await here.ended(again)).state == "finished"
            await until(lambda: here.notes.topics()[1] == "robots.mission.cancelled")

    asyncio.run(story())


REJECTED = ("failed", "rejected")


@pytest.mark.parametrize(
    ("faults", "outcome", "told"),
    [
        (Faults(reject="validationError"), REJECTED, "validationError: does not like it"),
        (Faults(reject="orderError"), REJECTED, "orderError"),
        (Faults(reject="noRouteError"), REJECTED, "noRouteError"),
        (Faults(deaf=True), ("failed", "no_answer"), "sent 3 times"),
        (Faults(reject_updates="orderUpdateError"), ("failed", "update_rejected"), "orderUpdateError"),
        (Faults(manual_at=8), ("failed", "taken_over"), "MANUAL"),
        (Faults(forget_at=8), ("failed", "order_dropped"), "no longer knows"),
        (Faults(fail_action="startCleaning"), ("failed", "action_failed"), "startCleaning failed at waypoint 0"),
        (Faults(vanish_at=8), ("lost", "out_of_touch"), "can't be heard"),
        (Faults(silent_at=8), ("lost", "out_of_touch"), "can't be heard"),
        (Faults(garble_at=8), ("lost", "out_of_touch"), "can't be heard"),
    ],
    ids=lambda value: "",
)
def test_what_a_robot_does_wrong_ends_its_mission_with_a_reason(
    tmp_path: Path, faults: Faults, outcome: tuple[str, str], told: str
) -> None:
    async def story() -> None:
        async with world(tmp_path, pace=Pace(10, 5, 6)) as here:
            await here.robot(faults)
            mission = await here.fleet.missions.start("r1", line_of(30, cleaning=True))
            done = await here.ended(mission)
            assert (done.state, done.reason) == outcome and told in done.detail
            assert done.ended_at is not None
            await until(lambda: "robots.mission.failed" in here.notes.topics())
            data = next(data for _, topic, _, data in here.notes.all if topic == "robots.mission.failed")
            assert (data["state"], data["reason"]) == outcome

    asyncio.run(story())


def test_a_failed_action_that_is_not_required_is_only_reported(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot(Faults(fail_action="wait"))
            path = line_of(3)
            path[1] = Waypoint(x=1, y=0, map_id=MAP, actions=(Action(type="wait", required=False),))
            done = await here.ended(await here.fleet.missions.start("r1", path))
            assert done.state == "finished" and done.actions[0].status == "FAILED"

    asyncio.run(story())


def test_states_that_are_none_are_told_and_a_robot_that_comes_to_reason_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, patience=HASTY._replace(lost_s=30)) as here:
            robot = await here.robot(Faults(garble_at=8))
            mission = await here.fleet.missions.start("r1", line_of(30))
            await until(lambda: here.notes.faults() == ["schemaViolation"])
            assert here.fleet.live("r1").violations > 0
            await until(lambda: "robots.connection.lost" in here.notes.topics())
            assert not here.fleet.missions.progress(mission.id).in_touch
            robot.is_garbling = False
            assert (await here.ended(mission)).state == "finished"
            await until(lambda: "robots.connection.back" in here.notes.topics())

    asyncio.run(story())


def test_a_jump_is_told_and_marked_in_the_track(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot(Faults(jump_at=8))
            mission = await here.fleet.missions.start("r1", line_of(12))
            await until(lambda: "positionJump" in here.notes.faults())
            await here.fleet.missions.cancel(mission.id)
            await here.ended(mission)
            track = await here.fleet.missions.track(mission.id)
            assert [point.x > 40 for point in track if point.jump] == [True]

    asyncio.run(story())


def test_a_robot_that_comes_back_in_time_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, patience=HASTY._replace(lost_s=30)) as here:
            robot = await here.robot(Faults(vanish_at=8))
            mission = await here.fleet.missions.start("r1", line_of(40))
            await until(lambda: "robots.connection.lost" in here.notes.topics())
            assert here.fleet.live("r1").reach == "broken"
            robot.faults.vanish_at = None
            await robot.come_back()
            done = await here.ended(mission)
            assert (done.state, done.reached) == ("finished", 39)

    asyncio.run(story())


def test_a_robot_that_comes_back_too_late_is_called_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot(Faults(vanish_at=8), time_factor=10.0)
            mission = await here.fleet.missions.start("r1", line_of(500))
            assert (await here.ended(mission)).state == "lost"
            robot.faults.vanish_at = None
            await robot.come_back()
            assert robot.driver.busy
            await until(lambda: not robot.driver.busy)

    asyncio.run(story())


def test_a_mission_goes_on_after_a_restart_of_ours(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, pace=Pace(20, 5, 10)) as here:
            robot = await here.robot()
            mission = await here.fleet.missions.start("r1", line_of(120, cleaning=True), "night")
            await until(lambda: robot.body.driven_m > 12)
            await here.close()
            await until(lambda: not robot.driver.driving)  # it has come to the end of its base
            await here.open()
            assert here.fleet.missions.of_robot("r1").path == mission.path
            heard: list[Progress] = []
            here.fleet.missions.watch(mission.id, heard.append)
            done = await here.ended(mission)
            assert (done.state, done.reached) == ("finished", 119)
            assert heard[-1] == done
            assert [each.status for each in done.actions] == ["FINISHED", "FINISHED"]
            track = await here.fleet.missions.track(mission.id)
            assert track[0].x < 1 and track[-1].x > 118
            assert here.notes.topics().count("robots.mission.started") == 1

    asyncio.run(story())


def test_a_mission_that_ended_while_we_were_away_is_found_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot(time_factor=10.0)
            mission = await here.fleet.missions.start("r1", line_of(15))
            await until(lambda: robot.body.driven_m > 2)
            await here.close()
            await until(lambda: not robot.driver.busy)
            await here.open()
            assert (await here.ended(mission)).state == "finished"

    asyncio.run(story())


def test_an_order_that_was_not_sent_yet_is_sent_by_the_next_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, patience=HASTY._replace(send_s=30)) as here:
            await here.robot()
            here.line.connected = False
            mission = await here.fleet.missions.start("r1", line_of(4))
            await asyncio.sleep(0.1)
            assert here.fleet.missions.progress(mission.id).state == "queued"
            await here.reopen()
            assert (await here.ended(mission)).state == "finished"

    asyncio.run(story())


def test_who_can_not_be_sent_is_not_sent_and_it_is_said_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            start = here.fleet.missions.start
            with pytest.raises(NotFound):
                await start("r1", line_of(3))
            robot = await here.robot()
            await unfit(here, "other_map", [Waypoint(x=0, y=0, map_id="attic")])
            robot.driver.mode = "MANUAL"
            await robot.report()
            await until(lambda: not here.fleet.live("r1").drivable)
            await unfit(here, "mode", line_of(3))
            robot.driver.mode = "AUTOMATIC"
            robot.driver.complain("eStop", "somebody pressed it", "FATAL")
            await robot.report()
            await until(lambda: here.fleet.live("r1").drivable)
            await unfit(here, "fatal_error", line_of(3))
            robot.driver.errors.clear()
            await robot.report()
            await until(lambda: not here.fleet.live("r1").state.errors)
            mission = await start("r1", line_of(100))
            with pytest.raises(RobotBusy) as busy:
                await start("r1", line_of(3))
            assert busy.value.extra["mission"] == mission.id
            with pytest.raises(RobotBusy):
                await here.fleet.remove("r1")
            await here.fleet.missions.cancel(mission.id)
            await here.ended(mission)
            await robot.vanish()
            await until(lambda: here.fleet.live("r1").reach == "broken")
            await unfit(here, "out_of_touch", line_of(3))

    asyncio.run(story())


async def unfit(here: World, reason: str, path: list[Waypoint]) -> None:
    with pytest.raises(RobotUnfit) as refused:
        await here.fleet.missions.start("r1", path)
    assert refused.value.extra["reason"] == reason


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ([], "path"),
        ([Waypoint(x=float("nan"), y=0, map_id=MAP)], "path[0]"),
        ([*line_of(2), Waypoint(x=0, y=float("inf"), map_id=MAP)], "path[2]"),
        ([Waypoint(x=0, y=0, map_id="")], "path[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, speed_mps=0)], "path[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, within_m=-1)], "path[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, actions=(Action(type="dance"),))], "path[0].actions[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, actions=(Action(type="wait", parameters={"a": None}),))],
         "path[0].actions[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, actions=(Action(type="wait", parameters={"a": "x" * 5000}),))],
         "path[0].actions[0]"),
        ([Waypoint(x=0, y=0, map_id=MAP, actions=(Action(type="wait"),) * 9)], "path[0].actions"),
    ],
)  # fmt: skip
def test_a_path_that_can_not_be_driven_is_refused(tmp_path: Path, path: list[Waypoint], field: str) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot()
            with pytest.raises(Invalid) as refused:
                await here.fleet.missions.start("r1", path)
            assert refused.value.extra["field"] == field
            assert here.fleet.missions.of_robot("r1") is None

    asyncio.run(story())


def test_many_robots_go_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            names = [Address("Acme", f"S{number}") for number in range(10)]
            for name in names:
                await here.robot(address=name)
            begun = [await here.fleet.missions.start(name.serial, line_of(10, cleaning=True)) for name in names]
            assert {(await here.ended(mission)).state for mission in begun} == {"finished"}
            assert here.counted[-1] == ("st-1", 10)

    asyncio.run(story())


def test_a_robot_of_version_2_0_is_spoken_to_in_its_version(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot(version="2.0.0")
            mission = await here.fleet.missions.start("r1", line_of(60))
            await until(lambda: robot.body.driven_m > 1)
            assert (await here.fleet.missions.pause(mission.id)).state == "paused"
            await here.fleet.missions.cancel(mission.id)
            assert (await here.ended(mission)).state == "cancelled"
            spoken = [json.loads(payload) for payload in here.broker.on("/instantActions")]
            assert {each["version"] for each in spoken[-2:]} == {"2.0.0"}
            assert all("instantActions" in each for each in spoken[-2:])

    asyncio.run(story())
