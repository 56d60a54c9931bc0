"""Missions of all robots: begun, under way, and those that ended a moment ago."""

import asyncio
import logging
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.robots.fleet.errors import MissionOver, RobotBusy, RobotUnfit
from maillage.services.robots.fleet.live import Live
from maillage.services.robots.fleet.orders import ID_CHARS, new_order_id
from maillage.services.robots.fleet.paths import checked_path
from maillage.services.robots.fleet.pursuit import Means, Pursuit
from maillage.services.robots.model import Mission, Pose, Progress, Robot, TrackPoint, Waypoint
from maillage.services.robots.ports import MissionRow, Stop, Watch
from maillage.services.robots.vda5050.state import AgvPosition

log = logging.getLogger(__name__)
APPROACH_M = 0.25
"""A robot that is farther from the first waypoint gets a node where it stands, so that its order begins there."""
PURPOSE_MAX = 200
ENDED_KEPT = 50
KEEP_S = 90 * 86_400
"""Missions are forgotten so long after they ended."""


class MissionControl:
    """``services.robots.ports.Missions``. ``robot`` gives a robot as it is known, NotFound without it, ``live`` how it
    does. Start it once the robots are known; stopping leaves the robots as they are."""

    def __init__(self, robot: Callable[[str], Robot], live: Callable[[str], Live], means: Means) -> None:
        self._robot = robot
        self._live = live
        self._means = means
        self._under_way: dict[str, Pursuit] = {}
        self._of_robot: dict[str, Pursuit] = {}
        self._starting: set[str] = set()
        self._ended: OrderedDict[str, MissionRow] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Take up what a process before this one left, and forget what is old."""
        records = self._means.records
        await to_the_end(records.forget, self._means.clock.now() - KEEP_S)
        for row in await to_the_end(records.unfinished):
            try:
                self._pursue(row)
            except NotFound:
                log.warning("mission %s is of a robot that is not known: %s", row.mission.id, row.mission.robot)

    async def stop(self) -> None:
        """Keep how far they are; the robots go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pursuit in self._under_way.values():
            try:
                await pursuit.flush()
            except Exception as fault:
                log.warning("how far mission %s is could not be kept: %s", pursuit.mission.id, fault)

    # -- what is asked for -------------------------------------------------------------------------------------------

    async def start(
        self, robot_id: str, path: Sequence[Waypoint], purpose: str = "", on_progress: Watch | None = None
    ) -> Mission:
        robot, live = self._robot(robot_id), self._live(robot_id)
        route = checked_path(path, robot.facts)
        if len(purpose) > PURPOSE_MAX:
            raise Invalid("purpose", f"has at most {PURPOSE_MAX} characters")
        self._require_free(robot_id, live)
        stands = _require_fit(robot, live, route[0])
        now = self._means.clock.now()
        mission = Mission(
            id=f"ms_{secrets.token_hex(6)}",
            robot=robot_id,
            site=robot.site,
            order_id=new_order_id(self._means.now_ms()),
            path=route,
            created_at=now,
            purpose=purpose,
            approach=_approach(stands, route[0]),
        )
        row = MissionRow(mission, Progress(mission=mission.id, total=len(route)))
        self._starting.add(robot_id)
        try:
            await to_the_end(self._means.records.add, row)
            pursuit = self._pursue(row)
        finally:
            self._starting.discard(robot_id)
        if on_progress is not None:
            pursuit.watch(on_progress)
        return mission

    async def pause(self, mission_id: str) -> Progress:
        return await (await self._going_on(mission_id)).pause()

    async def resume(self, mission_id: str) -> Progress:
        return await (await self._going_on(mission_id)).resume()

    async def cancel(self, mission_id: str) -> Progress:
        pursuit = self._under_way.get(mission_id)
        return await pursuit.cancel() if pursuit is not None else (await self.find(mission_id))[1]

    # -- what is known -----------------------------------------------------------------------------------------------

    async def find(self, mission_id: str) -> tuple[Mission, Progress]:
        pursuit = self._under_way.get(mission_id)
        if pursuit is not None:
            return pursuit.mission, pursuit.progress
        row = self._ended.get(mission_id) or await to_the_end(self._means.records.get, mission_id)
        if row is None:
            raise NotFound(f"there is no mission {mission_id[:64]!r}")
        return row.mission, row.progress

    async def some(self, robot_id: str, before: str | None, limit: int) -> list[tuple[Mission, Progress]]:
        """Those of a robot, the newest first, without their paths; the ones older than the mission ``before``."""
        self._robot(robot_id)
        rows = await to_the_end(self._means.records.of_robot, robot_id, before, limit)
        return [(row.mission, self.progress(row.mission.id) or row.progress) for row in rows]

    def progress(self, mission_id: str) -> Progress | None:
        pursuit, row = self._under_way.get(mission_id), self._ended.get(mission_id)
        return pursuit.progress if pursuit is not None else None if row is None else row.progress

    def of_robot(self, robot_id: str) -> Mission | None:
        pursuit = self._of_robot.get(robot_id)
        return None if pursuit is None else pursuit.mission

    def watch(self, mission_id: str, on_progress: Watch) -> Stop:
        pursuit = self._under_way.get(mission_id)
        if pursuit is None:
            raise NotFound(f"there is no mission {mission_id[:64]!r} that goes on")
        return pursuit.watch(on_progress)

    async def track(self, mission_id: str) -> list[TrackPoint]:
        pursuit = self._under_way.get(mission_id)
        waiting = [] if pursuit is None else pursuit.unkept_track
        kept = await to_the_end(self._means.records.track, mission_id)
        latest = kept[-1].at_ms if kept else -1
        return kept + [point for point in waiting if point.at_ms > latest]

    def moved(self, robot_id: str, position: AgvPosition, at_ms: int, jumped: bool) -> None:
        """The robot is somewhere else; enters it in its mission's track."""
        pursuit = self._of_robot.get(robot_id)
        if pursuit is not None:
            pursuit.moved(position, at_ms, jumped)

    async def is_over(self, robot_id: str, order_id: str) -> bool:
        """Whether an order that the robot drives is one of a mission that has ended."""
        rows = await to_the_end(self._means.records.of_robot, robot_id, None, ENDED_KEPT)
        return any(row.mission.order_id == order_id and row.progress.ended for row in rows)

    # -- how ---------------------------------------------------------------------------------------------------------

    async def _going_on(self, mission_id: str) -> Pursuit:
        pursuit = self._under_way.get(mission_id)
        if pursuit is None:
            _, progress = await self.find(mission_id)
            raise MissionOver(f"the mission has ended: {progress.state}", state=progress.state)
        return pursuit

    def _require_free(self, robot_id: str, live: Live) -> None:
        pursuit = self._of_robot.get(robot_id)
        if pursuit is not None:
            raise RobotBusy(f"{robot_id} is on mission {pursuit.mission.id}", mission=pursuit.mission.id)
        if robot_id in self._starting:
            raise RobotBusy(f"{robot_id} is being sent on a mission just now", mission=None)
        order = live.order_under_way if live.in_touch else None
        if order is not None:
            raise RobotBusy(f"{robot_id} follows an order that is not of a mission: {order[:60]!r}", order=order[:60])

    def _pursue(self, row: MissionRow) -> Pursuit:
        robot_id = row.mission.robot
        self._robot(robot_id)
        pursuit = Pursuit(row, lambda: self._robot(robot_id), self._live(robot_id), self._means)
        self._under_way[row.mission.id] = self._of_robot[robot_id] = pursuit
        task = asyncio.get_running_loop().create_task(self._see_through(pursuit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return pursuit

    async def _see_through(self, pursuit: Pursuit) -> None:
        await pursuit.run()
        mission = pursuit.mission
        self._ended[mission.id] = MissionRow(mission, pursuit.progress, pursuit.sent)
        while len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)
        del self._under_way[mission.id], self._of_robot[mission.robot]


def _require_fit(robot: Robot, live: Live, first: Waypoint) -> AgvPosition:
    """Where the robot stands, ready for an order; else RobotUnfit."""
    state, position = live.state, live.position
    if not live.in_touch or state is None:
        raise RobotUnfit(f"{robot.id} can't be heard: {live.reach}", "out_of_touch")
    if not live.drivable:
        raise RobotUnfit(f"{robot.id} is in mode {state.operating_mode}; it takes orders in AUTOMATIC", "mode")
    fatal = next((error for error in state.errors if error.error_level == "FATAL"), None)
    if fatal is not None:
        told = f"{fatal.error_type} {fatal.error_description}"[:200].strip()
        raise RobotUnfit(f"{robot.id} needs a person: {told}", "fatal_error")
    if position is None or not position.position_initialized:
        raise RobotUnfit(f"{robot.id} does not know where it is; initialise its position", "no_position")
    if position.map_id != first.map_id:
        raise RobotUnfit(f"{robot.id} is on map {position.map_id!r}, the path on {first.map_id!r}", "other_map")
    if robot.facts is not None and 0 < robot.facts.id_chars < ID_CHARS:
        raise RobotUnfit(
            f"{robot.id} takes ids of {robot.facts.id_chars} characters; ours have up to {ID_CHARS}", "id_length"
        )
    return position


def _approach(stands: AgvPosition, first: Waypoint) -> Pose | None:
    if math.hypot(stands.x - first.x, stands.y - first.y) <= APPROACH_M:
        return None
    return Pose(stands.x, stands.y, stands.theta, stands.map_id)
