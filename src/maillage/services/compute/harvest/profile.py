"""What the house needs by hour of the week, measured, and how far above it the house may still go.

Owner's needs are steady by hour of the week and far below what was given to them (Cortez et al., "Resource Central",
SOSP 2017); a limit that follows recent peaks with a margin wastes less than one that is fixed (Rzadca et al.,
"Autopilot", EuroSys 2020). Two weeks have two samples of each hour of the week, too few for a far quantile of each.
So the profile takes a middling quantile by hour with its neighbours, the last hour's use corrects it, and what still
goes above is one tail, pooled over all hours and stores, whose far end is extrapolated.

All figures are shares of a store's size; arrays have a column per store, so that stores of a chain lend each other
their experience.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.kernel.prices import HOURS_A_WEEK

LEVEL_QUANTILE = 0.98
"""The quantile of the samples of an hour that is its level; what goes above is left to the margin."""
TAIL_QUANTILE = 0.95
"""Above this quantile of the hours the tail is taken as exponential: two weeks of five stores leave 84 hours there."""
BLENDS = (0.0, 0.25, 0.5, 0.75)
"""How much the use of this moment may count against the higher of profile and last hour; fitting takes the best."""
DEAD_BAND = 0.005
"""Changes of the level smaller than this part of the store are not followed, since each would cost somebody a lease,
unless the house uses more than the level."""

IntArray = NDArray[np.int64]


def hourly_levels(need: FloatArray, hours: IntArray, quantile: float = LEVEL_QUANTILE) -> FloatArray:
    """The level of each hour of the week, 0 being Monday 00:00: a quantile of the samples of that hour and of its two
    neighbours, in whichever week. ``hours`` says of which hour of the week each row of ``need`` is.

    An hour of which nothing is known has the highest level of all.
    """
    levels = np.full((HOURS_A_WEEK, need.shape[1]), np.nan)
    for hour in range(HOURS_A_WEEK):
        known = need[np.isin(hours, [(hour - 1) % HOURS_A_WEEK, hour, (hour + 1) % HOURS_A_WEEK])]
        if len(known):
            levels[hour] = np.quantile(known, quantile, axis=0)
    return np.where(np.isnan(levels), np.nanmax(levels, axis=0), levels)


def tail_level(hourly: FloatArray, quantile: float) -> float:
    """The value that an hour stays below with probability ``quantile``, from a sample of hours.

    Beyond TAIL_QUANTILE excesses over it are taken as exponential with their mean: the generalised Pareto distribution
    (Pickands, "Statistical inference using extreme order statistics", 1975) with shape 0. What is bounded by the size
    of a store has no heavier tail, and a shape fitted to so few is mostly noise.
    """
    threshold = float(np.quantile(hourly, TAIL_QUANTILE))
    excesses = hourly[hourly > threshold] - threshold
    above = len(excesses) / len(hourly)
    if not above or 1 - quantile >= above:
        return float(np.quantile(hourly, quantile))
    return threshold + float(excesses.mean() * np.log(above / (1 - quantile)))


class HouseModel(msgspec.Struct, frozen=True):
    """``levels`` is the profile, a row per hour of the week. ``margin`` is kept above what is expected, so that the
    house exceeds both in one hour of ``1 / (1 - quantile)``. ``samples`` are those of an hour."""

    levels: FloatArray
    blend: float
    margin: float
    quantile: float
    samples: int


class Expectation:
    """What the stores are expected to need next, from their profile and from what they use now. Feed it every sample.

    The level is a blend of the use of this moment with the higher of the profile and the last hour's maximum.
    """

    def __init__(self, levels: FloatArray, blend: float, samples: int) -> None:
        self._levels = levels
        self._blend = blend
        self._use = np.zeros(levels.shape[1])
        self._recent = np.zeros((samples, levels.shape[1]))
        self._seen = 0
        self.level = np.zeros(levels.shape[1])

    def see(self, use: FloatArray, hour: int) -> FloatArray:
        """Take note of what the stores use in an hour of the week; the level from now on."""
        self._use = self._recent[self._seen % len(self._recent)] = use
        self._seen += 1
        wanted = self.ahead(hour)
        followed = np.where(np.abs(wanted - self.level) > DEAD_BAND, wanted, self.level)
        self.level = np.maximum(followed, use)
        return self.level

    def rising(self, use: FloatArray, hour: int) -> FloatArray:
        """The level while the sample under way has come to ``use``: what seeing it would give, and never less than
        now."""
        high = np.maximum(np.maximum(self._recent.max(axis=0), use), self._levels[hour])
        wanted: FloatArray = self._blend * use + (1 - self._blend) * high
        return np.maximum(np.maximum(wanted, use), self.level)

    def ahead(self, hour: int) -> FloatArray:
        """The level that what is known now gives for another hour."""
        high = np.maximum(self._recent.max(axis=0), self._levels[hour])
        expected: FloatArray = self._blend * self._use + (1 - self._blend) * high
        return expected


def learn(need: FloatArray, hours: IntArray, quantile: float, samples: int) -> HouseModel:
    """Fit to at least two whole weeks, each judged by a profile of the others, as the future will be.

    Of the blends that one is taken which keeps least for the house at this quantile. Invalid where there is less than
    two weeks.
    """
    week = HOURS_A_WEEK * samples
    weeks = len(need) // week
    if weeks < 2:
        raise Invalid("load", f"a profile takes two whole weeks, {2 * week:,} samples; there are {len(need):,}")
    fitted: list[tuple[float, float, float]] = []
    for blend in BLENDS:
        kept, excesses = [], []
        for number in range(weeks):
            rows = slice(number * week, (number + 1) * week)
            others = np.r_[0 : number * week, (number + 1) * week : weeks * week]
            levels = _followed(hourly_levels(need[others], hours[others]), blend, samples, need[rows], hours[rows])
            kept.append(levels.mean())
            excesses.append((need[rows] - levels).reshape(HOURS_A_WEEK, samples, -1).max(axis=1))
        margin = max(tail_level(np.concatenate(excesses).ravel(), quantile), 0.0)
        fitted.append((float(np.mean(kept)) + margin, blend, margin))
    _, blend, margin = min(fitted)
    whole = slice(0, weeks * week)
    return HouseModel(hourly_levels(need[whole], hours[whole]), blend, margin, quantile, samples)


def _followed(levels: FloatArray, blend: float, samples: int, need: FloatArray, hours: IntArray) -> FloatArray:
    """The level that stood when each row came, known from the rows before it."""
    expectation = Expectation(levels, blend, samples)
    stood = np.empty_like(need)
    stood[0] = need[0]  # nobody could know better
    for row in range(1, len(need)):
        level = expectation.see(need[row - 1], int(hours[row - 1]))
        stood[row] = level if hours[row] == hours[row - 1] else expectation.ahead(int(hours[row]))
    return stood
