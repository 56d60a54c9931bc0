"""Where engines are chosen, and nowhere else: a chain is opened from a data folder."""

import asyncio
import gc
import logging
import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from maillage.engines.clocks import ManualClock, SystemClock
from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.folder_lock import FolderInUse, FolderLock
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.engines.sqlite_records import SqliteRecords
from maillage.kernel.announcer import Announcer
from maillage.kernel.feed import Feed
from maillage.kernel.find import Finder
from maillage.kernel.keeper import Keeper
from maillage.kernel.kinds import DEFAULT_KINDS, Kind
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock, Committed
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook
from maillage.kernel.recovery import take_snapshot
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.writer import Writer
from maillage.tenancy.access import Access

__all__ = ["Chain", "FolderInUse", "ManualClock", "open_chain", "remove_chain", "run"]

log = logging.getLogger(__name__)

T = TypeVar("T")

SNAPSHOT_EVERY = 200_000
"""Events after which a running chain has a snapshot taken: a restart then replays a second or two at the most."""
SNAPSHOT_AT_STOP = 5_000
"""Events that make a snapshot at an orderly stop worth its while."""


class Chain:
    """All parts of a running chain, wired. Use as an async context manager to have the writer run."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._lock = FolderLock(folder)
        self.folder = folder
        self.clock = clock
        self.journal = SqliteJournal(folder)
        self.snapshots = FileSnapshots(folder / "snapshots")
        self.records = SqliteRecords(folder)
        self.announcer = Announcer()
        self.policy = Policy(_kinds(self.records), self.records.price_book() or DEFAULT_BOOK)
        self.keeper = Keeper(self.journal, self.snapshots, clock, self.announcer, self.policy)
        self.writer = Writer(self.keeper)
        self.finder = Finder(lambda: self.keeper.ledger, self.policy)
        self.office = OwnerOffice(self.writer, self.finder, self.policy, clock)
        self.access = Access(self.records, clock)
        self.feed = Feed(self.journal, self.announcer)
        self._snapshot_pos = self.snapshots.newest_pos()
        self._snapshot_task: asyncio.Task[None] | None = None
        self.announcer.subscribe(self.finder.listen)
        self.announcer.subscribe(self._snapshot_when_due)

    async def __aenter__(self) -> "Chain":
        # Leases are invisible to the collector and what was loaded is frozen; what remains is short-lived, and
        # walking the growing indexes over and over would be wasted time.
        gc.set_threshold(50_000, 20, 100)
        self.writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.stop()
        if self._snapshot_task is not None:
            self._snapshot_task.cancel()
        self.close()

    def close(self) -> None:
        """Leave the folder to others; a snapshot first, when much has happened since the last."""
        if self.journal.end() - self._snapshot_pos >= SNAPSHOT_AT_STOP:
            self.snapshots.save(self.keeper.ledger.pos, encode_ledger(self.keeper.ledger))
        self.journal.close()
        self.records.close()
        self._lock.close()

    def put_kind(self, kind: Kind) -> None:
        """Add a kind of capacity, or change the unit and description of one."""
        self.records.put_kind(kind)
        self.policy.kinds[kind.name] = kind

    def put_price_book(self, book: PriceBook) -> None:
        """From now on new leases are priced by this book; what was granted keeps its price."""
        self.policy.replace_book(book)
        self.records.put_price_book(book)

    def _snapshot_when_due(self, committed: Committed) -> None:
        due = committed.pos + len(committed.events) - self._snapshot_pos >= SNAPSHOT_EVERY
        if due and (self._snapshot_task is None or self._snapshot_task.done()):
            try:
                self._snapshot_task = asyncio.get_running_loop().create_task(self._snapshot_beside())
            except RuntimeError:  # no loop: somebody fills a folder in one go, and close will take the snapshot
                return
            self._snapshot_pos = committed.pos

    async def _snapshot_beside(self) -> None:
        """In a process of its own: encoding millions of leases would stop the writer for seconds."""
        command = (sys.executable, "-m", "maillage.bootstrap", str(self.folder))
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        try:
            if await process.wait():
                log.warning("a snapshot could not be taken; the next start replays more of the journal")
        except asyncio.CancelledError:
            process.kill()
            raise


def open_chain(folder: Path, clock: Clock | None = None) -> Chain:
    """The chain that lives in a folder, a new and empty one where there is none. FolderInUse if it has an owner."""
    return Chain(folder, clock or SystemClock())


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is."""
    try:
        import uvloop  # absent on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def remove_chain(folder: Path) -> None:
    """Delete a chain's folder, if it is there and nobody uses it (else FolderInUse)."""
    if folder.exists():
        FolderLock(folder).close()
        shutil.rmtree(folder)


def _kinds(records: SqliteRecords) -> tuple[Kind, ...]:
    return (*DEFAULT_KINDS, *records.kinds())


if __name__ == "__main__":
    take_snapshot(SqliteJournal(Path(sys.argv[1])), FileSnapshots(Path(sys.argv[1]) / "snapshots"))
