"""Keeping in touch with robots: noticing who is gone and who is back, asking who says too little, and calling back who
drives for a mission that is over."""

import math
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from maillage.devices.line import Unreachable
from maillage.services.robots.fleet.live import Live
from maillage.services.robots.fleet.master import MasterControl
from maillage.services.robots.fleet.missions import MissionControl
from maillage.services.robots.fleet.orders import instant, new_action_id
from maillage.services.robots.fleet.telling import Teller
from maillage.services.robots.model import Robot
from maillage.services.robots.vda5050.topics import Address

AGAIN_S = 10.0
ASKED_MAX = 3
"""Times that a robot is asked for its state or its factsheet without an answer."""


class Contact:
    """``look`` at each robot about once a second, and whenever it said something."""

    def __init__(
        self,
        master: MasterControl,
        teller: Teller,
        missions: MissionControl,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._master = master
        self._teller = teller
        self._missions = missions
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._in_touch: dict[str, bool] = {}
        self._lost: set[str] = set()
        self._asked_at: dict[tuple[str, str], float] = defaultdict(lambda: -math.inf)
        self._asked: dict[tuple[str, str], int] = defaultdict(int)

    def look(self, robot: Robot, live: Live) -> Iterator[Coroutine[Any, Any, None]]:
        """Tell what changed; what is to be sent is left to the caller to run."""
        if not self._master.connected:
            live.hold()
            return
        self._tell_touch(robot, live)
        if live.reach in ("unknown", "offline", "broken"):
            return
        if live.state is None:
            yield from self._ask(robot, live, "stateRequest")
        if robot.facts is None:
            yield from self._ask(robot, live, "factsheetRequest")
        order, mission = live.order_under_way, self._missions.of_robot(robot.id)
        astray = order is not None and (mission is None or mission.order_id != order)
        if order is not None and astray and live.in_touch and self._may(robot.id, order):
            yield self._call_back(robot, live, order)

    def forget(self, robot_id: str) -> None:
        """There is no such robot any more."""
        self._in_touch.pop(robot_id, None)
        self._lost.discard(robot_id)
        for known in (self._asked_at, self._asked):
            for key in [key for key in known if key[0] == robot_id]:
                del known[key]

    def errors(self, robot: Robot, live: Live) -> None:
        """Tell of the errors that it has; of each once in a while."""
        for error in () if live.state is None else live.state.errors:
            self._teller.tell_fault(
                robot.site,
                robot.id,
                error.error_type[:100],
                level=error.error_level[:20],
                description=error.error_description[:300],
                references={
                    each.reference_key[:64]: each.reference_value[:100] for each in error.error_references[:10]
                },
            )

    def jumped(self, robot: Robot, jump_m: float) -> None:
        """It can't have driven to where it says it is."""
        if math.isinf(jump_m):
            told = "it is on another map all at once"
        else:
            told = (
                f"it is {10 * math.ceil(jump_m / 10)} m or less away from where it was, sooner than it can drive there"
            )
        self._teller.tell_fault(robot.site, robot.id, "positionJump", description=told)

    def _tell_touch(self, robot: Robot, live: Live) -> None:
        before, now = self._in_touch.get(robot.id), live.in_touch
        self._in_touch[robot.id] = now
        if before and not now:
            self._lost.add(robot.id)
            mission = self._missions.of_robot(robot.id)
            about = {"reach": live.reach, "mission": None if mission is None else mission.id}
            self._teller.tell(robot.site, "robots.connection.lost", f"robots/{robot.id}", **about)
            live.wake()
        elif now and robot.id in self._lost:
            self._lost.discard(robot.id)
            self._teller.tell(robot.site, "robots.connection.back", f"robots/{robot.id}")
            live.wake()
        if now and not before:
            self._asked.pop((robot.id, "factsheetRequest"), None)

    def _ask(self, robot: Robot, live: Live, what: str) -> Iterator[Coroutine[Any, Any, None]]:
        if self._asked[robot.id, what] < ASKED_MAX and self._may(robot.id, what):
            self._asked[robot.id, what] += 1
            yield self._act(robot, live, what)

    def _may(self, robot_id: str, what: str) -> bool:
        now = self._monotonic()
        if now - self._asked_at[robot_id, what] < AGAIN_S:
            return False
        self._asked_at[robot_id, what] = now
        return True

    async def _call_back(self, robot: Robot, live: Live, order: str) -> None:
        if await self._missions.is_over(robot.id, order):
            await self._act(robot, live, "cancelOrder")

    async def _act(self, robot: Robot, live: Live, what: str) -> None:
        action = instant(what, new_action_id(self._now_ms()))
        try:
            await self._master.act(Address(robot.manufacturer, robot.serial), live.version, action)
        except Unreachable:
            self._asked[robot.id, what] -= 1
