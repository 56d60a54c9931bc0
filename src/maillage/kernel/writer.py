"""The one writer of a ledger: it drains the queue, decides in memory, commits once for all of them, then answers.

While a batch is on its way to the disk the next one gathers in the queue, so the batches grow with the load and the
cost of a sync is shared by all who wait for it.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from maillage.kernel import spans
from maillage.kernel.errors import JournalUnavailable
from maillage.kernel.histogram import COUNTS, SECONDS, Histogram
from maillage.kernel.keeper import Decided, Decision, Keeper
from maillage.kernel.waiting import signalled

log = logging.getLogger(__name__)

TIMER_CHECK_S = 0.25
"""How often an idle writer looks whether a hold has expired or a lease has ended."""
RETRY_S = 1.0
BATCH_MAX = 512
"""Decisions a commit: past that the sync is well shared, and whoever came first should not wait for a whole storm."""
_Waiting = tuple[Decision, asyncio.Future[Any], spans.Span | None]
"""A decision, where its answer goes, and what whoever asked is traced by, if anything."""
_NOT_KEPT = "it was not kept; try again in a moment with the same idempotency key"


class Writer:
    """Start it on a running loop; every change and every read of committed state goes through ``submit``.

    For whoever watches: how many decisions shared a commit, how long a commit took (seconds, from the hand-over until
    it was durable), how many events were committed, and how many batches were not kept.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.batch_sizes = Histogram(COUNTS)
        self.commit_seconds = Histogram(SECONDS)
        self.events_committed = 0
        self.batches_failed = 0
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Answer what is queued, then end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._disk.shutdown()

    @property
    def waiting(self) -> int:
        """Decisions that no batch has taken up yet."""
        return len(self._queue)

    async def submit(self, decision: Decision) -> Any:
        """The decision's answer, once all that it rests on is durable; raises its Refusal, or JournalUnavailable."""
        if self._stopping:
            raise JournalUnavailable(f"the server is stopping; {_NOT_KEPT}")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((decision, answer, spans.current()))
        self._wake.set()
        return await answer

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            if not self._queue and not self.keeper.timer_due():
                self._wake.clear()
                await signalled(self._wake, TIMER_CHECK_S)
                continue
            waiting, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
            try:
                with spans.linked("batch", [span for _, _, span in waiting if span is not None]):
                    with spans.span("decide"):
                        decided = self.keeper.decide([decision for decision, _, _ in waiting])
                    if decided.committed.events:
                        await self._commit(decided, len(waiting))
            except Exception as fault:
                log.exception("a batch of %d was not kept", len(waiting))
                self.batches_failed += 1
                await self._recover(waiting, fault)
                if not waiting:  # only timers were due, and they still are: give the disk a moment
                    await asyncio.sleep(RETRY_S)
            else:
                self._answer(waiting, decided)

    async def _commit(self, decided: Decided, decisions: int) -> None:
        events = len(decided.committed.events)
        with spans.span("commit", {"maillage.decisions": decisions, "maillage.events": events}):
            began = perf_counter()
            await asyncio.get_running_loop().run_in_executor(self._disk, self.keeper.commit, decided)
            self.commit_seconds.observe(perf_counter() - began)
        self.batch_sizes.observe(decisions)
        self.events_committed += events

    def _answer(self, waiting: list[_Waiting], decided: Decided) -> None:
        for (_, future, _), answer in zip(waiting, decided.answers, strict=True):
            if future.done():  # whoever asked has gone away
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        try:
            self.keeper.publish(decided)
        except Exception:  # what is committed stands, and the next ask must not wait for a listener to be mended
            log.exception("a listener failed")

    async def _recover(self, waiting: list[_Waiting], fault: Exception) -> None:
        """Rebuild the ledger from what is durable before anybody is answered; keep trying while the disk is away."""
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._disk, self.keeper.rebuild)
            except Exception as again:
                log.error("the ledger can't be rebuilt yet: %s", again)
                self._refuse(waiting, fault)
                if self._stopping:
                    return
                await asyncio.sleep(RETRY_S)
                waiting, self._queue = self._queue, []
            else:
                self._refuse(waiting, fault)
                return

    @staticmethod
    def _refuse(waiting: list[_Waiting], fault: Exception) -> None:
        for _, future, _ in waiting:
            if not future.done():
                future.set_exception(JournalUnavailable(f"{type(fault).__name__}: {_NOT_KEPT}"))
