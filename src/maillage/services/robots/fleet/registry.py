"""The robots of the stores, in memory over records that keep them."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import msgspec

from maillage.kernel.errors import AlreadyExists, Invalid, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.robots.model import Facts, Robot
from maillage.services.robots.ports import RobotRecords
from maillage.services.robots.vda5050.topics import Address, checked_name

ROBOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NAME_MAX = 200
WIDTH_MAX_M = 10.0

Count = Callable[[str, int], Awaitable[None]]
"""Is given a site and how many robots it has from now on, so that so many can be leased. What it refuses is not
done."""


class Registry:
    """``has_site`` says whether there is such a site. ``load`` first."""

    def __init__(self, records: RobotRecords, has_site: Callable[[str], bool], count: Count | None) -> None:
        self._records = records
        self._has_site = has_site
        self._count = count
        self._robots: dict[str, Robot] = {}
        self._of: dict[Address, str] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """What a process before this one left."""
        for robot in await to_the_end(self._records.all):
            self._enter(robot)

    def all(self) -> list[Robot]:
        """The oldest first."""
        return list(self._robots.values())

    def get(self, robot_id: str) -> Robot:
        """NotFound without it."""
        robot = self._robots.get(robot_id)
        if robot is None:
            raise NotFound(f"there is no robot {robot_id[:64]!r}")
        return robot

    def at(self, address: Address) -> Robot | None:
        found = self._of.get(address)
        return None if found is None else self._robots[found]

    async def add(self, robot: Robot) -> None:
        """Invalid, NotFound without its site, AlreadyExists where its id or its names are taken."""
        checked_robot(robot)
        async with self._changing:
            if not self._has_site(robot.site):
                raise NotFound(f"the chain has no site {robot.site[:64]!r}")
            if robot.id in self._robots:
                raise AlreadyExists(f"there is a robot {robot.id} already")
            other = self.at(Address(robot.manufacturer, robot.serial))
            if other is not None:
                names = f"{robot.manufacturer}/{robot.serial}"
                raise AlreadyExists(f"{names} is the robot {other.id} of {other.site} already", robot=other.id)
            await to_the_end(self._records.add, robot)
            try:
                await self._tell_count(robot.site, 1)
            except BaseException:
                await to_the_end(self._records.drop, robot.id)
                raise
            self._enter(robot)

    async def put(self, robot: Robot) -> None:
        """Replace what is known of a robot, at the same site and under the same names."""
        checked_robot(robot)
        async with self._changing:
            self.get(robot.id)
            if not await to_the_end(self._records.put, robot):
                raise NotFound(f"there is no robot {robot.id} any more")
            self._robots[robot.id] = robot

    async def learn(self, robot_id: str, facts: Facts) -> None:
        """What a robot says of itself."""
        async with self._changing:
            known = self._robots.get(robot_id)
            if known is not None and known.facts != facts:
                robot = msgspec.structs.replace(known, facts=facts)
                await to_the_end(self._records.put, robot)
                self._robots[robot_id] = robot

    async def drop(self, robot_id: str) -> Robot:
        """Forget it, with its missions."""
        async with self._changing:
            robot = self.get(robot_id)
            await self._tell_count(robot.site, -1)
            await to_the_end(self._records.drop, robot_id)
            del self._robots[robot_id], self._of[Address(robot.manufacturer, robot.serial)]
            return robot

    async def _tell_count(self, site: str, change: int) -> None:
        if self._count is not None:
            await self._count(site, sum(robot.site == site for robot in self._robots.values()) + change)

    def _enter(self, robot: Robot) -> None:
        self._robots[robot.id] = robot
        self._of[Address(robot.manufacturer, robot.serial)] = robot.id


def checked_robot(robot: Robot) -> Robot:
    """The robot itself, or Invalid naming the field that is wrong."""
    if not ROBOT_ID.fullmatch(robot.id):
        raise Invalid("id", f"{robot.id[:40]!r}: a robot's id is 1 to 64 of A-Z, a-z, 0-9, _ and -")
    if not 1 <= len(robot.name) <= NAME_MAX:
        raise Invalid("name", f"a robot's name has 1 to {NAME_MAX} characters")
    checked_name(robot.manufacturer, "manufacturer")
    checked_name(robot.serial, "serial")
    if robot.clean_width_m is not None and not 0 < robot.clean_width_m <= WIDTH_MAX_M:
        raise Invalid("clean_width_m", f"{robot.clean_width_m} m; more than 0 and at most {WIDTH_MAX_M:g} works")
    return robot
