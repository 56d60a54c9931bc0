"""What is done about readings while nobody asks: they are packed as they come in, and forgotten when they are old."""

import asyncio
import logging
from dataclasses import dataclass

from maillage.kernel.errors import Refusal
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import DAY_S
from maillage.services.sensing.readings.ports import ReadingArchive

log = logging.getLogger(__name__)

LOOK_S = 5.0
FORGET_S = 3_600
PAUSE_S = 0.02
"""Between two steps of packing: whoever reads and writes comes first."""
SERIES_A_STEP = 50


@dataclass(frozen=True)
class Retention:
    """For how many days readings are kept in full, and for how many as sums by the hour. EU Regulation 37/2005 wants
    records of quick-frozen food kept for a year; sums by the hour are such records, with the mean, the smallest and the
    greatest of each hour."""

    full_days: int = 90
    sums_days: int = 5 * 366

    def __post_init__(self) -> None:
        if not 1 <= self.full_days <= self.sums_days <= 36_600:
            raise ValueError(f"{self.full_days} and {self.sums_days} are not days from 1 to 36,600, sums the longer")


class Upkeep:
    """``start`` has it done until ``stop``; tests call ``pack`` and ``forget`` themselves."""

    def __init__(self, archive: ReadingArchive, clock: Clock, retention: Retention) -> None:
        self._archive = archive
        self._clock = clock
        self._retention = retention
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """A step that is under way is done to the end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def pack(self) -> None:
        """Pack what came in, as far as it is worth it."""
        left = 1
        while left:
            left = await to_the_end(self._archive.seal, SERIES_A_STEP)
            await asyncio.sleep(PAUSE_S)

    async def forget(self) -> None:
        """Forget what is older than is to be kept."""
        now = self._clock.now()
        await to_the_end(self._archive.forget, (now - self._retention.full_days * DAY_S) * 1_000)
        await to_the_end(self._archive.forget_sums, (now - self._retention.sums_days * DAY_S) * 1_000)

    async def _run(self) -> None:
        forgotten_at = None
        while True:
            try:
                await self.pack()
                if forgotten_at is None or self._clock.now() >= forgotten_at + FORGET_S:
                    await self.forget()
                    forgotten_at = self._clock.now()
            except Refusal as refusal:
                log.error("readings could not be looked after; trying again: %s", refusal.detail)
            except Exception:
                log.exception("readings could not be looked after; trying again")
            await asyncio.sleep(LOOK_S)
