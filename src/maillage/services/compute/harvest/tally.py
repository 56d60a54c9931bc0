"""The account of a replay: what stood in each store second by second, and where that left the house short."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from maillage.kernel.events import Leased, Reclaimed
from maillage.kernel.leases import LeaseClass
from maillage.kernel.times import HOUR_S

MEANS: Final = "means"
"""The reading of the load by which capacity counts as idle: what the house used on average within each slot."""


class Starved(msgspec.Struct):
    """An hour of a store counts as starved if the house lacked anything at any instant of it."""

    hours: int = 0
    seconds: int = 0

    def plus(self, other: "Starved") -> "Starved":
        return Starved(self.hours + other.hours, self.seconds + other.seconds)


_Change = tuple[int, LeaseClass, int, int]
"""When, of which class, by how much what is sold changes, and what is taken."""


class StoreTally:
    """One store's. Feed it the ledger's events and then, slot by slot, what the house needed.

    A core that was sold is taken until the lease is over *and* the instance has had its ``grace_s``; it counts as sold
    only until the lease is over. Quantities are thousandths, and thousandths times seconds.
    """

    def __init__(self, size: int, grace_s: int, readings: Mapping[str, Sequence[float]]) -> None:
        self.size = size
        self.reclaims = 0
        self.reclaimed = 0
        self.idle = self.usable = self.firm = self.spot = 0.0
        self.starved = {name: Starved() for name in readings}
        self._readings = readings
        self._grace_s = grace_s
        self._levels: dict[LeaseClass, int] = {"firm": 0, "spot": 0}
        self._taken = 0
        self._changes: list[_Change] = []
        self._leaving: dict[str, int] = {}
        self._starved_hour = dict.fromkeys(readings, -1)

    @property
    def firm_now(self) -> int:
        """What stood as firm when the last slot ended."""
        return self._levels["firm"]

    def leased(self, event: Leased) -> None:
        """A firm or spot lease was granted."""
        quantity = event.needs["cpu"]
        self._changes.append((event.start, event.cls, quantity, quantity))

    def reclaimed_lease(self, event: Reclaimed, quantity: int) -> None:
        """A spot lease was reclaimed, as of now or of an instant to come; or it was before, and has to go sooner."""
        former = self._leaving.get(event.lease)
        if former is None:
            self.reclaims += 1
            self.reclaimed += quantity
        else:
            for change in _departure(former, quantity, self._grace_s):
                self._changes.remove(change)
        self._leaving[event.lease] = event.end
        self._changes += _departure(event.end, quantity, self._grace_s)

    def slot(self, number: int, start: int, end: int) -> None:
        """Account for ``[start, end)``, in which the house needs what the readings have for this slot."""
        due = sorted(change for change in self._changes if change[0] < end)
        self._changes = [change for change in self._changes if change[0] >= end]
        at = start
        for when, cls, sold, taken in due:
            if when > at:
                self._stretch(number, at, when)
                at = when
            self._levels[cls] += sold
            self._taken += taken
        if end > at:
            self._stretch(number, at, end)

    def _stretch(self, number: int, start: int, end: int) -> None:
        seconds = end - start
        firm, spot = self._levels["firm"], self._levels["spot"]
        for name, reading in self._readings.items():
            need = reading[number]
            if name == MEANS:
                idle = max(self.size - need, 0)
                self.idle += idle * seconds
                self.usable += min(firm + spot, idle) * seconds
                self.firm += min(firm, idle) * seconds
                self.spot += (min(firm + spot, idle) - min(firm, idle)) * seconds
            if need > self.size - self._taken + 1e-6:
                starved = self.starved[name]
                starved.seconds += seconds
                last_hour = (end - 1) // HOUR_S
                first_hour = max(start // HOUR_S, self._starved_hour[name] + 1)
                starved.hours += max(last_hour - first_hour + 1, 0)
                self._starved_hour[name] = max(last_hour, self._starved_hour[name])


def _departure(end: int, quantity: int, grace_s: int) -> list[_Change]:
    return [(end, "spot", -quantity, 0), (end + grace_s, "spot", 0, -quantity)]
