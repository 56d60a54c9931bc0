"""The mirror: what all nodes committed, as far as a hub has heard, in one ledger and one journal of its own.

It decides nothing. Batches of a node come in the order of the node's journal; a batch that was here before changes
nothing, one that leaves a gap is turned away, one that can't be true sets its node aside.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from maillage.kernel.announcer import Announcer
from maillage.kernel.events import Event, decode_events, encode_events
from maillage.kernel.ports import Batch, Committed, Journal, SnapshotStore
from maillage.kernel.recovery import recover
from maillage.kernel.sites import HOLDING
from maillage.kernel.waiting import signalled
from maillage.mesh.inspection import Poisoned, inspect
from maillage.mesh.messages import UNREADABLE

log = logging.getLogger(__name__)

QUEUE_MAX = 1_000
"""Batches that wait to be applied; whoever brings more has to wait."""
COMMIT_MAX = 64
"""Batches that share one commit of the mirror's journal."""
RETRY_S = 1.0

Owns = Callable[[str, str], bool]
"""(node, site) -> whether the node owns the site's ledger."""
Told = Callable[[str, str], None]


class Mirror:
    """Start it on a running loop. ``ledger`` is for reading only; ``set_aside`` says why a node is no longer heard.

    ``refresh`` brings up to date what ``owns`` rests on: it is awaited before a node is blamed for another's site, for
    the node may be the new owner. ``told`` hears of each node that is set aside, and why.
    """

    def __init__(
        self,
        journal: Journal,
        snapshots: SnapshotStore,
        announcer: Announcer,
        owns: Owns,
        disk: Executor | None = None,
        refresh: Callable[[], Awaitable[None]] | None = None,
        told: Told | None = None,
    ) -> None:
        self.journal = journal
        self.announcer = announcer
        self.set_aside: dict[str, str] = {}
        self._snapshots = snapshots
        self._owns = owns
        self._disk = disk
        self._refresh = refresh
        self._told = told
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

    @property
    def holders(self) -> list[str]:
        """The hubs that have holdings of their own."""
        return [node.removeprefix(HOLDING) for node in self._applied if node.startswith(HOLDING)]

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
            if not await signalled(moved, left):
                return False
        return True

    async def reach_all(self, ends: dict[str, int], within_s: float) -> None:
        """Wait until what these nodes had committed up to there is applied, for so long at most, and forget the ends:
        who was waited for in vain once (a store that was cut off after its answer) is not waited for again."""
        asked = dict(ends)
        late = [(node, end) for node, end in asked.items() if self.position(node) < end]
        if late:
            await asyncio.gather(*(self.reach(node, end, within_s) for node, end in late))
        for node, end in asked.items():
            if ends.get(node) == end:
                del ends[node]

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
                if node in self.set_aside:
                    continue
                position = positions.get(node, self.position(node))
                if batch.pos > position:  # its forerunner was lost on the way, and will be asked for again
                    self._offered[node] = position
                    continue
                if batch.pos + batch.count <= position:
                    continue
                first = self.ledger.pos
                new = await self._applied_events(node, batch, position)
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

    async def _applied_events(self, node: str, batch: Batch, position: int) -> list[Event] | None:
        """The events of a batch from ``position`` on that were new, applied to the ledger; None where the node was set
        aside for it, or can't be told yet from one that owns nothing there."""
        new: list[Event] = []
        try:
            events = decode_events(batch.body)
            if len(events) != batch.count:
                raise Poisoned(f"a batch said to hold {batch.count} events holds {len(events)}")
        except (Poisoned, *UNREADABLE) as fault:
            self.put_aside(node, str(fault))
            return None
        if self._refresh is not None and not all(self._owns(node, event.site) for event in events):
            try:
                await self._refresh()
            except Exception as fault:
                log.warning("who owns the sites that %s speaks for can't be read now: %s", node, fault)
                self._offered[node] = position
                return None
        try:
            for event in events:
                if inspect(self.ledger, event, lambda site: self._owns(node, site)):
                    self.ledger.apply_foreign(event)
                    new.append(event)
        except Exception as fault:
            self.put_aside(node, str(fault) if isinstance(fault, Poisoned) else f"an event does not fit: {fault!r}")
            if new or not isinstance(fault, Poisoned):
                raise  # something of the batch is in the ledger already
            return None
        return new

    def put_aside(self, node: str, reason: str) -> None:
        """Hear no more of a node until somebody has looked at it."""
        if node in self.set_aside:
            return
        log.error("node %s is set aside: %s", node, reason)
        self.set_aside[node] = reason
        if self._told is not None:
            self._told(node, reason)

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
        self._offered = dict(self._applied)
