"""A fleet and simulated robots on a broker in memory, with records in SQLite: all real but the wire."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from maillage.devices.line import Message, Take, Unreachable
from maillage.devices.topics import matches
from maillage.engines.clocks import SystemClock
from maillage.engines.records.database import Database
from maillage.engines.records.robots import SqlMissionRecords, SqlRobotRecords
from maillage.engines.records.robots_tables import mission_tracks, missions, robots
from maillage.services.robots.fleet.following import Patience
from maillage.services.robots.fleet.service import Fleet, wall_ms
from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.model import Action, Mission, Pose, Progress, Robot, Waypoint
from maillage.services.robots.simulate.body import Model
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.simulate.robot import SimulatedRobot
from maillage.services.robots.vda5050.topics import Address

SITE, MAP = "st-1", "floor-1"
ADDRESS = Address("Acme", "AC-1")
DOCK = Pose(0.0, 0.0, 0.0, MAP)
WITHIN_S = 10.0
HASTY = Patience(answer_s=0.3, tries=3, lost_s=0.4, send_s=1.0, look_s=0.05)


class MemoryBroker:
    """Hands each message to all that want it, in order; keeps what is retained. ``sent`` is all there was."""

    def __init__(self) -> None:
        self.lines: list[MemoryLine] = []
        self.retained: dict[str, bytes] = {}
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, retain: bool) -> None:
        self.sent.append((topic, payload))
        if retain:
            self.retained[topic] = payload
        for line in self.lines:
            line.give(Message(topic, payload, wall_ms()))

    def on(self, ending: str) -> list[bytes]:
        return [payload for topic, payload in self.sent if topic.endswith(ending)]


class MemoryLine:
    """``devices.line.DeviceLine``."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._takers: list[tuple[str, asyncio.Queue[Message], asyncio.Task[None]]] = []
        self.connected = True
        broker.lines.append(self)

    async def start(self) -> None:
        self.connected = True

    async def stop(self) -> None:
        self.connected = False
        for _, _, task in self._takers:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in self._takers), return_exceptions=True)

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:
        waiting: asyncio.Queue[Message] = asyncio.Queue()

        async def serve() -> None:
            while True:
                await take([await waiting.get()])

        taker = (topic_filter, waiting, asyncio.get_running_loop().create_task(serve()))
        self._takers.append(taker)
        for topic, payload in self._broker.retained.items():
            if matches(topic_filter, topic):
                waiting.put_nowait(Message(topic, payload, wall_ms(), True))

        def end() -> None:
            taker[2].cancel()
            self._takers.remove(taker)

        return end

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        if not self.connected:
            raise Unreachable("no connection")
        self._broker.publish(topic, payload, retain)

    def give(self, message: Message) -> None:
        if self.connected:
            for topic_filter, waiting, _ in self._takers:
                if matches(topic_filter, message.topic):
                    waiting.put_nowait(message)


class Notes:
    """``kernel.notices.Notices`` that remembers them."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str, dict[str, Any]]] = []

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        self.all.append((site, topic, about, data))

    def topics(self) -> list[str]:
        return [topic for _, topic, _, _ in self.all]

    def faults(self) -> list[str]:
        return [data["type"] for _, topic, _, data in self.all if topic == "robots.error"]


class World:
    """``fleet`` can be ended and begun again over the same records."""

    def __init__(self, folder: Path, pace: Pace, patience: Patience, silent_s: float) -> None:
        self.broker = MemoryBroker()
        self.notes = Notes()
        self.database = Database(sa.URL.create("sqlite", database=str(folder / "records.db")))
        with self.database.transaction() as connection:
            for table in (robots, missions, mission_tracks):
                table.create(connection, checkfirst=True)
        self.counted: list[tuple[str, int]] = []
        self._settings = (pace, patience, silent_s)
        self._made: list[SimulatedRobot] = []
        self.line: MemoryLine
        self.fleet: Fleet

    async def open(self) -> Fleet:
        async def count(site: str, number: int) -> None:
            self.counted.append((site, number))

        pace, patience, silent_s = self._settings
        self.line = MemoryLine(self.broker)
        self.fleet = Fleet(
            SqlRobotRecords(self.database),
            SqlMissionRecords(self.database),
            self.line,
            self.notes,
            SystemClock(),
            lambda site: site == SITE,
            count,
            pace=pace,
            patience=patience,
            silent_s=silent_s,
        )
        await self.fleet.start()
        return self.fleet

    async def close(self) -> None:
        await self.fleet.stop()
        await self.line.stop()

    async def reopen(self) -> Fleet:
        await self.close()
        return await self.open()

    async def robot(self, faults: Faults | None = None, address: Address = ADDRESS, **more: Any) -> SimulatedRobot:
        """A robot that is online and registered as ``r1`` (or by its serial), and has said how it does."""
        made = SimulatedRobot(
            MemoryLine(self.broker),
            address,
            DOCK,
            Model(speed_mps=1.0, action_s=0.5),
            faults=faults,
            **{"time_factor": 40.0, "state_every_s": 0.2, "visualization_every_s": 0.02, **more},
        )
        self._made.append(made)
        await made.start()
        name = "r1" if address == ADDRESS else address.serial
        if name not in [robot.id for robot in self.fleet.robots()]:
            await self.fleet.register(new_robot(name, address))
        await until(lambda: self.fleet.live(name).in_touch and self.fleet.robot(name).facts is not None)
        return made

    async def ended(self, mission: Mission) -> Progress:
        await until(lambda: self.fleet.missions.of_robot(mission.robot) is None)
        return (await self.fleet.missions.find(mission.id))[1]

    async def leave(self) -> None:
        for robot in self._made:
            await robot.vanish(with_will=False)
            await robot._leave()
        await self.close()
        for line in self.broker.lines:
            await line.stop()
        self.database.close()


def new_robot(name: str = "r1", address: Address = ADDRESS) -> Robot:
    return Robot(
        id=name,
        site=SITE,
        name="Scrubber",
        manufacturer=address.manufacturer,
        serial=address.serial,
        created_at=0,
        clean_width_m=0.6,
        dock=DOCK,
    )


@asynccontextmanager
async def world(
    folder: Path, pace: Pace | None = None, patience: Patience = HASTY, silent_s: float = 0.8
) -> AsyncIterator[World]:
    made = World(folder, pace or Pace(), patience, silent_s)
    await made.open()
    try:
        yield made
    finally:
        await made.leave()


async def until(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def line_of(count: int, step_m: float = 1.0, cleaning: bool = False) -> list[Waypoint]:
    """A straight path along x."""
    path = [Waypoint(x=step_m * number, y=0.0, map_id=MAP) for number in range(count)]
    return cleaned(path) if cleaning else path


def cleaned(path: Sequence[Waypoint]) -> list[Waypoint]:
    """The same, cleaning from the first to the last."""
    first, *between, last = path
    begin = Action(type="startCleaning", parameters={"mode": "scrub", "brush": 2, "water": 1.5})
    return [
        Waypoint(x=first.x, y=first.y, map_id=MAP, actions=(begin,)),
        *between,
        Waypoint(x=last.x, y=last.y, map_id=MAP, actions=(Action(type="stopCleaning"),)),
    ]
