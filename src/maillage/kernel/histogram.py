"""A histogram that costs a bisection and two additions to feed: what is counted where work is done, to be read where
it is watched."""

from bisect import bisect_left

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for waits: from a fast disk's sync to a request that somebody gave up on."""
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Upper bounds for how many came together."""


class Histogram:
    """``counts[i]`` values were at most ``bounds[i]`` and above the bound before; the last counts those above all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, other: "Histogram") -> None:
        """Count in what another one with the same bounds has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
