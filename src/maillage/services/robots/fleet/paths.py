"""Paths that robots may be sent along."""

import math
from collections.abc import Sequence

import msgspec

from maillage.kernel.errors import Invalid
from maillage.services.robots.model import Action, Facts, Waypoint

WAYPOINTS_MAX = 20_000
POSITION_MAX_M = 1e5
ACTIONS_MAX = 16
PARAMETERS_BYTES_MAX = 4_096
NAME_MAX = 64


def checked_path(path: Sequence[Waypoint], facts: Facts | None) -> tuple[Waypoint, ...]:
    """The path itself, or Invalid that names the waypoint and what is wrong with it."""
    if not 1 <= len(path) <= WAYPOINTS_MAX:
        raise Invalid("path", f"has {len(path):,} waypoints; 1 to {WAYPOINTS_MAX:,} work")
    for index, point in enumerate(path):
        problem = _misplaced(point)
        if problem:
            raise Invalid(f"path[{index}]", problem)
        most = min(ACTIONS_MAX, facts.node_actions if facts is not None and facts.node_actions else ACTIONS_MAX)
        if len(point.actions) > most:
            raise Invalid(f"path[{index}].actions", f"{len(point.actions)} actions; the robot takes {most} at a node")
        for number, action in enumerate(point.actions):
            problem = _undoable(action, facts)
            if problem:
                raise Invalid(f"path[{index}].actions[{number}]", problem)
    return tuple(path)


def _misplaced(point: Waypoint) -> str:
    for name in ("x", "y"):
        value = getattr(point, name)
        if not (math.isfinite(value) and abs(value) <= POSITION_MAX_M):
            return f"{name} is {value}; metres within {POSITION_MAX_M:,.0f} of the map's origin work"
    if point.theta is not None and not math.isfinite(point.theta):
        return f"theta is {point.theta}; it is in radians"
    if point.speed_mps is not None and not 0 < point.speed_mps <= 10:
        return f"speed_mps is {point.speed_mps}; more than 0 and at most 10 works"
    if point.within_m is not None and not 0 <= point.within_m <= 100:
        return f"within_m is {point.within_m}; 0 to 100 works"
    return "" if 1 <= len(point.map_id) <= NAME_MAX else f"map_id has 1 to {NAME_MAX} characters"


def _undoable(action: Action, facts: Facts | None) -> str:
    if not 1 <= len(action.type) <= NAME_MAX:
        return f"an action's type has 1 to {NAME_MAX} characters"
    if facts is not None and not facts.knows(action.type, "NODE"):
        known = sorted(known.type for known in facts.actions or () if facts.knows(known.type, "NODE"))
        return (
            f"the robot does not know {action.type!r}; its factsheet has {', '.join(known)[:400] or 'none'} for nodes"
        )
    if any(value is None for value in action.parameters.values()):
        return "a parameter is null, which VDA 5050 does not have; leave it out"
    try:
        size = len(msgspec.json.encode(action.parameters))
    except (TypeError, ValueError, RecursionError) as fault:
        return f"its parameters are no JSON: {fault}"
    return "" if size <= PARAMETERS_BYTES_MAX else f"its parameters are over {PARAMETERS_BYTES_MAX:,} bytes of JSON"
