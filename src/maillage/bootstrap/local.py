"""A chain that owns all its ledgers itself: one process, one folder."""

from pathlib import Path

from maillage.bootstrap.chain import Chain
from maillage.bootstrap.ledger import OwnedLedger
from maillage.kernel.ports import Clock


class LocalChain(Chain):
    """Also what a node is apart from its line to the hubs."""

    def __init__(self, folder: Path, clock: Clock, database_url: str) -> None:
        super().__init__(folder, clock, database_url)
        self.own = OwnedLedger(folder, clock, self.policy)
        self.writer, self.keeper, self.announcer = self.own.writer, self.own.keeper, self.own.announcer
        self.snapshots = self.own.snapshots.store
        self._open_doors(self.own.office, self.own.journal, self.own.announcer, "chain")
        self.readiness.add("writer", lambda: self.writer.submit(lambda _: None))

    async def _start(self) -> None:
        self.writer.start()

    async def _stop(self) -> None:
        await self.writer.stop()

    def _close_ledgers(self) -> None:
        self.own.close()
