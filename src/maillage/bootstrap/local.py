"""A chain that owns all its ledgers itself: one process, one folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from maillage.bootstrap.chain import Chain
from maillage.bootstrap.ledger import OwnedLedger
from maillage.kernel.ports import Clock

if TYPE_CHECKING:
    from maillage.bootstrap.compute import Compute


class LocalChain(Chain):
    """Also what a node is apart from its line to the hubs. It runs tenants' code if told to."""

    own_compute: "Compute | None" = None
    """``compute``, where it runs code."""

    def __init__(self, folder: Path, clock: Clock, database_url: str, runs_code: bool = False) -> None:
        super().__init__(folder, clock, database_url)
        self.own = OwnedLedger(folder, clock, self.policy)
        self.writer, self.keeper, self.announcer = self.own.writer, self.own.keeper, self.own.announcer
        self.snapshots = self.own.snapshots.store
        self._open_doors(self.own.office, self.own.journal, self.own.announcer, "chain")
        self.readiness.add("writer", lambda: self.writer.submit(lambda _: None))
        if runs_code:
            from maillage.bootstrap.compute import Compute

            self.compute = self.own_compute = Compute(folder, self.database, self.office, self.announcer, clock)

    async def _start(self) -> None:
        self.writer.start()
        if self.own_compute is not None:
            await self.own_compute.start()

    async def _stop(self) -> None:
        if self.own_compute is not None:
            await self.own_compute.stop()
        await self.writer.stop()

    def _close_ledgers(self) -> None:
        if self.own_compute is not None:
            self.own_compute.close()
        self.own.close()
