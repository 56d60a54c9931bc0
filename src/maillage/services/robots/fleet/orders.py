"""Missions as orders of VDA 5050.

All ids are digits: some robots take no others (``idNumericalOnly``). Sequence ids and node ids follow from a node's
place in the path, so that the same part of a mission always gives the same message.
"""

import math
import secrets
from typing import NamedTuple

from maillage.services.robots.model import Action, ActionProgress, BlockingType, Mission, Waypoint
from maillage.services.robots.ports import Sent
from maillage.services.robots.vda5050 import order as wire
from maillage.services.robots.vda5050.header import Version
from maillage.services.robots.vda5050.state import State

ID_CHARS = 23
"""The longest id that is made here, that of an action."""
_ORDER_DIGITS, _SEQUENCE_DIGITS = 16, 5


class Route(NamedTuple):
    """The nodes and edges of one order message."""

    nodes: tuple[wire.Node, ...]
    edges: tuple[wire.Edge, ...]


def new_order_id(at_ms: int) -> str:
    """One that no order had."""
    return f"{at_ms % 10**13:013d}{secrets.randbelow(1000):03d}"


def new_action_id(at_ms: int) -> str:
    """Of an instant action."""
    return f"9{at_ms % 10**13:013d}{secrets.randbelow(10**6):06d}"


def action_id(order_id: str, node: int, number: int) -> str:
    """Of the ``number``-th action at a node."""
    return f"{order_id}{2 * node:0{_SEQUENCE_DIGITS}d}{number:02d}"


def route_of(mission: Mission, nodes: tuple[Waypoint, ...], sent: Sent, version: Version) -> Route:
    """What an order message says of a part of a mission. The first node of an update has no actions: those that it has
    came with the update before."""
    last = sent.base + sent.horizon
    found = tuple(
        wire.Node(
            node_id=str(index),
            sequence_id=2 * index,
            released=index <= sent.base,
            node_position=_position(nodes[index], version),
            actions=() if sent.update_id and index == sent.first else _actions(mission, index, nodes[index].actions),
        )
        for index in range(sent.first, last + 1)
    )
    edges = tuple(
        wire.Edge(
            edge_id=str(2 * index - 1),
            sequence_id=2 * index - 1,
            released=index <= sent.base,
            start_node_id=str(index - 1),
            end_node_id=str(index),
            actions=(),
            max_speed=nodes[index].speed_mps,
        )
        for index in range(sent.first + 1, last + 1)
    )
    return Route(found, edges)


def instant(action_type: str, action_id: str, **parameters: object) -> wire.Action:
    """An action to be done at once: beside all else, since none may wait for what the robot is at just now. Only where
    the robot is told where it stands it has to stand."""
    listed = tuple(wire.ActionParameter(key, value) for key, value in parameters.items())
    blocking: BlockingType = (
        "HARD" if action_type in ("startPause", "stopPause", "cancelOrder", "initPosition") else "NONE"
    )
    return wire.Action(
        action_type=action_type,
        action_id=action_id,
        blocking_type=blocking,
        action_parameters=listed,
    )


def reached_node(state: State) -> int:
    """The last node of its order that a robot has reached, -1 before the first. The states of the nodes are asked as
    well: a robot that has just taken an order may still name the last node of the one before."""
    by_name = state.last_node_sequence_id // 2
    if not state.node_states:
        return by_name
    return min(by_name, min(node.sequence_id for node in state.node_states) // 2 - 1)


def actions_done(mission: Mission, state: State, known: tuple[ActionProgress, ...]) -> tuple[ActionProgress, ...]:
    """How the mission's actions do: what the state says, and what former ones said of those that it leaves out."""
    offset = 0 if mission.approach is None else 1
    found = {(each.index, each.number): each for each in known}
    for each in state.action_states:
        digits = each.action_id.removeprefix(mission.order_id)
        if len(digits) != _SEQUENCE_DIGITS + 2 or not digits.isdecimal() or len(each.action_id) != ID_CHARS:
            continue
        index, number = int(digits[:_SEQUENCE_DIGITS]) // 2 - offset, int(digits[_SEQUENCE_DIGITS:])
        if 0 <= index < len(mission.path) and number < len(mission.path[index].actions):
            action = mission.path[index].actions[number]
            result = each.result_description[:200]
            found[index, number] = ActionProgress(index, number, action.type, each.action_status, result)
    return tuple(found[place] for place in sorted(found))


def _position(point: Waypoint, version: Version) -> wire.NodePosition | wire.NodePosition20:
    kind = wire.NodePosition20 if version == "2.0.0" else wire.NodePosition
    theta = None if point.theta is None else math.remainder(point.theta, math.tau)
    return kind(x=point.x, y=point.y, map_id=point.map_id, theta=theta, allowed_deviation_xy=point.within_m)


def _actions(mission: Mission, node: int, actions: tuple[Action, ...]) -> tuple[wire.Action, ...]:
    return tuple(
        wire.Action(
            action_type=action.type,
            action_id=action_id(mission.order_id, node, number),
            blocking_type=action.blocking,
            action_parameters=tuple(wire.ActionParameter(key, value) for key, value in action.parameters.items()),
        )
        for number, action in enumerate(actions)
    )
