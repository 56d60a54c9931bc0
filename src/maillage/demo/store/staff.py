"""What people do about the freezer: see the alarm, move the goods, have the compressor mended, vouch for it."""

from maillage.demo.store.freezer import Freezer
from maillage.kernel.times import parse_time
from maillage.services.sensing.coldchain import documents as docs
from maillage.services.sensing.coldchain.desk import ColdChain
from maillage.services.sensing.coldchain.model import Alarm

FAILS_S = 3_600
"""When the compressor stops, from the beginning on."""
SEEN_S, MOVED_S, MENDED_S = 240, 1_080, 3_300
"""After an alarm was raised."""
VOUCHED_S = 1_800
"""After it was cleared."""
CLERK, MANAGER = "R. Alvarez", "J. Okafor"


class Staff:
    """``alarms`` are those that they saw to, in order; ``failed_at`` and ``mended_at`` are when the compressor stopped
    and when it ran again."""

    def __init__(self, coldchain: ColdChain, freezer: Freezer, site: str, began: int) -> None:
        self._coldchain, self._freezer, self._site = coldchain, freezer, site
        self._fails_at = began + FAILS_S
        self._verified: set[str] = set()
        self.alarms: list[str] = []
        self.failed_at: int | None = None
        self.mended_at: int | None = None

    async def look(self, now: int) -> None:
        """Do what is due."""
        if self.failed_at is None and now >= self._fails_at:
            self.failed_at, self._freezer.compressor_stopped = now, True
        for alarm in self._coldchain.open_alarms(self._site):
            if alarm.id not in self.alarms:
                self.alarms.append(alarm.id)
            await self._see_to(alarm, now)
        for alarm_id in self.alarms:
            if alarm_id not in self._verified:
                await self._vouch_for(alarm_id, now)

    async def _see_to(self, alarm: Alarm, now: int) -> None:
        since_s = now - alarm.raised_ms // 1_000
        if alarm.acknowledged is None and since_s >= SEEN_S:
            await self._coldchain.acknowledge(alarm.id, docs.Acknowledge(CLERK, "on my way; the fan is silent"))
        if alarm.correction is None and since_s >= MOVED_S:
            text = "packs still frozen hard; moved to the walk-in freezer at -22 °C, freezer closed to customers"
            await self._coldchain.correct(alarm.id, docs.Action(CLERK, text, "moved", "38 cases", "all of freezer 7"))
        if self.mended_at is None and since_s >= MENDED_S:
            self.mended_at, self._freezer.compressor_stopped = now, False

    async def _vouch_for(self, alarm_id: str, now: int) -> None:
        alarm = await self._coldchain.alarm(alarm_id)
        if alarm.cleared_at is None or now < parse_time(alarm.cleared_at, "cleared_at") + VOUCHED_S:
            return
        if alarm.state == "cleared":  # vouching for another of the incident may have covered it
            note = "log and product checked; contactor of the compressor replaced"
            await self._coldchain.verify(alarm_id, docs.Verify(MANAGER, "store manager", note))
        self._verified.add(alarm_id)
