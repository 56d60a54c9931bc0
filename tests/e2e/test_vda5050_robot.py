"""Our master control and a robot of somebody else's making, over real brokers: it cleans, pauses, is called off, is
cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from maillage.engines.clocks import SystemClock
from maillage.engines.mqtt.line import MqttLine
from maillage.engines.records.opening import open_database
from maillage.engines.records.robots import SqlMissionRecords, SqlRobotRecords
from maillage.services.robots.fleet.errors import RobotUnfit
from maillage.services.robots.fleet.following import Patience
from maillage.services.robots.fleet.service import Fleet
from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.model import Action, Mission, Pose, Progress, Robot, Waypoint
from maillage.services.robots.vda5050.topics import Address
from tests.contract.mqtt_brokers import EmbeddedWorld, MosquittoWorld, World
from tests.robots.agv import Agv, node
from tests.unit.services.robots.robots_world import Notes, until

MAP = "floor-1"
WITHIN_S = 40.0


class Shop:
    """A broker, our fleet with the robot ``r1`` in it, and the robot itself, switched off."""

    def __init__(self, broker: World, folder: Path) -> None:
        self.notes = Notes()
        self.agv = Agv(broker.port, "acme", "r1", "robot", broker.passwords["robot"])
        self._house = broker.house
        self._folder = folder
        self.lost_s = 2.0
        self.line: MqttLine
        self.fleet: Fleet

    async def open(self) -> None:
        self._database = open_database("", self._folder)
        self.line = MqttLine(self._house)
        self.fleet = Fleet(
            SqlRobotRecords(self._database),
            SqlMissionRecords(self._database),
            self.line,
            self.notes,
            SystemClock(),
            lambda site: site == "100",
            pace=Pace(base=5, horizon=2, refill=3),
            patience=Patience(lost_s=self.lost_s),
        )
        await self.fleet.start()
        await self.line.start()
        await until(lambda: self.line.connected, WITHIN_S)

    async def close(self) -> None:
        await self.fleet.stop()
        await self.line.stop()
        self._database.close()

    async def ready(self, speed_mps: float = 4.0) -> None:
        """The robot is switched on, and can be heard."""
        await self.agv.start(speed_mps, MAP)
        await until(lambda: self.fleet.live("r1").in_touch, WITHIN_S)

    async def ended(self, mission: Mission) -> Progress:
        await until(lambda: self.fleet.missions.of_robot("r1") is None, WITHIN_S)
        return (await self.fleet.missions.find(mission.id))[1]


@asynccontextmanager
async def shop(kind: str, folder: Path) -> AsyncIterator[Shop]:
    node()
    broker = EmbeddedWorld() if kind == "embedded" else MosquittoWorld(folder)
    await broker.start()
    here = Shop(broker, folder)
    await here.open()
    try:
        scrubber = Robot(id="r1", site="100", name="Scrubber", manufacturer="acme", serial="r1", created_at=0)
        await here.fleet.register(scrubber)
        yield here
    finally:
        await here.agv.kill()
        await here.close()
        await broker.stop()


@pytest.fixture(params=["mosquitto", pytest.param("embedded", marks=[pytest.mark.long])])
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def swaths(count: int = 8, length_m: float = 2.0) -> list[Waypoint]:
    """To and fro, cleaning from the first node to the last."""
    corners = [(length_m * (number % 4 in (1, 2)), 0.5 * (number // 2)) for number in range(count)]
    begin = Action(type="startCleaning", parameters={"mode": "scrub", "brush": 2, "water": 1.5})
    actions = {0: (begin,), count - 1: (Action(type="stopCleaning"),)}
    return [Waypoint(x=x, y=y, map_id=MAP, actions=actions.get(n, ())) for n, (x, y) in enumerate(corners)]


def test_it_cleans_with_a_pause_in_between(broker: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with shop(broker, tmp_path) as here:
            await here.ready()
            assert here.fleet.live("r1").version == "2.0.0"
            mission = await here.fleet.missions.start("r1", swaths(), "aisle 3")
            await until(lambda: here.fleet.missions.progress(mission.id).reached >= 1, WITHIN_S)
            assert (await here.fleet.missions.pause(mission.id)).state == "paused"
            stood = here.fleet.live("r1").position
            with pytest.raises(TimeoutError):
                await until(lambda: here.fleet.live("r1").position != stood, 0.6)
            assert (await here.fleet.missions.resume(mission.id)).state == "running"
            done = await here.ended(mission)
            assert (done.state, done.detail, done.reached) == ("finished", "", 7)
            assert [(each.type, each.status, each.result) for each in done.actions] == [
                ("startCleaning", "FINISHED", "startCleaning is done"),
                ("stopCleaning", "FINISHED", "stopCleaning is done"),
            ]
            track = await here.fleet.missions.track(mission.id)
            assert len(track) > 15 and {round(point.y, 1) for point in track} >= {0.0, 0.5, 1.0, 1.5}
            assert not any(point.jump for point in track)
            again = await here.fleet.missions.start("r1", swaths(2))  # it drives back to the first node by itself
            assert (await here.ended(again)).state == "finished"
            assert here.notes.faults() == []

    asyncio.run(story())


def test_it_is_called_off_and_free_for_the_next(broker: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with shop(broker, tmp_path) as here:
            await here.ready()
            mission = await here.fleet.missions.start("r1", swaths(40, length_m=30.0))
            await until(lambda: here.fleet.missions.progress(mission.id).state == "running", WITHIN_S)
            await here.fleet.missions.cancel(mission.id)
            assert (await here.ended(mission)).state == "cancelled"
            with pytest.raises(RobotUnfit) as refused:
                await here.fleet.cancel("r1")
            assert refused.value.extra["reason"] == "no_order"
            pose = here.fleet.live("r1").position
            here_now = [Waypoint(x=pose.x, y=pose.y, map_id=MAP), Waypoint(x=pose.x + 1, y=pose.y, map_id=MAP)]
            assert (await here.ended(await here.fleet.missions.start("r1", here_now))).state == "finished"

    asyncio.run(story())


@pytest.mark.long
def test_it_goes_on_while_we_are_away(broker: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with shop(broker, tmp_path) as here:
            await here.ready()
            mission = await here.fleet.missions.start("r1", swaths(9))
            await until(lambda: here.fleet.missions.progress(mission.id).reached >= 1, WITHIN_S)
            await here.close()
            here.lost_s = WITHIN_S  # it says how it is every half minute, and may just have done so
            await here.open()
            done = await here.ended(mission)
            assert (done.state, done.reached) == ("finished", 8)

    asyncio.run(story())


def test_cut_off_it_is_broken_and_its_mission_lost(broker: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with shop(broker, tmp_path) as here:
            await here.ready()
            mission = await here.fleet.missions.start("r1", swaths(40, length_m=30.0))
            await until(lambda: here.fleet.missions.progress(mission.id).state == "running", WITHIN_S)
            await here.agv.kill()
            await until(lambda: here.fleet.live("r1").reach == "broken", WITHIN_S)
            done = await here.ended(mission)
            assert (done.state, done.reason) == ("lost", "out_of_touch")
            await until(lambda: "robots.mission.failed" in here.notes.topics())
            assert "robots.connection.lost" in here.notes.topics()
            await here.ready()  # another start, as after a repair
            assert "robots.connection.back" in here.notes.topics()
            await here.agv.stop()
            await until(lambda: here.fleet.live("r1").reach == "offline", WITHIN_S)

    asyncio.run(story())


def test_what_it_does_not_like_it_refuses(broker: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with shop(broker, tmp_path) as here:
            await here.ready()
            path = swaths(4)
            wrong = Action(type="startCleaning", parameters={"mode": "polish"})
            mission = await here.fleet.missions.start("r1", [Waypoint(x=0, y=0, map_id=MAP, actions=(wrong,)), *path])
            done = await here.ended(mission)
            assert (done.state, done.reason) == ("failed", "rejected") and "orderError" in done.detail
            await here.fleet.place("r1", Pose(5.0, 5.0, 0.0, MAP), "n5")
            await until(lambda: here.fleet.live("r1").position.x == 5.0)
            assert Address("acme", "r1") not in [each.address for each in here.fleet.strangers.all()]

    asyncio.run(story())
