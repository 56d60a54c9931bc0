"""Advice: what early warning has to say."""

from enum import StrEnum
from typing import NamedTuple


class AdviceKind(StrEnum):
    """What it looks like. One temperature can't name the part that broke: the text says where to look first."""

    SLOW_WARMING = "slow_warming"
    WEAK_COOLING = "weak_cooling"
    FROST = "frost"
    DOOR_AJAR = "door_ajar"
    FAN = "fan"
    DRIFT = "drift"
    STUCK = "stuck"
    SILENT = "silent"


class Advice(NamedTuple):
    """One piece of advice about a unit (a freezer, a cold room), for a person to look into in working hours. ``at_ms``
    is the reading's time, ``score`` how sure: 1 is the threshold at which it is told, 2 twice that."""

    site: str
    unit: str
    kind: AdviceKind
    text: str
    at_ms: int
    score: float
