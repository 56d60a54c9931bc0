"""A whole chain in one process, as a data folder has it: the owner of all ledgers, with nobody else to ask."""

import asyncio

from maillage.kernel.announcer import Announcer
from maillage.kernel.find import Finder
from maillage.kernel.keeper import Keeper
from maillage.kernel.ledger import Ledger
from maillage.kernel.office import Office
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Committed
from maillage.kernel.recovery import take_snapshot
from maillage.kernel.writer import Writer
from maillage.simulation.disk import OWN, SimJournal, SimSnapshots
from maillage.simulation.life import Life
from maillage.simulation.process import SimProcess

SNAPSHOT_EVERY = 150
"""Events between two snapshots, at least: few, so that most lives begin from one."""


class AloneProcess(SimProcess):
    """``journal_syncs`` False is a mistake planted for the tests of the simulator."""

    journal_syncs = True
    keeper: Keeper

    @property
    def ledger(self) -> Ledger:
        """What it has in memory."""
        return self.keeper.ledger

    async def boot(self, life: Life) -> Office:
        return self.own(life)

    async def halt(self) -> None:
        await self.writer.stop()

    def own(self, life: Life) -> OwnerOffice:
        """The parts of an owner: its ledger from the disk, and its writer at work."""
        self.journal = SimJournal(self.disk, life, OWN, self.journal_syncs)
        snapshots = SimSnapshots(self.disk, life)
        self.announcer, self.policy = Announcer(), Policy()
        self.keeper = Keeper(self.journal, snapshots, self.clock, self.announcer, self.policy)
        self.writer = Writer(self.keeper)
        finder = Finder(lambda: self.keeper.ledger, self.policy)
        self.announcer.subscribe(finder.listen)
        self.snapshot_now_and_then(self.announcer, self.journal, snapshots)
        self.writer.start()
        self.owner_office = OwnerOffice(self.writer, finder, self.policy, self.clock)
        return self.owner_office

    def snapshot_now_and_then(self, announcer: Announcer, journal: SimJournal, snapshots: SimSnapshots) -> None:
        """Take a snapshot whenever so many events were committed since the last."""
        due = snapshots.newest_pos() + SNAPSHOT_EVERY

        def heed(committed: Committed) -> None:
            nonlocal due
            if committed.pos >= due:
                due = committed.pos + max(SNAPSHOT_EVERY, committed.pos // 4)
                asyncio.get_running_loop().create_task(self._snapshot(journal, snapshots))

        announcer.subscribe(heed)

    async def _snapshot(self, journal: SimJournal, snapshots: SimSnapshots) -> None:
        try:
            await asyncio.to_thread(take_snapshot, journal, snapshots)
        except OSError:
            self.world.note("snapshots_failed", self.name)
        else:
            self.world.note("snapshots", self.name)
