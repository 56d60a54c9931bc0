"""State, connection, visualization (VDA 5050, sections 6.10 to 6.14): what a robot says of itself.

Members that nothing here rests on are not read, so that a robot that gets them wrong is none the worse for it.
"""

from typing import Literal

import msgspec

from maillage.services.robots.model import ActionStatus
from maillage.services.robots.vda5050.header import Header

ConnectionState = Literal["ONLINE", "OFFLINE", "CONNECTIONBROKEN"]
OperatingMode = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL", "SERVICE", "TEACHIN"]
DRIVABLE: frozenset[OperatingMode] = frozenset(("AUTOMATIC", "SEMIAUTOMATIC"))
"""Modes in which a robot takes orders."""


class Connection(Header, frozen=True, kw_only=True, rename="camel"):
    """Retained; CONNECTIONBROKEN is the robot's last will."""

    connection_state: ConnectionState


class AgvPosition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """In metres and radians on a map. ``position_initialized`` False: the robot does not know where it is."""

    x: float
    y: float
    map_id: str
    theta: float = 0.0
    position_initialized: bool = True
    localization_score: float | None = None


class NodeState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node that is still to be reached."""

    node_id: str
    sequence_id: int
    released: bool


class EdgeState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An edge that is still to be driven."""

    edge_id: str
    sequence_id: int
    released: bool


class ActionState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How an action does. PAUSED is in the standard's text, though not in its schema."""

    action_id: str
    action_status: ActionStatus
    action_type: str = ""
    result_description: str = ""


class BatteryState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``battery_charge`` in percent."""

    battery_charge: float
    charging: bool


class ErrorReference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an error is about: ``orderId``, ``actionId``, ..."""

    reference_key: str
    reference_value: str


class RobotError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """``error_level`` is WARNING, or FATAL where a person has to come."""

    error_type: str
    error_level: str
    error_description: str = ""
    error_references: tuple[ErrorReference, ...] = ()

    def about(self, key: str) -> str | None:
        """The value of a reference."""
        return next((each.reference_value for each in self.error_references if each.reference_key == key), None)


class SafetyState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``e_stop``: AUTOACK, MANUAL, REMOTE or NONE."""

    e_stop: str
    field_violation: bool


class State(Header, frozen=True, kw_only=True, rename="camel"):
    """All of a robot's state, sent on events and at least every 30 s. The battery, the errors and safety should be
    there and are not insisted on; where it is with its order has to be."""

    order_id: str
    order_update_id: int
    last_node_id: str
    last_node_sequence_id: int
    node_states: tuple[NodeState, ...]
    edge_states: tuple[EdgeState, ...]
    driving: bool
    action_states: tuple[ActionState, ...]
    operating_mode: OperatingMode
    battery_state: BatteryState | None = None
    errors: tuple[RobotError, ...] = ()
    safety_state: SafetyState | None = None
    agv_position: AgvPosition | None = None
    paused: bool = False
    new_base_request: bool = False


class Visualization(Header, frozen=True, kw_only=True, rename="camel"):
    """A position, more often than the state comes."""

    agv_position: AgvPosition | None = None
