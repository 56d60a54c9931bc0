"""One mission under way: looks at the robot whenever something changes, decides, keeps, sends."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from maillage.devices.line import Unreachable
from maillage.kernel.errors import Refusal
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.services.robots.fleet.asking import ask
from maillage.services.robots.fleet.errors import MissionOver
from maillage.services.robots.fleet.following import Follower, Patience, Sight, Step
from maillage.services.robots.fleet.live import Live
from maillage.services.robots.fleet.master import MasterControl
from maillage.services.robots.fleet.orders import instant, new_action_id, reached_node, route_of
from maillage.services.robots.fleet.telling import Teller
from maillage.services.robots.fleet.tracks import PART, Recorder
from maillage.services.robots.fleet.windows import BYTES_MAX, Pace, first_part, halved, nodes_of, pace_for
from maillage.services.robots.model import Progress, Robot, TrackPoint
from maillage.services.robots.ports import MissionRecords, MissionRow, Sent, Stop, Watch
from maillage.services.robots.vda5050.state import AgvPosition
from maillage.services.robots.vda5050.topics import Address

log = logging.getLogger(__name__)
AGAIN_S = 1.0
SAVE_S = 2.0
"""How far a mission is is written so often at most; each state it is in is written at once."""
FLUSH_S = 10.0
FLUSH_TRIES = 60
SETTLE_S = 2.0


class Means(NamedTuple):
    """What every pursuit works with. ``monotonic`` is in seconds."""

    master: MasterControl
    records: MissionRecords
    teller: Teller
    clock: Clock
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    pace: Pace
    patience: Patience


class Pursuit:
    """Run it as a task until the mission ends. ``robot`` gives the robot as it is known at the moment."""

    def __init__(self, row: MissionRow, robot: Callable[[], Robot], live: Live, means: Means) -> None:
        self.mission = row.mission
        self.progress = row.progress
        self.sent = row.sent
        self._robot = robot
        self._live = live
        self._means = means
        self._nodes = nodes_of(row.mission)
        self._pace = pace_for(robot().facts, means.pace)
        self._follower = Follower(row.mission, self._nodes, self._pace, means.patience)
        self._recorder = Recorder()
        self._watches: list[Watch] = []
        self._stepping = asyncio.Lock()
        self._began = means.monotonic()
        self._out_since: float | None = None
        self._order_at, self._tries = -math.inf, 0
        self._cancel_at, self._cancel_id = -math.inf, ""
        self._saved, self._saved_at = row.progress, means.monotonic()
        self._flushed_at = means.monotonic()

    # -- from outside ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the mission has ended."""
        self._live.new_errors.clear()
        since = 0
        while not self.progress.ended:
            if await self._tried(self._step):
                since = await self._live.changed(since, self._means.patience.look_s)
        for _ in range(FLUSH_TRIES):
            if await self._tried(self.flush):
                return

    def watch(self, watch: Watch) -> Stop:
        self._watches.append(watch)

        def stop() -> None:
            if watch in self._watches:
                self._watches.remove(watch)

        return stop

    async def pause(self) -> Progress:
        return await self._ask("startPause", True)

    async def resume(self) -> Progress:
        return await self._ask("stopPause", False)

    async def cancel(self) -> Progress:
        async with self._stepping:
            if not (self.progress.ended or self.progress.cancelling):
                cancelling = msgspec.structs.replace(self.progress, cancelling=True)
                await self._save(cancelling, self.sent)
                self.progress = cancelling
                self._announce()
        self._live.wake()
        return self.progress

    def moved(self, position: AgvPosition, at_ms: int, jumped: bool) -> None:
        """The robot is somewhere else."""
        reached, state = self.progress.reached, self._live.state
        if state is not None and state.order_id == self.mission.order_id:
            reached = max(
                reached, min(reached_node(state), len(self._nodes) - 1) - len(self._nodes) + self.progress.total
            )
        place = (position.x, position.y, position.theta, position.map_id)
        self._recorder.add(TrackPoint(at_ms, *place, reached, jumped))

    @property
    def unkept_track(self) -> list[TrackPoint]:
        """What is not with the records yet."""
        return list(self._recorder.waiting)

    async def flush(self) -> None:
        """Keep what is known of the track and of how far it is."""
        self._flushed_at = self._means.monotonic()
        points = self._recorder.take()
        try:
            if points:
                await to_the_end(self._means.records.add_track, self.mission.id, points)
        except Exception:
            self._recorder.give_back(points)
            raise
        if self.progress != self._saved:
            await self._save(self.progress, self.sent)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _sight(self) -> Sight:
        now = self._means.monotonic()
        if self._live.in_touch:
            self._out_since = None
        elif self._out_since is None or not self._means.master.connected:  # with our own line down nobody is lost
            self._out_since = now
        errors = tuple(self._live.new_errors)
        self._live.new_errors.clear()
        return Sight(
            state=self._live.state if self._live.in_touch else None,
            out_s=0.0 if self._out_since is None else now - self._out_since,
            errors=errors,
            order_age_s=now - self._order_at,
            tries=self._tries,
            cancel_age_s=now - self._cancel_at,
            cancel_status=self._live.action_status(self._cancel_id) if self._cancel_id else None,
            waiting_s=now - self._began,
        )

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well; where it did not, some time has passed as well."""
        try:
            await work()
            return True
        except Exception as fault:  # the records or the broker: the robot drives on, and so does its mission
            quiet = isinstance(fault, Refusal | Unreachable)
            log.warning("mission %s: %s", self.mission.id, fault, exc_info=None if quiet else fault)
            await asyncio.sleep(AGAIN_S)
            return False

    async def _step(self) -> None:
        async with self._stepping:
            await self._take(self._follower.look(self.progress, self.sent, self._sight()))

    async def _take(self, step: Step) -> None:
        before = self.progress
        progress = self._timed(step.progress, before)
        told = (before.state, before.reason, before.cancelling) != (
            progress.state,
            progress.reason,
            progress.cancelling,
        )
        if told or (progress != self._saved and self._means.monotonic() - self._saved_at >= SAVE_S):
            await self._save(progress, self.sent)
        self.progress = progress
        if progress != before:
            self._announce()
        if told:
            self._tell(before, progress)
        if step.send == "order":
            await self._send_order(step.sent)
        elif step.send == "cancel":
            await self._send_cancel()
        due = self._means.monotonic() - self._flushed_at >= FLUSH_S
        if due or len(self._recorder.waiting) >= PART:
            await self.flush()

    async def _send_order(self, part: Sent | None) -> None:
        means, robot = self._means, self._robot()
        now = means.monotonic()
        interval_s = 0.0 if robot.facts is None else robot.facts.order_interval_s
        if not means.master.connected or now - self._order_at < interval_s:
            return
        payload, topic, part = self._fitting(robot, part or first_part(self._nodes, self._pace))
        if part != self.sent:
            progress = self.progress
            if progress.state == "queued":
                progress = msgspec.structs.replace(progress, state="sent")
            await self._save(
                progress, part
            )  # before it leaves: what was sent must be known, to be sent again as it was
            if progress != self.progress:
                self.progress = msgspec.structs.replace(self.progress, state=progress.state)
                self._announce()
            self.sent, self._tries = part, 0
        await means.master.send(payload, topic)
        self._order_at, self._tries = now, self._tries + 1

    def _fitting(self, robot: Robot, part: Sent) -> tuple[bytes, str, Sent]:
        """The message of a part, or of less of it where that would be too long for the robot."""
        limit = BYTES_MAX if robot.facts is None else robot.facts.message_bytes or BYTES_MAX
        address = Address(robot.manufacturer, robot.serial)
        while True:
            route = route_of(self.mission, self._nodes, part, self._live.version)
            encoded = self._means.master.encoded_order(
                address, self._live.version, self.mission.order_id, part.update_id, route
            )
            smaller = halved(self._nodes, part)
            if len(encoded[0]) <= limit or part == self.sent or smaller == part:
                return *encoded, part
            part = smaller

    async def _send_cancel(self) -> None:
        robot = self._robot()
        self._cancel_id = new_action_id(self._means.now_ms())
        self._cancel_at = self._means.monotonic()
        action = instant("cancelOrder", self._cancel_id)
        await self._means.master.act(Address(robot.manufacturer, robot.serial), self._live.version, action)

    async def _ask(self, action: str, paused: bool) -> Progress:
        if self.progress.ended:
            raise MissionOver(f"the mission has ended: {self.progress.state}", state=self.progress.state)
        state = self._live.state
        if state is None or state.paused != paused or not self._live.in_touch:
            await ask(self._means.master, self._robot(), self._live, action, self._means.now_ms(), paused)
        deadline = self._means.monotonic() + SETTLE_S
        since = 0
        while (self.progress.state == "paused") != paused and not self.progress.ended:
            left_s = deadline - self._means.monotonic()
            if left_s <= 0:
                break
            since = await self._live.changed(since, min(left_s, 0.05))
        return self.progress

    def _timed(self, progress: Progress, before: Progress) -> Progress:
        now = self._means.clock.now()
        if before.started_at is None and progress.state in ("accepted", "running", "paused", "finished"):
            progress = msgspec.structs.replace(progress, started_at=now)
        if progress.ended:
            progress = msgspec.structs.replace(progress, ended_at=now)
        return progress

    async def _save(self, progress: Progress, sent: Sent | None) -> None:
        await to_the_end(self._means.records.put, progress, sent)
        self._saved, self._saved_at = progress, self._means.monotonic()

    def _announce(self) -> None:
        for watch in list(self._watches):
            try:
                watch(self.progress)
            except Exception:
                log.exception("a watch of mission %s failed", self.mission.id)

    def _tell(self, before: Progress, now: Progress) -> None:
        mission, tell = self.mission, self._means.teller.tell
        about = {"robot": mission.robot, "purpose": mission.purpose}
        if before.started_at is None and now.started_at is not None:
            tell(mission.site, "robots.mission.started", f"missions/{mission.id}", **about, waypoints=now.total)
        if now.ended:
            verb = "failed" if now.state in ("failed", "lost") else now.state
            facts = {"state": now.state, "reason": now.reason, "detail": now.detail, "reached": now.reached}
            tell(mission.site, f"robots.mission.{verb}", f"missions/{mission.id}", **about, **facts)


def _stage(progress: Progress) -> tuple[str, str, bool]:
    return progress.state, progress.reason, progress.cancelling
