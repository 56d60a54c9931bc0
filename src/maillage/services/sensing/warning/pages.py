"""The rules' defaults by themselves: limit, dwell, and the door and the defrost as context. What would page a person,
to compare early warning with."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from maillage.services.sensing.model import Context


class Pages(Protocol):
    """Says when a person would be paged. ``door`` and ``defrost`` are truths beside each value; NaN is no value."""

    def __call__(
        self, times_s: Sequence[float], values: Sequence[float], door: Sequence[bool], defrost: Sequence[bool]
    ) -> list[float]: ...


class Limit(NamedTuple):
    """Above ``limit_c`` for ``dwell_s`` without a break. A critical one does not wait for an open door."""

    limit_c: float
    dwell_s: float
    critical: bool


LIMITS = {
    "freezer": (Limit(-15.0, 2_700, False), Limit(-12.0, 900, True), Limit(-9.0, 0, True)),
    "chiller": (Limit(5.0, 1_800, False),),
}
"""Engineering defaults, not law: 5 °C is from FDA Food Code 3-501.16, -15 °C is 3 K above the -18 °C of quick-frozen
food."""
DEAD_BAND_K = 1.0


class RulePages:
    """Pages by limits, for one kind of cabinet."""

    def __init__(self, limits: Sequence[Limit], context: Context | None = None) -> None:
        self._limits = tuple(limits)
        self._context = context or Context()

    def __call__(
        self, times_s: Sequence[float], values: Sequence[float], door: Sequence[bool], defrost: Sequence[bool]
    ) -> list[float]:
        context, pages = self._context, []
        over = [math.nan] * len(self._limits)
        paged = [False] * len(self._limits)
        lowest = min(limit.limit_c for limit in self._limits) - DEAD_BAND_K
        began = quiet_until = opened = -math.inf
        on = stands = idle = False
        for at, value, is_open, thawing in zip(times_s, values, door, defrost, strict=True):
            if thawing and not on:
                began = at
            if thawing or on:
                quiet_until = min(at, began + context.defrost_max_s) + context.recovery_s
            on = thawing
            if is_open and not stands:
                opened = at
            stands = is_open
            if value != value or (idle and value < lowest):
                continue
            idle = True
            for number, (limit, dwell, critical) in enumerate(self._limits):
                if value <= limit:
                    over[number] = math.nan
                    paged[number] = paged[number] and value > limit - DEAD_BAND_K
                elif at < quiet_until or (not critical and is_open and at - opened < context.door_max_s):
                    over[number] = math.nan
                elif not paged[number]:
                    if over[number] != over[number]:
                        over[number] = at
                    if at - over[number] >= dwell:
                        pages.append(at)
                        paged[number] = True
                idle = idle and not paged[number] and over[number] != over[number]
        return pages
