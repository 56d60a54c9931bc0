"""The mirror: what all nodes committed, as far as a hub has heard, in one ledger and one journal of its own.

It decides nothing. Batches of a node come in the order of the node's journal; a batch that was here before changes
nothing, one that leaves a gap is turned away, one that can't be true sets its node aside.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor

import msgspec

from maillage.kernel.announcer import Announcer
from maillage.kernel.events import Event, decode_events, encode_events
from maillage.kernel.ports import Batch, Committed, Journal, SnapshotStore
from maillage.kernel.recovery import recover
from maillage.mesh.inspection import Poisoned, inspect

log = logging.getLogger(__name__)

QUEUE_MAX = 1_000
"""Batches that wait to be applied; whoever brings more has to wait."""
COMMIT_MAX = 64
"""Batches that share one commit of the mirror's journal."""
RETRY_S = 1.0

Owns = Callable[[str, str], bool]
"""(node, site) -> whether the node owns the site's ledger."""


class Mirror:
    """Start it on a running loop. ``ledger`` is for reading only; ``set_aside`` says why a node is no longer heard."""

    def __init__(
        self, journal: Journal, snapshots: SnapshotStore, announcer: Announcer, owns: Owns, disk: Executor | None = None
    ) -> None:
        self.journal = journal
        self.announcer = announcer
        self.set_aside: dict[str, str] = {}
        self._snapshots = snapshots
        self._owns = owns
        self._disk = disk
        self.ledger = recover(journal, snapshots)
        self._applied: dict[str, int] = journal.sources()
        self._offered = dict(self._applied)
        self._queue: asyncio.Queue[tuple[str, Batch]] = asyncio.Queue(QUEUE_MAX)
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """What was not applied by now will be asked for again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def position(self, node: str) -> int:
        """The number that the node's next event must have for the mirror to apply it."""
        return self._applied.get(node, 0)

    def expected(self, node: str) -> int:
        """The same, counting what is still in the queue."""
        return self._offered.get(node, 0)

    async def offer(self, node: str, batch: Batch) -> bool:
        """Take the node's next batch in; False for one that leaves a gap. One that was here before is taken and
        forgotten."""
        if node in self.set_aside:
            return True
        expected = self.expected(node)
        if batch.pos + batch.count <= expected:
            return True
        if batch.pos > expected:
            return False
        self._offered[node] = batch.pos + batch.count
        await self._queue.put((node, batch))
        return True

    async def reach(self, node: str, position: int, within_s: float) -> bool:
        """Wait until the node's events before ``position`` are applied; whether they are."""
        deadline = asyncio.get_running_loop().time() + within_s
        while self.position(node) < position:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or node in self.set_aside:
                return False
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), left)
            except TimeoutError:
                return False
        return True

    def readmit(self, node: str) -> None:
        """Hear a node again that was set aside."""
        self.set_aside.pop(node, None)
        self._offered[node] = self.position(node)

    async def _run(self) -> None:
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < COMMIT_MAX and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            await self._apply(waiting)

    async def _apply(self, waiting: list[tuple[str, Batch]]) -> None:
        rows: list[Batch] = []
        told: list[Committed] = []
        positions: dict[str, int] = {}
        try:
            for node, batch in waiting:
                if node in self.set_aside or batch.pos != positions.get(node, self.position(node)):
                    continue  # its forerunner was lost on the way or not fit to be applied
                first = self.ledger.pos
                new = self._applied_events(node, batch)
                if new is None:
                    continue
                positions[node] = batch.pos + batch.count
                if new:
                    body = batch.body if len(new) == batch.count else encode_events(new)
                    rows.append(Batch(first, len(new), body, node, positions[node]))
                    told.append(Committed(first, new))
            if rows:
                await asyncio.get_running_loop().run_in_executor(self._disk, lambda: self.journal.append(*rows))
        except Exception:
            log.exception("%d batches could not be entered in the mirror", len(waiting))
            await self._rebuild()
            return
        self._applied.update(positions)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        for committed in told:
            try:
                self.announcer.publish(committed)
            except Exception:
                log.exception("a listener failed")

    def _applied_events(self, node: str, batch: Batch) -> list[Event] | None:
        """The events of a batch that were new, applied to the ledger; None where the node was set aside for it."""
        new: list[Event] = []
        try:
            events = decode_events(batch.body)
            if len(events) != batch.count:
                raise Poisoned(f"a batch said to hold {batch.count} events holds {len(events)}")
            for event in events:
                if inspect(self.ledger, event, lambda site: self._owns(node, site)):
                    self.ledger.apply_foreign(event)
                    new.append(event)
        except (Poisoned, msgspec.DecodeError, msgspec.ValidationError) as fault:
            self.put_aside(node, str(fault))
            if new:
                raise  # the head of the batch is in the ledger already
            return None
        return new

    def put_aside(self, node: str, reason: str) -> None:
        """Hear no more of a node until somebody has looked at it."""
        log.error("node %s is set aside: %s", node, reason)
        self.set_aside[node] = reason

    async def _rebuild(self) -> None:
        """Bring the ledger back from what is durable; what is missing then will be asked for again."""
        while True:
            try:
                self.ledger = await asyncio.get_running_loop().run_in_executor(
                    self._disk, lambda: recover(self.journal, self._snapshots)
                )
                break
            except Exception as fault:
                log.error("the mirror can't be rebuilt yet: %s", fault)
                await asyncio.sleep(RETRY_S)
        self._applied = self.journal.sources()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._offered = defaultdict(int, self._applied)
