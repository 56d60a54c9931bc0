"""What one tenant has leased over time, all sites together: a step function a kind, as pools keep theirs.

Derived from leases and never persisted; it counts what the pools count (held, confirmed, and what runs on until its
notice is over), each lease over ``[start, end)``.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate

from maillage.kernel.curves import StepFunction
from maillage.kernel.leases import Lease
from maillage.kernel.times import PAST_TOLERANCE_S

TRIM_ABOVE = 1_024
"""Breakpoints a curve may have before its past is cut off."""


class Holdings:
    """Quantities are thousandths, times seconds UTC. What ended more than a minute ago may be forgotten: no ask can
    reach back further."""

    def __init__(self, leases: Iterable[Lease], now: int) -> None:
        changes: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        for lease in leases:
            if lease.end > now - PAST_TOLERANCE_S and lease.start < lease.end:
                for kind, quantity in lease.needs.items():
                    changes[kind][lease.start] += quantity
                    changes[kind][lease.end] -= quantity
        self.curves = {kind: _curve(by_time) for kind, by_time in changes.items()}

    def add(self, needs: dict[str, int], start: int, end: int, sign: int, now: int) -> None:
        """Count needs (``sign`` 1) over ``[start, end)``, or take them off again (-1)."""
        if start >= end:
            return
        for kind, quantity in needs.items():
            curve = self.curves.get(kind)
            if curve is None:
                curve = self.curves[kind] = StepFunction()
            elif len(curve.times) > TRIM_ABOVE:
                curve.trim(max(now - PAST_TOLERANCE_S, 0))
            curve.add(start, end, sign * quantity)


def _curve(changes: dict[int, int]) -> StepFunction:
    """All at once: a tenant may have a million leases, and adding them one by one would move long lists as often."""
    edges = sorted(at for at, change in changes.items() if change)
    levels = accumulate((changes[at] for at in edges), initial=0)
    first = 1 if edges and edges[0] == 0 else 0
    return StepFunction([0, *edges][first:], list(levels)[first:])
