"""Robots and missions as they come in and go out."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.documents import ShortText
from maillage.services.robots.fleet.live import Reach
from maillage.services.robots.fleet.paths import ACTIONS_MAX, WAYPOINTS_MAX
from maillage.services.robots.model import (
    Action,
    ActionProgress,
    BlockingType,
    Facts,
    MissionReason,
    MissionState,
    Pose,
    Robot,
    Waypoint,
)

Metres = Annotated[float, Meta(ge=-100_000, le=100_000)]
Radians = Annotated[float, Meta(ge=-6.2832, le=6.2832)]
Width = Annotated[float, Meta(gt=0, le=10)]
LongText = Annotated[str, Meta(max_length=200)]


class PoseDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where something stands, in metres and radians on a map."""

    x: Metres
    y: Metres
    map: ShortText
    theta: Radians = 0.0

    def pose(self) -> Pose:
        return Pose(self.x, self.y, self.theta, self.map)


class NewRobot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A robot to be registered. ``manufacturer`` and ``serial`` are its names in MQTT topics; ``clean_width_m`` is how
    wide it cleans, null for one that does not; ``dock`` is where it charges."""

    id: ShortText
    site: ShortText
    manufacturer: ShortText
    serial: ShortText
    name: LongText | None = None
    clean_width_m: Width | None = None
    dock: PoseDocument | None = None

    def robot(self) -> Robot:
        return Robot(
            id=self.id,
            site=self.site,
            name=self.name or self.id,
            manufacturer=self.manufacturer,
            serial=self.serial,
            created_at=0,
            clean_width_m=self.clean_width_m,
            dock=None if self.dock is None else self.dock.pose(),
        )


class RobotChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people decide of a robot; all of it is replaced."""

    name: LongText
    clean_width_m: Width | None = None
    dock: PoseDocument | None = None


class PlaceDocument(PoseDocument, frozen=True, forbid_unknown_fields=True):
    """Where a robot stands. ``node`` is the node there, for robots that know a map of nodes."""

    node: ShortText = ""


class ActionDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be done at a waypoint."""

    type: ShortText
    parameters: dict[ShortText, Any] = {}
    blocking: BlockingType = "HARD"
    required: bool = True


class WaypointDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point to drive through."""

    x: Metres
    y: Metres
    map: ShortText
    theta: Radians | None = None
    speed_mps: Annotated[float, Meta(gt=0, le=10)] | None = None
    within_m: Annotated[float, Meta(ge=0, le=100)] | None = None
    actions: Annotated[list[ActionDocument], Meta(max_length=ACTIONS_MAX)] = []

    def waypoint(self) -> Waypoint:
        actions = tuple(
            Action(type=each.type, parameters=each.parameters, blocking=each.blocking, required=each.required)
            for each in self.actions
        )
        return Waypoint(
            x=self.x,
            y=self.y,
            map_id=self.map,
            theta=self.theta,
            speed_mps=self.speed_mps,
            within_m=self.within_m,
            actions=actions,
        )


class NewMission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A path to send a robot along."""

    path: Annotated[list[WaypointDocument], Meta(min_length=1, max_length=WAYPOINTS_MAX)]
    purpose: LongText = ""


class MissionDocument(msgspec.Struct, frozen=True):
    """A mission and how far it is. ``reached`` is the last waypoint that the robot was at, from 0, -1 before the
    first; ``waypoints`` how many there are. ``reason`` is a short word for why it failed or was lost."""

    id: str
    robot: str
    site: str
    purpose: str
    state: MissionState
    reason: MissionReason | None
    detail: str | None
    waypoints: int
    reached: int
    actions: list[ActionProgress]
    cancelling: bool
    in_touch: bool
    created_at: str
    started_at: str | None
    ended_at: str | None


class MissionDocuments(msgspec.Struct, frozen=True):
    """A page of missions, the newest first."""

    items: list[MissionDocument]
    next: str | None


class TrackPointDocument(msgspec.Struct, frozen=True):
    """Where the robot was. ``jump``: it can't have driven here from the point before."""

    at: str
    x: float
    y: float
    theta: float
    map: str
    reached: int
    jump: bool


class TrackDocument(msgspec.Struct, frozen=True):
    """All points that are known, in order of time."""

    items: list[TrackPointDocument]


class ErrorDocument(msgspec.Struct, frozen=True):
    """An error that a robot reports. FATAL: a person has to come."""

    type: str
    level: str
    description: str


class OrderDocument(msgspec.Struct, frozen=True):
    """The order in a robot's state, and the nodes that are still to be driven."""

    id: str
    update: int
    last_node: str
    last_sequence: int
    nodes_left: int


class ViolationsDocument(msgspec.Struct, frozen=True):
    """Messages that were not as VDA 5050 says: how many since this process began, and what was wrong with the last."""

    count: int
    last: str


class RobotDocument(msgspec.Struct, frozen=True):
    """A robot and how it does, as far as it said so since this process began. ``battery`` is in percent."""

    id: str
    site: str
    name: str
    manufacturer: str
    serial: str
    clean_width_m: float | None
    dock: PoseDocument | None
    created_at: str
    facts: Facts | None
    connection: Reach
    version: str | None
    last_seen: str | None
    mode: str | None
    position: PoseDocument | None
    driving: bool | None
    paused: bool | None
    battery: float | None
    charging: bool | None
    e_stop: str | None
    errors: list[ErrorDocument]
    order: OrderDocument | None
    mission: MissionDocument | None
    violations: ViolationsDocument | None


class StrangerDocument(msgspec.Struct, frozen=True):
    """A robot that speaks on the broker and is not registered."""

    manufacturer: str
    serial: str
    version: str
    last_seen: str
    violation: str | None


class RobotDocuments(msgspec.Struct, frozen=True):
    """Robots, the oldest first, and those that could be registered."""

    items: list[RobotDocument]
    next: str | None
    unregistered: list[StrangerDocument]


class MovedDocument(msgspec.Struct, frozen=True):
    """What was done. ``mission`` is null for a robot that is on none."""

    robot: str
    done: Literal["paused", "resumed", "cancelling"]
    mission: MissionDocument | None
