"""What changed is made durable, in order, and then told; an alarm never waits for either.

A commit that fails is tried again with all that came since, and what happened is told all the same: whoever follows
the notices shall hear of a freezer also while the disk is full.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from maillage.kernel.errors import Invalid, NotFound, RecordsUnavailable, Refusal
from maillage.kernel.notices import Notices
from maillage.kernel.threads import to_the_end
from maillage.services.sensing.coldchain.alarms.book import Note
from maillage.services.sensing.coldchain.ports import Changes, ColdChainRecords

log = logging.getLogger(__name__)

AGAIN_S = 1.0
NOTES_AT_ONCE = 64
"""They go into the journal in one commit, or in few."""
NOTES_MAX = 100_000
"""Notices that may wait for a site's journal; of more, the oldest are dropped (the records have what they say)."""
_Waiters = list[asyncio.Future[None]]


class Keeper:
    """``keep`` takes things in; ``run`` and ``run_notes`` carry them out until cancelled."""

    def __init__(self, records: ColdChainRecords, notices: Notices) -> None:
        self._records = records
        self._notices = notices
        self._queue: list[tuple[Changes, Sequence[Note]]] = []
        self._waiters: _Waiters = []
        self._notes: deque[Note] = deque()
        self._there = asyncio.Event()
        self._notes_there = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._all_told = asyncio.Event()
        self._all_told.set()

    def keep(self, changes: Changes, notes: Sequence[Note]) -> None:
        """Make durable, then tell."""
        if changes or notes:
            self._queue.append((changes, notes))
            self._idle.clear()
            self._there.set()

    async def kept(self) -> None:
        """Return when all that was taken in is durable. RecordsUnavailable where it could not be made so now: it is
        tried again, without whoever asked."""
        if self._idle.is_set():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._there.set()
        await waiter

    async def told(self) -> None:
        """Return when there is nothing left to tell."""
        await self._idle.wait()
        await self._all_told.wait()

    async def run(self) -> None:
        while True:
            await self._there.wait()
            self._there.clear()
            while self._queue or self._waiters:
                if not await self._commit():
                    await asyncio.sleep(AGAIN_S)

    async def run_notes(self) -> None:
        while True:
            await self._notes_there.wait()
            self._notes_there.clear()
            while self._notes:
                if not await self._tell_some():
                    await asyncio.sleep(AGAIN_S)
            self._all_told.set()

    async def finish(self) -> None:
        """One last try at what waits, in the end."""
        if self._queue:
            await self._commit()
        while self._notes and await self._tell_some():
            pass
        if self._notes:
            log.error("%d notices of the cold chain could not be told", len(self._notes))

    async def _commit(self) -> bool:
        taken, self._queue = self._queue, []
        waiters, self._waiters = self._waiters, []
        changes = _merged([changes for changes, _ in taken])
        fault: Exception | None = None
        try:
            if changes:
                await to_the_end(self._records.commit, changes)
        except Exception as caught:
            fault = caught
            log.error("alarms can't be made durable (%s); trying again", caught)
            self._queue.insert(0, (changes, ()))
        self._note([note for _, notes in taken for note in notes])
        for waiter in waiters:
            if not waiter.done():
                if fault is None:
                    waiter.set_result(None)
                else:
                    told = fault if isinstance(fault, Refusal) else RecordsUnavailable(str(fault))
                    waiter.set_exception(told)
        if not self._queue:
            self._idle.set()
        return fault is None

    def _note(self, notes: Sequence[Note]) -> None:
        self._notes.extend(notes)
        while len(self._notes) > NOTES_MAX:
            log.error("a notice was dropped: %s", self._notes.popleft())
        if notes:
            self._all_told.clear()
            self._notes_there.set()

    async def _tell_some(self) -> bool:
        """Tell the next few, in order as far as they are taken; those that are not wait for another time. Whether all
        were."""
        some = [self._notes.popleft() for _ in range(min(NOTES_AT_ONCE, len(self._notes)))]
        try:
            told = await asyncio.gather(*(self._tell(note) for note in some))
        except asyncio.CancelledError:
            self._notes.extendleft(reversed(some))
            raise
        left = [note for note, done in zip(some, told, strict=True) if not done]
        self._notes.extendleft(reversed(left))
        return not left

    async def _tell(self, note: Note) -> bool:
        """Whether it need not be tried again."""
        try:
            await self._notices.note(note.site, note.topic, note.about, note.data)
        except (NotFound, Invalid) as refusal:
            log.error("%s of %s can't be told: %s", note.topic, note.about, refusal.detail)
        except Exception as fault:
            log.warning("%s of %s is told later: %s", note.topic, note.about, fault)
            return False
        return True


def _merged(parts: Sequence[Changes]) -> Changes:
    """All of them as one; of what changed several times, the last."""
    return Changes(
        list({alarm.id: alarm for part in parts for alarm in part.alarms}.values()),
        list({one.name: one for part in parts for one in part.remembered}.values()),
        [entry for part in parts for entry in part.entries],
        list({delivery.id: delivery for part in parts for delivery in part.deliveries}.values()),
        list({plan[0]: plan for part in parts for plan in part.plans}.values()),
    )
