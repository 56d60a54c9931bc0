"""Whether a robot can have driven from one position to the next."""

import math
from typing import NamedTuple

SPEED_MPS = 2.0
"""Of a robot that does not say how fast it is: more than cleaning robots drive (about 1 m/s)."""
TIMES = 2.0
NEAR_M = 1.0
"""Less than that is no jump, however short the time: positions are put right by so much when a robot sees a shelf."""


class Seen(NamedTuple):
    """A position, when the robot says it was there (None where it doesn't), and when we heard of it."""

    x: float
    y: float
    map_id: str
    stamped_ms: int | None
    heard_ms: int


def jumped_m(before: Seen, now: Seen, speed_mps: float | None) -> float | None:
    """How far it jumped, if it can't have driven there; inf to another map. It is given the longer of the two times
    that went by, by its clock and by ours: messages may come late and all at once, and clocks are put right."""
    if before.map_id != now.map_id:
        return math.inf
    far_m = math.hypot(now.x - before.x, now.y - before.y)
    if far_m <= NEAR_M:
        return None
    passed_ms = now.heard_ms - before.heard_ms
    if before.stamped_ms is not None and now.stamped_ms is not None:
        passed_ms = max(passed_ms, now.stamped_ms - before.stamped_ms)
    most_m = NEAR_M + TIMES * (speed_mps or SPEED_MPS) * max(passed_ms, 0) / 1000
    return far_m if far_m > most_m else None
