"""Cumulative sums: the quickest way to see that a mean has moved, with a threshold that follows from how often one may
cry wolf (Page, "Continuous inspection schemes", Biometrika 41, 1954)."""

import math

import msgspec

SLACK = 0.5
"""Half the shift, in standard deviations, that is to be found soonest."""
CLIP = 4.0
"""One reading, however wild, moves a sum by no more than this: at least three must agree."""
CAP = 1.5
"""Sums stop at this multiple of the threshold, so that they come down within hours of a repair."""


def run_length(threshold: float, slack: float = SLACK) -> float:
    """Mean samples until a one-sided sum passes ``threshold`` though nothing happened, for independent normal samples
    (Siegmund, "Sequential Analysis", 1985, section II.6: Brownian motion with the overshoot of 1.166)."""
    barrier = 2.0 * slack * (threshold + 1.166)
    return (math.exp(barrier) - barrier - 1.0) / (2.0 * slack * slack)


def threshold_for(samples: float, slack: float = SLACK) -> float:
    """The threshold whose mean run length without a cause is ``samples`` (more than 10)."""
    low, high = 0.0, 60.0
    while high - low > 1e-9:
        middle = (low + high) / 2.0
        low, high = (middle, high) if run_length(middle, slack) < samples else (low, middle)
    return high


class Cusum(msgspec.Struct):
    """Two sums of standardised samples, one for a rise and one for a fall."""

    up: float = 0.0
    down: float = 0.0

    def add(self, z: float, threshold: float) -> None:
        """One more sample, in standard deviations from its mean."""
        z = CLIP if z > CLIP else -CLIP if z < -CLIP else z
        top = CAP * threshold
        up, down = self.up + z - SLACK, self.down - z - SLACK
        self.up = 0.0 if up < 0.0 else min(up, top)
        self.down = 0.0 if down < 0.0 else min(down, top)
