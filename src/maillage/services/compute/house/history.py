"""What the house of a site used, in slots of five minutes, for as many weeks as are worth learning from."""

from collections.abc import Iterable

import numpy as np

from maillage.kernel.times import WEEK_S
from maillage.services.compute.harvest.profile import IntArray
from maillage.services.compute.house.model import SLOT_S, Slot

SLOTS_A_WEEK = WEEK_S // SLOT_S
SLOTS_KEPT = 5 * SLOTS_A_WEEK
"""Four weeks to learn from, and one that is under way."""
UNKNOWN = -1


class History:
    """A ring of slots and the one under way; quantities are thousandths of a vCPU."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._numbers: IntArray = np.full(SLOTS_KEPT, UNKNOWN, dtype=np.int64)
        self._peaks: IntArray = np.zeros(SLOTS_KEPT, dtype=np.int64)
        self._number = UNKNOWN
        self._sum = self._samples = self._peak = 0
        for slot in slots:
            self._keep(slot)

    @property
    def rising(self) -> int | None:
        """What the slot under way has come to so far, None where nothing is known of it."""
        return self._peak if self._samples else None

    @property
    def highest(self) -> int:
        """The highest peak of all that is known; 0 where nothing is."""
        return int(self._peaks[self._numbers != UNKNOWN].max(initial=self._peak))

    def see(self, now: int, use: int | None) -> Slot | None:
        """Take note of a sample (None: it could not be told); the slot that is over with it, where something is known
        of that."""
        number = max(now // SLOT_S, self._number)  # a clock that was set back makes no slot twice
        over = None
        if number != self._number:
            over = self._closed()
            self._number, self._sum, self._samples, self._peak = number, 0, 0, 0
        if use is not None:
            self._sum += use
            self._samples += 1
            self._peak = max(self._peak, use)
        return over

    def peaks(self, first: int, count: int) -> IntArray:
        """A copy of the peaks of ``count`` slots from number ``first`` on; UNKNOWN where nothing is known."""
        numbers = np.arange(first, first + count)
        places = numbers % SLOTS_KEPT
        return np.where(self._numbers[places] == numbers, self._peaks[places], UNKNOWN)

    def _closed(self) -> Slot | None:
        if not self._samples:
            return None
        slot = Slot(self._number, round(self._sum / self._samples), self._peak)
        self._keep(slot)
        return slot

    def _keep(self, slot: Slot) -> None:
        place = slot.number % SLOTS_KEPT
        self._numbers[place], self._peaks[place] = slot.number, slot.peak
