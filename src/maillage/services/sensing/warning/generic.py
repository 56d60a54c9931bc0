"""A detector for any series of values and times, without knowing what it measures.

A series is cut into blocks, days as a rule. Its value, and its means over an hour, a quarter of a day and a day, are
each compared with a slow mean of ten days; how far above and below it they got is kept for the last 90 blocks. A
reading is rare when it is further off than comes once in 60 blocks. All is relative to the series' own past, so there
is one set of figures for every series, and no unit, scale or season to be told.

The score is ``R / (R + 60)`` with R the return period in blocks, so that the threshold of 0.5 is at 60. It is of news:
while something that was told goes on, only what is twice as far out, or a reminder after seven blocks, scores
high; above and below are told apart. A row is scored with what came before it, and memory is constant.
"""

import math
from collections import deque

import msgspec

from maillage.services.sensing.warning.returns import Extremes

DAY_S = 86_400.0
BLOCK_ROWS_LEAST, BLOCK_ROWS_MOST = 24, 1_440
"""A block is a day, the season that nearly all has; but a day of fewer rows than 24 has no extremes to speak of, and
one of seconds is learnt from too slowly."""
INTERVAL_ROWS = 12
"""So many gaps between rows tell the interval: their median."""
GAP_SHARE = 0.25
"""A pause moves the means by no more than this part of a block would."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """The detector's figures; those that are lengths are in blocks. ``return_period`` is the threshold: of eight
    statistics, most of them moving together, each is to pass it once in two months by chance. ``keep`` is a quarter
    of a year. ``learn`` blocks, a week, go by before anything is scored."""

    return_period: float = 60.0
    keep: int = 90
    slow: float = 10.0
    windows: tuple[float, ...] = (0.0, 1 / 24, 0.25, 1.0)
    learn: int = 7
    remind: float = 7.0
    rest: float = 1.0


STANDARD = Tuning()
THRESHOLD = 0.5
"""Of the score; there is one for all series."""


class Window:
    """One mean of the series, and what its extremes were."""

    __slots__ = ("above", "below", "greatest", "least", "length", "mean")

    def __init__(self, length: float, keep: int, value: float) -> None:
        self.length = length
        self.mean = value
        self.greatest, self.least = -math.inf, math.inf
        self.above, self.below = Extremes(keep, []), Extremes(keep, [])

    def end_block(self, clip: float) -> None:
        """Learn the extremes of the block that has ended, if it had readings."""
        if self.greatest < self.least:
            return
        self.above.add(self.greatest, clip)
        self.below.add(-self.least, clip)
        self.greatest, self.least = -math.inf, math.inf
        if self.above.known >= 2:
            # A series that never moved has no spread: whatever moves it then is rare.
            least = 1e-9 + 1e-6 * max(abs(self.above.greatest[-1]), abs(self.below.greatest[-1]))
            self.above.fit(least)
            self.below.fit(least)


class Episode:
    """Something that was told and goes on: only news of it counts."""

    __slots__ = ("seen_at", "told", "told_at")

    def __init__(self) -> None:
        self.told: float | None = None
        self.told_at = self.seen_at = 0.0

    def news(self, at_s: float, rarity: float, clip: float, remind_s: float, rest_s: float) -> float:
        """What is new in a row of this rarity."""
        if self.told is not None:
            if rarity >= clip / 2.0:
                self.seen_at = at_s
            elif at_s - self.seen_at > rest_s:
                self.told = None
        news = rarity
        if self.told is not None and at_s - self.told_at < remind_s:
            news -= 2.0 * self.told - clip  # at the threshold again when twice as far out
        if news >= clip:
            self.told, self.told_at, self.seen_at = rarity, at_s, at_s
        return news


class Detector:
    """Scores one series, row by row."""

    def __init__(self, tuning: Tuning = STANDARD) -> None:
        self._tuning = tuning
        self._clip = math.log(tuning.return_period)
        self._gaps: deque[float] = deque(maxlen=INTERVAL_ROWS)
        self._block_s = DAY_S
        self._windows: list[Window] = []
        self._slow = 0.0
        self._age_s = 0.0
        self._block_ends = math.inf
        self._last = -math.inf
        self._elapsed = -1.0
        self._shares: list[float] = []
        self._blocks = 0
        self._above, self._below = Episode(), Episode()

    @property
    def interval_s(self) -> float | None:
        """The usual time between rows; None until a few are known."""
        return sorted(self._gaps)[len(self._gaps) // 2] if len(self._gaps) == INTERVAL_ROWS else None

    @property
    def block_s(self) -> float:
        """How long a block is."""
        return self._block_s

    @property
    def ready(self) -> bool:
        """Whether enough is known to score."""
        return self._blocks >= self._tuning.learn

    def score(self, at_s: float, value: float) -> float:
        """How rare this row is, 0 to 1. A row that is not later than the one before it scores 0 and is not learnt from;
        ``value`` must be finite."""
        elapsed = at_s - self._last
        if elapsed <= 0.0:
            return 0.0
        self._last = at_s
        if not self._windows:
            self._begin(at_s, value)
            return 0.0
        if len(self._gaps) < INTERVAL_ROWS:
            self._gaps.append(elapsed)
            if len(self._gaps) == INTERVAL_ROWS:
                self._set_block(at_s)
        if at_s >= self._block_ends:
            self._end_block(at_s)
        high, low = self._move(elapsed, value)
        return self._judge(at_s, high, low)

    def _begin(self, at_s: float, value: float) -> None:
        self._slow = value
        self._windows = [Window(length, self._tuning.keep, value) for length in self._tuning.windows]
        self._block_ends = at_s + self._block_s

    def _set_block(self, at_s: float) -> None:
        interval = self.interval_s or DAY_S
        self._block_s = min(max(DAY_S, BLOCK_ROWS_LEAST * interval), BLOCK_ROWS_MOST * interval)
        self._block_ends = at_s + self._block_s
        self._elapsed = -1.0

    def _move(self, elapsed: float, value: float) -> tuple[float, float]:
        """Bring all means up to this row; how rare the highest and the lowest of them are, as reduced variates."""
        elapsed = min(elapsed, GAP_SHARE * self._block_s)
        self._age_s += elapsed
        slow_s = self._tuning.slow * self._block_s
        if self._age_s < slow_s:  # the mean of all there is, until there is enough
            self._slow += (1.0 - math.exp(-elapsed / self._age_s)) * (value - self._slow)
        if elapsed != self._elapsed:
            self._elapsed = elapsed
            self._shares = [
                1.0 if window.length == 0.0 else 1.0 - math.exp(-elapsed / (window.length * self._block_s))
                for window in self._windows
            ]
            self._shares.append(1.0 - math.exp(-elapsed / slow_s))
        if self._age_s >= slow_s:
            self._slow += self._shares[-1] * (value - self._slow)
        slow, known = self._slow, self._blocks >= self._tuning.learn
        highest = lowest = -math.inf
        for window, share in zip(self._windows, self._shares, strict=False):
            window.mean += share * (value - window.mean)
            off = window.mean - slow
            if off > window.greatest:
                window.greatest = off
            if off < window.least:
                window.least = off
            if known:
                above, below = window.above, window.below
                high = (off - above.location) / above.scale
                low = (-off - below.location) / below.scale
                if high > highest:
                    highest = high
                if low > lowest:
                    lowest = low
        return highest, lowest

    def _end_block(self, at_s: float) -> None:
        for window in self._windows:
            window.end_block(self._clip)
        self._blocks = self._windows[0].above.known
        self._block_ends += self._block_s * (1 + (at_s - self._block_ends) // self._block_s)

    def _judge(self, at_s: float, high: float, low: float) -> float:
        """The score of the news in this row."""
        remind_s, rest_s = self._tuning.remind * self._block_s, self._tuning.rest * self._block_s
        news = max(
            self._above.news(at_s, high, self._clip, remind_s, rest_s),
            self._below.news(at_s, low, self._clip, remind_s, rest_s),
        )
        return 1.0 / (1.0 + math.exp(min(max(self._clip - news, -700.0), 700.0)))
