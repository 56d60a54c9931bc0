"""What the parts of robots need of each other and of the outside."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from maillage.services.robots.model import Mission, Progress, Robot, TrackPoint, Waypoint

Watch = Callable[[Progress], None]
"""Is told of each change: a waypoint reached, an action's status, a state. Called within the loop: it must not wait."""
Stop = Callable[[], None]


class Missions(Protocol):
    """Sends robots along paths. A robot has one mission at a time. Missions outlive this process: the robot drives on
    while it is away, and the next one takes them up where the robot says it is."""

    async def start(
        self, robot_id: str, path: Sequence[Waypoint], purpose: str = "", on_progress: Watch | None = None
    ) -> Mission:
        """Send a robot along a path of 1 to 20,000 waypoints. Kept when it returns, with its order on the way; what
        comes of it is told to ``on_progress``.

        The robot drives straight from waypoint to waypoint, and straight from where it stands to the first. NotFound
        without such a robot, Invalid for a path that can't be driven (what is not finite, a map that is not the one
        that the robot is on, an action that its factsheet does not have), RobotBusy while it has a mission or
        somebody else's order, RobotUnfit while it is out of reach, not AUTOMATIC or SEMIAUTOMATIC, or does not know
        where it is."""
        ...

    async def pause(self, mission_id: str) -> Progress:
        """Have the robot stop where it is; returns once it says that it did. Nothing happens where it stands paused
        already. NotFound, MissionOver where it has ended, RobotUnfit where the robot does not answer or refuses."""
        ...

    async def resume(self, mission_id: str) -> Progress:
        """Have it go on, also where a person paused it at the robot itself."""
        ...

    async def cancel(self, mission_id: str) -> Progress:
        """Call it off: the robot finishes or breaks off what it is at and forgets the rest. Returns at once; the state
        is ``cancelled`` once the robot confirms, which is asked for again until it does. A mission that ended stays as
        it is."""
        ...

    async def find(self, mission_id: str) -> tuple[Mission, Progress]:
        """NotFound without one. Those that ended are kept for some time (see ``MissionRecords.forget``)."""
        ...

    def progress(self, mission_id: str) -> Progress | None:
        """Of one that has not ended, or did so a moment ago; without waiting."""
        ...

    def of_robot(self, robot_id: str) -> Mission | None:
        """The mission that the robot has now."""
        ...

    def watch(self, mission_id: str, on_progress: Watch) -> Stop:
        """Be told from now on, as after a restart; returns what ends it. NotFound where it is no mission that goes on;
        look at ``find`` then."""
        ...

    async def track(self, mission_id: str) -> list[TrackPoint]:
        """All that is known of where the robot was on this mission, in order of time. Points are some centimetres
        apart at the nearest; what was driven while this process was down is missing."""
        ...


class Sent(msgspec.Struct, frozen=True):
    """Which nodes the last order message held, counted from 0 with the approach: from ``first`` to the last that is
    released, ``base``, and ``horizon`` of them behind it. The same figures give the same message, so that it can be
    sent again."""

    update_id: int
    first: int
    base: int
    horizon: int


class MissionRow(msgspec.Struct, frozen=True):
    """A mission as it is kept: what it is, how far it was, and what of its path the robot was sent last."""

    mission: Mission
    progress: Progress
    sent: Sent | None = None


class RobotRecords(Protocol):
    """Where robots are kept. Calls block; what returned is durable."""

    def add(self, robot: Robot) -> None:
        """AlreadyExists where the id, or manufacturer and serial together, are taken."""
        ...

    def put(self, robot: Robot) -> bool:
        """Replace; False where there is none of that id. AlreadyExists like ``add``."""
        ...

    def drop(self, robot_id: str) -> bool:
        """Forget it with its missions; whether it was there."""
        ...

    def all(self) -> list[Robot]:
        """The oldest first."""
        ...


class MissionRecords(Protocol):
    """Where missions are kept. Calls block; what returned is durable."""

    def add(self, row: MissionRow) -> None: ...

    def put(self, progress: Progress, sent: Sent | None) -> bool:
        """How far it is now; False where there is no such mission."""
        ...

    def get(self, mission_id: str) -> MissionRow | None: ...

    def unfinished(self) -> list[MissionRow]:
        """Those that have not ended, the oldest first."""
        ...

    def of_robot(self, robot_id: str, before: str | None, limit: int) -> list[MissionRow]:
        """The newest first, those older than the mission ``before``. Their paths are left empty."""
        ...

    def add_track(self, mission_id: str, points: Sequence[TrackPoint]) -> None:
        """Append."""
        ...

    def track(self, mission_id: str) -> list[TrackPoint]: ...

    def forget(self, before: int) -> int:
        """Drop missions that ended before an instant, with their tracks; how many."""
        ...
