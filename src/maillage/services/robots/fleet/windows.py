"""Which part of a mission's path the robot is sent when.

A path may have thousands of nodes, and a robot may take some dozens at once. So it gets a base to drive, a horizon
behind it to plan with, and more of both as it advances: an update of the same order that starts at the last node of the
base (VDA 5050, 6.6.2). A base never changes. Updates start at nodes without actions as far as possible, since robots
differ in what they make of actions that come twice.
"""

from typing import NamedTuple

from maillage.services.robots.model import Facts, Mission, Waypoint
from maillage.services.robots.ports import Sent

BYTES_MAX = 256 << 10
"""Of an order message where the robot names no limit: what MQTT brokers and small controllers take without effort."""
ACTIONS_SEARCHED = 40
"""How far ahead of where a base should end a node without actions is looked for."""


class Pace(NamedTuple):
    """Nodes: how many are released ahead of the robot, how many more it is shown, and at how few left it gets more."""

    base: int = 60
    horizon: int = 20
    refill: int = 30


def nodes_of(mission: Mission) -> tuple[Waypoint, ...]:
    """The nodes of its order, in order: the path, and before it where the robot stood if that was elsewhere."""
    if mission.approach is None:
        return mission.path
    stood = mission.approach
    return (Waypoint(x=stood.x, y=stood.y, map_id=stood.map_id, within_m=1.0), *mission.path)


def pace_for(facts: Facts | None, pace: Pace) -> Pace:
    """A pace that a robot of these facts can take."""
    most = 0 if facts is None else facts.nodes
    if not most or most >= pace.base + pace.horizon:
        return pace
    base = max(2, most * 3 // 4)
    return Pace(base, max(0, most - base), max(1, base // 2))


def first_part(nodes: tuple[Waypoint, ...], pace: Pace) -> Sent:
    """What a new order begins with."""
    return _part(nodes, 0, 0, pace)


def next_part(nodes: tuple[Waypoint, ...], sent: Sent, reached: int, asked: bool, pace: Pace) -> Sent | None:
    """What is to be sent when the node ``reached`` was reached (-1 before the first), None where nothing is yet.
    ``asked`` is the robot's own request for a base."""
    if sent.base == len(nodes) - 1 or (sent.base - reached > pace.refill and not asked):
        return None
    return _part(nodes, sent.update_id + 1, sent.base, pace)


def halved(nodes: tuple[Waypoint, ...], part: Sent) -> Sent:
    """Less of a part; the same where there is no less: a base needs a node beyond the one that it starts at."""
    if part.horizon:
        return Sent(part.update_id, part.first, part.base, part.horizon // 2)
    base = part.first + max(1, (part.base - part.first) // 2)
    return part if base >= part.base else Sent(part.update_id, part.first, _without_actions(nodes, part.first, base), 0)


def _part(nodes: tuple[Waypoint, ...], update_id: int, first: int, pace: Pace) -> Sent:
    last = len(nodes) - 1
    base = min(first + pace.base - 1, last)
    if base < last:
        base = _without_actions(nodes, first, base)
    return Sent(update_id, first, base, min(pace.horizon, last - base))


def _without_actions(nodes: tuple[Waypoint, ...], first: int, wanted: int) -> int:
    """A node without actions near the one where a base should end: before it if there is one, else after it."""
    for index in range(wanted, first, -1):
        if not nodes[index].actions:
            return index
    for index in range(wanted + 1, min(wanted + ACTIONS_SEARCHED, len(nodes))):
        if not nodes[index].actions:
            return index
    return wanted
