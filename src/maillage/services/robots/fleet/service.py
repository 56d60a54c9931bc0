"""The fleet: hears all robots, knows how each does, and says what happened to them."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from maillage.devices.line import DeviceLine
from maillage.kernel.errors import Refusal
from maillage.kernel.notices import Notices
from maillage.kernel.ports import Clock
from maillage.services.robots.fleet.asking import ask
from maillage.services.robots.fleet.contact import Contact
from maillage.services.robots.fleet.errors import RobotBusy, RobotUnfit
from maillage.services.robots.fleet.following import Patience
from maillage.services.robots.fleet.live import SILENT_S, Live
from maillage.services.robots.fleet.master import MasterControl, Said
from maillage.services.robots.fleet.missions import MissionControl
from maillage.services.robots.fleet.pursuit import Means
from maillage.services.robots.fleet.registry import Count, Registry
from maillage.services.robots.fleet.strangers import Strangers
from maillage.services.robots.fleet.telling import Teller
from maillage.services.robots.fleet.windows import Pace
from maillage.services.robots.model import Facts, Pose, Progress, Robot
from maillage.services.robots.ports import MissionRecords, RobotRecords
from maillage.services.robots.vda5050.factsheet import Factsheet, facts_of
from maillage.services.robots.vda5050.state import AgvPosition, Connection, State
from maillage.services.robots.vda5050.topics import INTERFACE, Address, Topics

log = logging.getLogger(__name__)


def wall_ms() -> int:
    """Milliseconds UTC by the machine's clock."""
    return time.time_ns() // 1_000_000


