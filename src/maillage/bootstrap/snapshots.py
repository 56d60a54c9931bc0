"""Taking snapshots beside a running ledger, so that a restart need not replay all that ever happened."""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from maillage.engines.file_snapshots import FileSnapshots
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.announcer import Announcer
from maillage.kernel.ledger import Ledger
from maillage.kernel.ports import Committed
from maillage.kernel.recovery import take_snapshot
from maillage.kernel.snapshots import encode_ledger

log = logging.getLogger(__name__)

SNAPSHOT_EVERY = 200_000
"""Events after which a running ledger has a snapshot taken: a restart then replays a second or two at the most."""
SNAPSHOT_AT_STOP = 5_000
"""Events that make a snapshot at an orderly stop worth its while."""
FOLDER = "snapshots"


class SnapshotTaker:
    """Snapshots of the ledger whose journal is in ``folder``."""

    def __init__(self, folder: Path, announcer: Announcer, ledger: Callable[[], Ledger]) -> None:
        self.store = FileSnapshots(folder / FOLDER)
        self._folder = folder
        self._ledger = ledger
        self._pos = self.store.newest_pos()
        self._task: asyncio.Task[None] | None = None
        announcer.subscribe(self._take_when_due)

    def stop(self) -> None:
        """Take a last one, when much has happened since the one before."""
        if self._task is not None:
            self._task.cancel()
        ledger = self._ledger()
        if ledger.pos - self._pos >= SNAPSHOT_AT_STOP:
            try:
                self.store.save(ledger.pos, encode_ledger(ledger))
            except OSError as fault:  # it only saves time: what was told stands in the journal
                log.warning("no snapshot could be taken at the end: %s", fault)

    def _take_when_due(self, committed: Committed) -> None:
        due = committed.pos + len(committed.events) - self._pos >= SNAPSHOT_EVERY
        if due and (self._task is None or self._task.done()):
            try:
                self._task = asyncio.get_running_loop().create_task(self._take_beside())
            except RuntimeError:  # no loop: somebody fills a folder in one go, and stop will take the snapshot
                return
            self._pos = committed.pos

    async def _take_beside(self) -> None:
        """In a process of its own: encoding millions of leases would stop the writer for seconds."""
        command = (sys.executable, "-m", "maillage.bootstrap", str(self._folder))
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        try:
            if await process.wait():
                log.warning("a snapshot could not be taken; the next start replays more of the journal")
        except asyncio.CancelledError:
            process.kill()
            raise


def take_in_folder(folder: Path) -> None:
    """What the process beside does."""
    take_snapshot(SqliteJournal(folder), FileSnapshots(folder / FOLDER))
