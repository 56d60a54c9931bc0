"""One site's house: its settings, its history, and how much is to be kept for it."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from maillage.kernel.times import DAY_S, HOUR_S
from maillage.services.compute.house.history import History
from maillage.services.compute.house.hours import LocalHour, hour_at
from maillage.services.compute.house.model import SLOT_S, HouseRecord, Slot, Use
from maillage.services.compute.house.outlook import Outlook, fit, training

GRAIN = 100
"""What is kept is a multiple of a tenth of a vCPU: nobody should lose a lease for less."""


class SiteHouse:
    """Quantities are thousandths of a vCPU. ``size`` is the pool's, as of the last look at it."""

    def __init__(self, record: HouseRecord, slots: Sequence[Slot], zone: ZoneInfo, size: int) -> None:
        self.record = record
        self.zone = zone
        self.size = size
        self.history = History(slots)
        self.outlook: Outlook | None = None
        """None until it was fitted for the first time."""
        self.fit_due_at = 0
        self.plan_due_at = 0
        self.planned = 0
        """What was to be had at this moment when the leases were last planned."""
        self.short = 0
        self._known = False

    async def fit(self, now: int) -> None:
        """Learn anew from the history: daily, hourly until there is enough of it."""
        first, peaks = training(self.history, now, self.zone)
        quantile, size = self.record.settings.quantile, max(self.size, 1)
        model, weeks = await asyncio.to_thread(fit, first, peaks, self.zone, quantile, size)
        outlook = Outlook(model, weeks, quantile, size, self.history)
        last = now // SLOT_S
        hour_ago = last - HOUR_S // SLOT_S
        for number, peak in enumerate(self.history.peaks(hour_ago, last - hour_ago).tolist(), hour_ago):
            if peak >= 0:
                outlook.close(Slot(number, peak, peak), hour_at(number * SLOT_S, self.zone))
        self.outlook = outlook
        self.fit_due_at = now + (DAY_S if outlook.learnt else HOUR_S)
        self.plan_due_at = 0

    def see(self, now: int, use: Use) -> Slot | None:
        """Take note of what the house uses now; the slot that is over with it, to be kept."""
        unheard = self.record.monitored and use.reported is None
        total = None if unheard else use.total
        self._known = total is not None
        over = self.history.see(now, total)
        if over is not None and self.outlook is not None:
            self.outlook.close(over, hour_at(over.number * SLOT_S, self.zone))
        return over

    def wants_more(self, now: int) -> bool:
        """Whether the house uses more by now than the leases were planned for."""
        if not self.record.settings.on or self.outlook is None:
            return False
        (kept,) = self.kept([hour_at(now, self.zone)])
        return kept > self.planned

    def expected(self, hours: Sequence[LocalHour]) -> list[int]:
        """What is expected in hours that follow on one another, from that under way on."""
        if self.outlook is None:
            return [0] * len(hours)
        outlook, rising = self.outlook, self.history.rising if self._known else None
        levels = [outlook.level(hours[0], rising)]
        if len(hours) > 1:
            levels.append(outlook.profile(hours[1]) if rising is None else outlook.ahead(hours[1]))
        return levels + [outlook.profile(hour) for hour in hours[2:]]

    def kept(self, hours: Sequence[LocalHour]) -> list[int]:
        """What is to be kept in such hours: what is expected, the margin, and the headroom that was asked for."""
        if self.outlook is None or not self.record.settings.on:
            return [0] * len(hours)
        above = self.outlook.margin + self.record.settings.headroom
        return [min(-(-(level + above) // GRAIN) * GRAIN, self.size) for level in self.expected(hours)]
