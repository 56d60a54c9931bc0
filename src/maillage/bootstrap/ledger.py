"""A ledger with its journal in a folder, its writer, and its office: what every owner of sites has."""

from pathlib import Path

from maillage.bootstrap.snapshots import SnapshotTaker
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.announcer import Announcer
from maillage.kernel.find import Finder
from maillage.kernel.keeper import Keeper
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Clock
from maillage.kernel.writer import Writer


class OwnedLedger:
    """``writer`` has to be started by whoever opens it."""

    def __init__(self, folder: Path, clock: Clock, policy: Policy) -> None:
        self.journal = SqliteJournal(folder)
        self.announcer = Announcer()
        self.snapshots = SnapshotTaker(folder, self.announcer, lambda: self.keeper.ledger)
        self.keeper = Keeper(self.journal, self.snapshots.store, clock, self.announcer, policy)
        self.writer = Writer(self.keeper)
        self.finder = Finder(lambda: self.keeper.ledger, policy)
        self.announcer.subscribe(self.finder.listen)
        self.office = OwnerOffice(self.writer, self.finder, policy, clock)

    def close(self) -> None:
        """Leave the folder to others; the writer must have stopped."""
        self.snapshots.stop()
        self.journal.close()
