"""Registering robots, seeing how each does, and what they are told beside missions."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from maillage.kernel.errors import AlreadyExists, Invalid, NotFound, PoolInUse
from maillage.services.robots.fleet.errors import RobotBusy, RobotUnfit
from maillage.services.robots.model import Pose, Waypoint
from maillage.services.robots.vda5050.topics import Address
from tests.unit.services.robots.robots_world import ADDRESS, MAP, SITE, line_of, new_robot, until, world

STRANGER = Address("Other", "O-1")


def test_a_robot_that_is_not_registered_is_seen_and_known_at_once_when_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot()
            robot = await here.robot(address=STRANGER)
            await here.fleet.remove("O-1")
            await robot.report()
            await until(here.fleet.strangers.all)
            (seen,) = here.fleet.strangers.all()
            assert (seen.address, seen.version, seen.violation) == (STRANGER, "2.1.0", "")
            await here.fleet.register(new_robot("again", STRANGER))
            assert here.fleet.live("again").in_touch
            assert here.fleet.strangers.all() == []
            here.line._broker.publish("uagv/v2/Who/W-1/state", b"rubbish", False)
            await until(here.fleet.strangers.all)
            assert "malformed" in here.fleet.strangers.all()[0].violation

    asyncio.run(story())


def test_how_many_robots_a_site_has_is_told_and_a_refusal_undoes_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.fleet.register(new_robot())
            await here.fleet.register(new_robot("r2", STRANGER))
            await here.fleet.remove("r2")
            assert here.counted == [(SITE, 1), (SITE, 2), (SITE, 1)]

            async def refuse(site: str, number: int) -> None:
                raise PoolInUse("leases stand in the way")

            here.fleet._registry._count = refuse
            with pytest.raises(PoolInUse):
                await here.fleet.remove("r1")
            with pytest.raises(PoolInUse):
                await here.fleet.register(new_robot("r2", STRANGER))
            await here.reopen()
            assert [robot.id for robot in here.fleet.robots()] == ["r1"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"id": "a b"}, Invalid),
        ({"id": ""}, Invalid),
        ({"manufacturer": "a/b"}, Invalid),
        ({"serial": "+"}, Invalid),
        ({"name": ""}, Invalid),
        ({"clean_width_m": 0}, Invalid),
        ({"clean_width_m": float("nan")}, Invalid),
        ({"site": "nowhere"}, NotFound),
        ({"id": "r1"}, AlreadyExists),
        ({"manufacturer": "Acme", "serial": "AC-1"}, AlreadyExists),
    ],
)
def test_a_robot_that_can_not_be_is_refused(tmp_path: Path, changed: dict[str, object], refusal: type) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.fleet.register(new_robot())
            with pytest.raises(refusal):
                await here.fleet.register(msgspec.structs.replace(new_robot("r2", STRANGER), **changed))
            assert len(here.fleet.robots()) == 1 and here.counted == [(SITE, 1)]

    asyncio.run(story())


def test_a_robot_is_changed_and_stays_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot()
            await here.fleet.change("r1", "Bright", 0.9, None)
            with pytest.raises(Invalid):
                await here.fleet.change("r1", "Bright", 99.0, None)
            with pytest.raises(NotFound):
                await here.fleet.change("r9", "Bright", None, None)
            fleet = await here.reopen()
            robot = fleet.robot("r1")
            assert (robot.name, robot.clean_width_m, robot.dock) == ("Bright", 0.9, None)
            assert robot.facts is not None and robot.facts.speed_mps == 1.0
            assert fleet.robots("elsewhere") == []

    asyncio.run(story())


def test_after_a_restart_a_robot_is_asked_how_it_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, silent_s=30) as here:
            await here.robot(state_every_s=60.0)
            fleet = await here.reopen()
            assert fleet.live("r1").reach == "unknown"
            await until(lambda: fleet.live("r1").in_touch)
            asked = [json.loads(payload)["actions"][0]["actionType"] for payload in here.broker.on("/instantActions")]
            assert asked[-1] == "stateRequest"

    asyncio.run(story())


def test_a_robot_that_falls_silent_is_told_of_and_so_is_its_return(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            await robot.vanish(with_will=False)
            await until(lambda: here.notes.topics() == ["robots.connection.lost"])
            assert here.notes.all[0][3]["reach"] == "silent"
            await robot.come_back()
            await until(lambda: here.notes.topics() == ["robots.connection.lost", "robots.connection.back"])
            await robot.stop()
            await until(lambda: here.notes.topics()[2:] == ["robots.connection.lost"])
            assert here.fleet.live("r1").reach == "offline"

    asyncio.run(story())


def test_while_our_own_line_is_down_no_robot_is_lost(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            mission = await here.fleet.missions.start("r1", line_of(200))
            await until(lambda: robot.body.driven_m > 2)
            here.line.connected = False
            await asyncio.sleep(2.5)  # longer than silence and patience together
            assert here.notes.topics() == ["robots.mission.started"]
            assert here.fleet.missions.progress(mission.id).state == "running"
            here.line.connected = True
            await here.fleet.missions.cancel(mission.id)
            assert (await here.ended(mission)).state == "cancelled"

    asyncio.run(story())


def test_a_robot_without_a_mission_pauses_too_and_has_nothing_to_cancel(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            assert await here.fleet.pause("r1") is None and robot.driver.paused
            assert await here.fleet.resume("r1") is None and not robot.driver.paused
            with pytest.raises(RobotUnfit) as refused:
                await here.fleet.cancel("r1")
            assert refused.value.extra["reason"] == "no_order"
            await robot.vanish()
            await until(lambda: here.fleet.live("r1").reach == "broken")
            with pytest.raises(RobotUnfit):
                await here.fleet.pause("r1")

    asyncio.run(story())


def test_somebody_elses_order_is_respected_and_can_be_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            mission = await here.fleet.missions.start("r1", line_of(300))
            await until(lambda: robot.driver.busy)
            await here.close()
            records = here.fleet.missions._means.records
            records.put(msgspec.structs.replace((await here.fleet.missions.find(mission.id))[1], ended_at=1), None)
            with here.database.transaction() as connection:
                connection.exec_driver_sql("DELETE FROM missions")  # as if another master control had sent it
            await here.open()
            await until(lambda: here.fleet.live("r1").in_touch)
            with pytest.raises(RobotBusy) as busy:
                await here.fleet.missions.start("r1", line_of(2))
            assert busy.value.extra["order"] == mission.order_id
            with pytest.raises(RobotBusy):
                await here.fleet.place("r1", Pose(0, 0, 0, MAP), "")
            assert robot.driver.busy
            assert await here.fleet.cancel("r1") is None
            await until(lambda: here.fleet.live("r1").order_under_way is None)

    asyncio.run(story())


def test_a_robot_is_told_where_it_stands(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            await here.fleet.place("r1", Pose(30.0, 4.0, 1.0, "attic"), "n7")
            await until(lambda: here.fleet.live("r1").position.map_id == "attic")
            assert (robot.body.x, robot.driver.last_node_id) == (30.0, "n7")
            mission = await here.fleet.missions.start("r1", [Waypoint(x=31, y=4, map_id="attic")])
            assert (await here.ended(mission)).state == "finished"

    asyncio.run(story())


def test_a_robots_errors_are_told_once_each_however_often_it_says_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            robot = await here.robot()
            robot.driver.complain("brushWorn", "change it soon")
            for _ in range(5):
                await robot.report()
            robot.driver.complain("bumper", "touched a shelf", "FATAL")
            await robot.report()
            await until(lambda: here.notes.faults() == ["brushWorn", "bumper"])
            for number in range(100):
                robot.driver.complain(f"error{number}", "stammers")
            await robot.report()
            await robot.report()
            await until(lambda: len(here.notes.faults()) == 20)
            site, _, about, data = here.notes.all[1]
            assert (site, about, data["level"]) == (SITE, "robots/r1", "FATAL")

    asyncio.run(story())


def test_garbage_from_a_registered_robot_harms_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as here:
            await here.robot()
            for topic in ("state", "connection", "factsheet", "visualization"):
                for payload in (b"", b"{}", b"[1", b"\xff", b'{"headerId":"x"}', b"0" * 2_000_000):
                    here.broker.publish(f"uagv/v2/{ADDRESS.manufacturer}/{ADDRESS.serial}/{topic}", payload, False)
            await until(lambda: here.fleet.live("r1").violations == 24)
            mission = await here.fleet.missions.start("r1", line_of(3))
            assert (await here.ended(mission)).state == "finished"

    asyncio.run(story())
