"""How rare a value is: the return period, from the extremes of past days.

The greatest value of a day follows, over many days, an extreme value distribution. Gumbel's has two unknowns, which two
L-moments give from a few dozen days (Hosking, "L-moments", J. R. Statist. Soc. B 52, 1990). A value's return period is
then how many days pass on average until one as extreme is seen again: a scale that means the same for every series.
"""

import math

import msgspec

EULER = 0.5772156649015329


class Extremes(msgspec.Struct):
    """The greatest of each of the last ``keep`` blocks, and Gumbel's distribution fitted to them."""

    keep: int
    greatest: list[float]
    location: float = 0.0
    scale: float = 0.0

    @property
    def known(self) -> int:
        return len(self.greatest)

    def add(self, greatest: float, clip: float) -> None:
        """A block has ended. What was rarer than a reduced variate of ``clip`` is learnt from as if it were that rare:
        one fault must not make the next one look normal."""
        if self.scale > 0.0:
            greatest = min(greatest, self.location + clip * self.scale)
        self.greatest.append(greatest)
        del self.greatest[: -self.keep]

    def fit(self, least_scale: float) -> None:
        """Fit to what is known; at least two blocks."""
        ordered = sorted(self.greatest)
        count = len(ordered)
        mean = sum(ordered) / count
        weighted = sum(rank * each for rank, each in enumerate(ordered)) / (count * (count - 1))
        self.scale = max((2.0 * weighted - mean) / math.log(2.0), least_scale)
        self.location = mean - EULER * self.scale

    def reduced(self, value: float) -> float:
        """Gumbel's reduced variate: the logarithm of the return period in blocks, where it is more than a few."""
        return (value - self.location) / self.scale
