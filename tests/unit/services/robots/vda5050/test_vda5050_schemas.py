"""All that goes over the wire, from us and from the simulated robot, is as the standard's own schemas say."""

import asyncio
import json
from pathlib import Path

import pytest

from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.model import Action, Pose, Waypoint
from maillage.services.robots.simulate.faults import Faults
from tests.unit.services.robots.robots_world import HASTY, MAP, cleaned, until, world
from tests.unit.services.robots.vda5050.vda5050_schemas import require

TOPICS = ("order", "instantActions", "state", "connection", "factsheet", "visualization")


def test_all_messages_of_a_night_are_as_their_schemas_say(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, pace=Pace(10, 5, 6)) as here:
            robot = await here.robot(time_factor=15.0)
            path = cleaned([Waypoint(x=float(n), y=n / 3, map_id=MAP) for n in range(30)])
            path[9] = Waypoint(
                x=9,
                y=3,
                map_id=MAP,
                theta=7.0,
                speed_mps=0.5,
                within_m=0.1,
                actions=(
                    Action(type="wait", parameters={"seconds": 1, "deep": {"a": [1, "b", True]}}, blocking="NONE"),
                ),
            )
            mission = await here.fleet.missions.start("r1", path)
            await until(lambda: robot.body.driven_m > 3)
            await here.fleet.missions.pause(mission.id)
            await here.fleet.missions.resume(mission.id)
            assert (await here.ended(mission)).state == "finished"
            await here.fleet.place("r1", Pose(1.0, 2.0, 0.5, MAP), "")
            robot.faults.reject = "orderError"
            back = await here.fleet.missions.start("r1", [Waypoint(x=1, y=2, map_id=MAP)])
            assert (await here.ended(back)).reason == "rejected"
            await robot.stop()
            await until(lambda: here.fleet.live("r1").reach == "offline")
            for topic, said in here.broker.sent:
                require(topic.rpartition("/")[2], said)
            assert {topic.rpartition("/")[2] for topic, _ in here.broker.sent} == set(TOPICS)
            numbers: dict[str, list[int]] = {}
            for topic, said in here.broker.sent:
                numbers.setdefault(topic, []).append(json.loads(said)["headerId"])
            assert all(each == list(range(len(each))) for each in numbers.values())

    asyncio.run(story())


def test_to_a_robot_of_2_0_only_the_key_of_instant_actions_is_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path, patience=HASTY) as here:
            await here.robot(Faults(), version="2.0.0")
            mission = await here.fleet.missions.start(
                "r1", [Waypoint(x=0, y=0, map_id=MAP), Waypoint(x=1, y=0, map_id=MAP, within_m=0.2)]
            )
            await here.ended(mission)
            await here.fleet.place("r1", Pose(1.0, 2.0, 0.5, MAP), "")
            (order,) = (require("order", said) for said in here.broker.on("/order"))
            assert order["version"] == "2.0.0"
            assert order["nodes"][1]["nodePosition"]["allowedDeviationXy"] == 0.2
            acted = json.loads(here.broker.on("/instantActions")[-1])
            acted["actions"] = acted.pop("instantActions")
            require("instantActions", json.dumps(acted).encode())

    asyncio.run(story())


@pytest.mark.parametrize("topic", TOPICS)
def test_the_schemas_refuse_what_is_nothing(topic: str) -> None:
    if topic == "visualization":  # all of it is optional
        assert require(topic, b"{}") == {}
        return
    with pytest.raises(AssertionError):
        require(topic, b"{}")
