"""Readings on their way to the store: a queue with an end, and one thread that writes."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from maillage.kernel.errors import Category, Refusal
from maillage.services.sensing.gateway.counts import Counts
from maillage.services.sensing.model import Reading
from maillage.services.sensing.ports import ReadingStore

_log = logging.getLogger(__name__)
WAITING_MAX = 200_000
"""Readings: with 300 sensors a minute 11 hours, with 30,000 seven minutes, about 40 MB."""
BATCH_MAX = 20_000
RETRY_S = 1.0
RETRY_LAST_S = 30.0
STOP_S = 10.0


class Writer:
    """What is put in is stored in the end, in order: a store that is slow holds back who puts. While one fails it is
    tried again and again. Dropped, and told, is only what it would not have even alone, for a fault of the reading and
    not of the disk; and what comes while it fails and no more can wait, since alarms must not wait for a dead disk."""

    def __init__(self, store: ReadingStore, counts: Counts, waiting_max: int = WAITING_MAX) -> None:
        self._store, self._counts, self._most = store, counts, waiting_max
        self._waiting: deque[Sequence[Reading]] = deque()
        self._some, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._empty.set()
        self._failing = False
        self._thread = ThreadPoolExecutor(1, "readings")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def put(self, readings: Sequence[Reading]) -> None:
        """Waits while too much waits already, unless the store fails."""
        if self._failing and self._counts.waiting >= self._most:
            self._counts.lost += len(readings)
            return
        self._waiting.append(readings)
        self._counts.waiting += len(readings)
        self._some.set()
        self._empty.clear()
        if self._counts.waiting >= self._most:
            self._room.clear()
        await self._room.wait()

    async def stop(self) -> None:
        """Write what waits; after ten seconds without success give up, and say how much was lost."""
        if self._task is None:
            return
        in_time = True
        try:
            async with asyncio.timeout(STOP_S):
                await self._empty.wait()
        except TimeoutError:
            in_time = False
            _log.error("%d readings could not be stored before the end", self._counts.waiting)
            self._counts.lost += self._counts.waiting
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        self._room.set()
        self._thread.shutdown(wait=in_time)  # at once, where nothing is being written

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            batch: list[Reading] = []
            while self._waiting and len(batch) < BATCH_MAX:
                batch.extend(self._waiting.popleft())
            await self._store_all(batch)
            self._counts.waiting -= len(batch)
            if self._counts.waiting < self._most:
                self._room.set()
            if not self._waiting:
                self._some.clear()
                self._empty.set()

    async def _store_all(self, batch: Sequence[Reading]) -> None:
        wait_s = RETRY_S
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.append, batch)
            except Exception as fault:
                self._counts.store_failed += 1
                if not _may_pass(fault):
                    await self._store_one_by_one(batch, fault)
                    return
                if wait_s == RETRY_S:
                    _log.warning("readings can't be stored now, trying on: %s", fault)
                self._failing = True
                self._room.set()  # whoever waits for room would wait for the disk
            else:
                if self._failing:
                    _log.warning("readings are stored again; %d were lost so far", self._counts.lost)
                    self._failing = False
                self._counts.stored += len(batch)
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_LAST_S)

    async def _store_one_by_one(self, batch: Sequence[Reading], fault: Exception) -> None:
        """A reading that the store can't have must not keep the others from it."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._store_all(batch[:middle])
            await self._store_all(batch[middle:])
            return
        self._counts.lost += 1
        _log.error("a reading was not stored: %r", batch[0], exc_info=fault)


def _may_pass(fault: Exception) -> bool:
    """Whether it is the disk's, or another fault that may be mended while we wait."""
    if isinstance(fault, Refusal):
        return fault.category is Category.UNAVAILABLE
    return isinstance(fault, OSError | MemoryError)
