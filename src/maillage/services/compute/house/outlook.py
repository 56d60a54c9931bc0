"""What the house of a site is expected to need, hour by hour: the profile of its history, made live."""

from zoneinfo import ZoneInfo

import numpy as np

from maillage.kernel.times import WEEK_S
from maillage.services.compute.harvest.profile import Expectation, HouseModel, IntArray, learn
from maillage.services.compute.house.history import SLOTS_A_WEEK, UNKNOWN, History
from maillage.services.compute.house.hours import LocalHour, hour_at
from maillage.services.compute.house.model import SLOT_S, SLOTS_AN_HOUR, Slot

WEEKS = 4
"""That are learnt from at most."""
KNOWN_SHARE = 0.9
"""Of a week so much must be known for it to be learnt from; what lacks is taken for what was before it."""
UNLEARNT_MARGIN = 0.25
"""Part of the store that is kept above the highest use so far while there is no profile: about twice the margin that
the replay's stores are found to need."""


def training(history: History, now: int, zone: ZoneInfo) -> tuple[int, IntArray]:
    """(number of the first slot, peaks) of the last weeks up to the present hour of the store's clock; a copy that
    another thread may work on."""
    first = hour_at(now, zone).start // SLOT_S - WEEKS * SLOTS_A_WEEK
    return first, history.peaks(first, WEEKS * SLOTS_A_WEEK)


def fit(first: int, peaks: IntArray, zone: ZoneInfo, quantile: float, size: int) -> tuple[HouseModel | None, int]:
    """The model of these weeks as shares of ``size``, and how many of them could be learnt from; None where those are
    less than two. Takes about a second of one processor, so do it in a thread."""
    weeks = [slice(number * SLOTS_A_WEEK, (number + 1) * SLOTS_A_WEEK) for number in range(WEEKS)]
    known = [week for week in weeks if np.mean(peaks[week] != UNKNOWN) >= KNOWN_SHARE]
    if len(known) < 2:
        return None, len(known)
    hours = np.repeat(
        [hour_at(first * SLOT_S + at, zone).of_week for at in range(0, WEEKS * WEEK_S, SLOT_S * SLOTS_AN_HOUR)],
        SLOTS_AN_HOUR,
    )
    need = np.concatenate([_filled(peaks[week]) for week in known]) / size
    of_week = np.concatenate([hours[week] for week in known])
    return learn(need[:, np.newaxis], of_week, quantile, SLOTS_AN_HOUR), len(known)


def _filled(peaks: IntArray) -> IntArray:
    """With what is unknown taken for the last that was known, at the beginning for the first."""
    known = np.flatnonzero(peaks != UNKNOWN)
    before = np.searchsorted(known, np.arange(len(peaks)), side="right") - 1
    return peaks[known[np.maximum(before, 0)]]


class Outlook:
    """``size`` is the store's, in thousandths of a vCPU, as are all answers. Without a model the highest use so far is
    expected at every hour."""

    def __init__(self, model: HouseModel | None, weeks: int, quantile: float, size: int, history: History) -> None:
        self.learnt = model is not None
        self.weeks = weeks
        self._size = size
        highest = np.full((7 * 24, 1), history.highest / size)
        self._model = model or HouseModel(highest, 0.0, UNLEARNT_MARGIN, quantile, SLOTS_AN_HOUR)
        self._expectation = self._fresh()
        self._last: Slot | None = None
        self._hour: LocalHour | None = None

    @property
    def margin(self) -> int:
        return round(self._model.margin * self._size)

    def close(self, slot: Slot, hour: LocalHour) -> None:
        """A slot is over, which was of this hour."""
        if self._last is not None and slot.number - self._last.number > SLOTS_AN_HOUR:
            self._expectation = (
                self._fresh()
            )  # nothing is known of the last hour, so what was before it says nothing of today
        share = np.array([slot.peak / self._size])
        if not self.learnt:
            np.maximum(self._model.levels, share, out=self._model.levels)
        self._expectation.see(share, hour.of_week)
        self._last, self._hour = slot, hour

    def level(self, hour: LocalHour, rising: int | None) -> int:
        """What is expected in the hour under way, whose present slot has come to ``rising``. Where that is not known,
        the profile alone counts."""
        if rising is None:
            return self.profile(hour)
        share = np.array([rising / self._size])
        if self._hour is not None and self._hour.start == hour.start:
            return self._thousandths(self._expectation.rising(share, hour.of_week)[0])
        return self._thousandths(max(self._expectation.ahead(hour.of_week)[0], share[0]))

    def ahead(self, hour: LocalHour) -> int:
        """What is expected in the next hour, by what is known of this one."""
        return self._thousandths(self._expectation.ahead(hour.of_week)[0])

    def profile(self, hour: LocalHour) -> int:
        """What the profile has for an hour of the week."""
        return self._thousandths(self._model.levels[hour.of_week, 0])

    def _fresh(self) -> Expectation:
        return Expectation(self._model.levels, self._model.blend, self._model.samples)

    def _thousandths(self, share: float) -> int:
        return round(float(share) * self._size)
