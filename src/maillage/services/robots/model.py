"""The nouns of robots: robots, what they say they can do, the paths they are sent along, and missions."""

from typing import Any, Literal, NamedTuple

import msgspec

BlockingType = Literal["NONE", "SOFT", "HARD"]
"""How an action goes with driving and with others, in the words of VDA 5050: beside both, while standing, alone."""
ActionStatus = Literal["WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED", "FAILED"]
MissionState = Literal["queued", "sent", "accepted", "running", "paused", "finished", "failed", "cancelled", "lost"]
"""``queued`` is kept here and not with the robot yet; ``sent`` was not answered yet; ``accepted`` stands in the robot's
state; then it drives, or stands paused. The last four are ends: nothing comes after them."""
ENDED: frozenset[MissionState] = frozenset(("finished", "failed", "cancelled", "lost"))
MissionReason = Literal[
    "",
    "rejected",
    "update_rejected",
    "no_answer",
    "action_failed",
    "taken_over",
    "order_dropped",
    "other_order",
    "out_of_touch",
]
"""Why a mission failed or was lost: the robot refused the order or an update of it, never answered, failed at an
action, was taken over by a person (MANUAL, SERVICE, TEACHIN), came back without the order, follows somebody else's, or
could not be heard any more."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a robot does at a waypoint. ``parameters`` are whatever JSON the robot knows under these keys.
    Where one that is ``required`` fails, the mission does; another is only reported."""

    type: str
    parameters: dict[str, Any] = {}
    blocking: BlockingType = "HARD"
    required: bool = True


class Waypoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point that a robot drives through, in metres on the map ``map_id``; ``theta`` is in radians against the map's
    x axis, None where the robot may come as it likes. ``actions`` are done there, in this order. ``speed_mps`` bounds
    how fast it drives on the way here; ``within_m`` is how near it has to come, None for its own tolerance."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    actions: tuple[Action, ...] = ()
    speed_mps: float | None = None
    within_m: float | None = None


class Pose(msgspec.Struct, frozen=True):
    """Where something stands, in metres and radians on a map."""

    x: float
    y: float
    theta: float
    map_id: str


class KnownAction(msgspec.Struct, frozen=True):
    """An action that a robot says it knows, and where it may be asked for: INSTANT, NODE, EDGE."""

    type: str
    scopes: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a robot's factsheet says of it; None, or 0 for a limit, where it says nothing. ``actions`` None means that
    any may be tried. ``id_chars``, ``nodes``, ``node_actions`` and ``message_bytes`` are the most it takes,
    ``order_interval_s`` the least time between two orders."""

    version: str = ""
    series: str = ""
    width_m: float | None = None
    length_m: float | None = None
    speed_mps: float | None = None
    actions: tuple[KnownAction, ...] | None = None
    id_chars: int = 0
    nodes: int = 0
    node_actions: int = 0
    message_bytes: int = 0
    order_interval_s: float = 0.0

    def knows(self, action: str, scope: str) -> bool:
        """Whether it may be asked for, as far as is known."""
        if self.actions is None:
            return True
        return any(known.type == action and (scope in known.scopes or not known.scopes) for known in self.actions)


class Robot(msgspec.Struct, frozen=True, kw_only=True):
    """A robot of a store. ``manufacturer`` and ``serial`` are its names in MQTT topics, and no two robots share both.
    ``clean_width_m`` is how wide it cleans, None for one that does not; ``dock`` is where it charges."""

    id: str
    site: str
    name: str
    manufacturer: str
    serial: str
    created_at: int
    clean_width_m: float | None = None
    dock: Pose | None = None
    facts: Facts | None = None

    @property
    def speed_mps(self) -> float | None:
        return None if self.facts is None else self.facts.speed_mps


class Mission(msgspec.Struct, frozen=True, kw_only=True):
    """A path that a robot was sent along: what does not change of it. ``purpose`` is a short text for people;
    ``order_id`` its order's id. ``approach`` is where the robot stood, if that was not at the first waypoint: its order
    begins there."""

    id: str
    robot: str
    site: str
    order_id: str
    path: tuple[Waypoint, ...]
    created_at: int
    purpose: str = ""
    approach: Pose | None = None


class ActionProgress(msgspec.Struct, frozen=True):
    """How an action does: the ``number``-th (from 0) of the waypoint ``index`` (from 0)."""

    index: int
    number: int
    type: str
    status: ActionStatus
    result: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mission is. ``reached`` is the last waypoint that the robot was at, by its index from 0, -1 before the
    first, ``total`` how many there are. ``cancelling`` says that it was called off and the robot has not confirmed yet,
    ``in_touch`` whether the robot can be heard. ``detail`` is for people. Instants are seconds UTC."""

    mission: str
    state: MissionState = "queued"
    reason: MissionReason = ""
    detail: str = ""
    reached: int = -1
    total: int = 0
    actions: tuple[ActionProgress, ...] = ()
    cancelling: bool = False
    in_touch: bool = True
    started_at: int | None = None
    ended_at: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class TrackPoint(NamedTuple):
    """Where a robot was: at ``at_ms`` (milliseconds UTC, when we heard), in metres and radians on a map. ``reached`` is
    the waypoint that it had reached by then (see Progress). ``jump`` says that it can't have driven here from the point
    before: the way between is not to be counted as driven."""

    at_ms: int
    x: float
    y: float
    theta: float
    map_id: str
    reached: int
    jump: bool = False