class Fleet:
    """The robots of the sites that this process owns, and their missions in ``missions``.

    ``has_site`` says whether there is such a site. ``count`` is told how many robots a site has whenever that changes;
    what it refuses (leases stand in the way of a smaller pool) is not done. ``interface`` is the first level of all
    topics. Start it before the line, so that nothing that the broker has kept is missed.
    """

    def __init__(
        self,
        robots: RobotRecords,
        missions: MissionRecords,
        line: DeviceLine,
        notices: Notices,
        clock: Clock,
        has_site: Callable[[str], bool],
        count: Count | None = None,
        *,
        interface: str = INTERFACE,
        pace: Pace | None = None,
        patience: Patience | None = None,
        silent_s: float = SILENT_S,
        now_ms: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._silent_s = silent_s
        self._registry = Registry(robots, has_site, count)
        self._lives: dict[str, Live] = {}
        self._master = MasterControl(line, Topics(interface), now_ms)
        self._teller = Teller(notices, monotonic)
        patience = patience or Patience()
        self._look_s = patience.look_s
        means = Means(self._master, missions, self._teller, clock, now_ms, monotonic, pace or Pace(), patience)
        self.missions = MissionControl(self._registry.get, self.live, means)
        self.strangers = Strangers()
        self._contact = Contact(self._master, self._teller, self.missions, now_ms, monotonic)
        self._work: set[asyncio.Task[Any]] = set()
        self._ends: Callable[[], None] | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up robots and missions of a process before this one, and listen."""
        await self._registry.load()
        self._teller.start()
        await self.missions.recover()
        self._ends = self._master.listen(self)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def stop(self) -> None:
        """Stop listening; robots under way go on."""
        if self._ends is not None:
            self._ends()
        for task in (self._ticking, *self._work):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self.missions.stop()
        await self._teller.stop()

    # -- the robots --------------------------------------------------------------------------------------------------

    def robots(self, site: str | None = None) -> list[Robot]:
        """The oldest first."""
        return [robot for robot in self._registry.all() if site in (None, robot.site)]

    def robot(self, robot_id: str) -> Robot:
        """NotFound without it."""
        return self._registry.get(robot_id)

    def live(self, robot_id: str) -> Live:
        """How a robot does; NotFound without it."""
        live = self._lives.get(robot_id)
        if live is None:
            version = (self._registry.get(robot_id).facts or Facts()).version
            live = self._lives[robot_id] = Live(self._monotonic, self._silent_s, version)
        return live

    async def register(self, robot: Robot) -> Robot:
        """Enter a robot, whether or not it can be heard yet. Invalid, NotFound without its site, AlreadyExists."""
        robot = msgspec.structs.replace(robot, created_at=self._clock.now(), facts=None)
        await self._registry.add(robot)
        heard = self.strangers.take(Address(robot.manufacturer, robot.serial))
        for message, at_ms in heard:
            self.said(Address(robot.manufacturer, robot.serial), message, at_ms)
        return self._registry.get(robot.id)

    async def change(self, robot_id: str, name: str, clean_width_m: float | None, dock: Pose | None) -> Robot:
        """What people decide of a robot."""
        robot = msgspec.structs.replace(self.robot(robot_id), name=name, clean_width_m=clean_width_m, dock=dock)
        await self._registry.put(robot)
        return robot

    async def remove(self, robot_id: str) -> Robot:
        """Forget a robot and its missions. RobotBusy while it is on one."""
        mission = self.missions.of_robot(self.robot(robot_id).id)
        if mission is not None:
            raise RobotBusy(f"{robot_id} is on mission {mission.id}; cancel it first", mission=mission.id)
        robot = await self._registry.drop(robot_id)
        self._lives.pop(robot_id, None)
        self._contact.forget(robot_id)
        return robot

    async def pause(self, robot_id: str) -> Progress | None:
        """Have a robot stop, on a mission or not; returns how its mission is once it says that it stands."""
        return await self._pause(robot_id, True)

    async def resume(self, robot_id: str) -> Progress | None:
        """Have it go on."""
        return await self._pause(robot_id, False)

    async def cancel(self, robot_id: str) -> Progress | None:
        """Have a robot drop what it is at: its mission, or somebody else's order. RobotUnfit where there is none."""
        mission, live = self.missions.of_robot(self.robot(robot_id).id), self.live(robot_id)
        if mission is not None:
            return await self.missions.cancel(mission.id)
        if live.order_under_way is None:
            raise RobotUnfit(f"{robot_id} has nothing to cancel", "no_order")
        await ask(self._master, self.robot(robot_id), live, "cancelOrder", self._now_ms())
        return None

    async def place(self, robot_id: str, pose: Pose, last_node: str) -> None:
        """Tell a robot where it stands (initPosition). RobotBusy while it drives."""
        live = self.live(robot_id)
        if live.order_under_way is not None:
            raise RobotBusy(f"{robot_id} is on its way", order=live.order_under_way[:60])
        where: dict[str, Any] = {
            "x": pose.x,
            "y": pose.y,
            "theta": pose.theta,
            "mapId": pose.map_id,
            "lastNodeId": last_node,
        }
        await ask(self._master, self.robot(robot_id), live, "initPosition", self._now_ms(), **where)

    # -- what robots say (master.Listener) ---------------------------------------------------------------------------

    def said(self, address: Address, message: Said, at_ms: int) -> None:
        robot = self._registry.at(address)
        if robot is None:
            self.strangers.said(address, message, at_ms)
            return
        live = self.live(robot.id)
        if isinstance(message, Factsheet):
            self._learn(robot, facts_of(message))
        elif isinstance(message, Connection):
            live.take_connection(message)
        elif isinstance(message, State):
            jump_m = live.take_state(message, at_ms, robot.speed_mps)
            self._moved(robot, message.agv_position, at_ms, jump_m)
            self._contact.errors(robot, live)
        else:
            jump_m = live.take_visualization(message, at_ms, robot.speed_mps)
            self._moved(robot, message.agv_position, at_ms, jump_m)
        for work in self._contact.look(robot, live):
            self._spawn(work)

    def violated(self, address: Address, text: str, at_ms: int) -> None:
        robot = self._registry.at(address)
        if robot is None:
            self.strangers.violated(address, text, at_ms)
            return
        self.live(robot.id).take_violation(text)
        self._teller.tell_fault(robot.site, robot.id, "schemaViolation", description=text)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _moved(self, robot: Robot, position: AgvPosition | None, at_ms: int, jump_m: float | None) -> None:
        if position is None or not position.position_initialized:
            return
        self.missions.moved(robot.id, position, at_ms, jump_m is not None)
        if jump_m is not None:
            self._contact.jumped(robot, jump_m)

    def _learn(self, robot: Robot, facts: Facts) -> None:
        if facts != robot.facts:
            self._spawn(self._registry.learn(robot.id, facts))

    async def _pause(self, robot_id: str, paused: bool) -> Progress | None:
        mission, live = self.missions.of_robot(self.robot(robot_id).id), self.live(robot_id)
        if mission is not None:
            return await (self.missions.pause if paused else self.missions.resume)(mission.id)
        if live.state is None or live.state.paused != paused or not live.in_touch:
            action = "startPause" if paused else "stopPause"
            await ask(self._master, self.robot(robot_id), live, action, self._now_ms(), paused)
        return None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            for robot in self._registry.all():
                for work in self._contact.look(robot, self.live(robot.id)):
                    self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.warning("%s", fault, exc_info=None if isinstance(fault, Refusal) else fault)
