"""A chain that owns all its ledgers itself: one process, one folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from maillage.bootstrap.chain import Chain
from maillage.bootstrap.ledger import OwnedLedger
from maillage.kernel.ports import Clock

if TYPE_CHECKING:
    from maillage.bootstrap.compute import Compute
    from maillage.bootstrap.devices import Mqtt
    from maillage.bootstrap.roofs import Roofs
    from maillage.bootstrap.store import Store
    from maillage.services.compute.positions.service import Positions


class LocalChain(Chain):
    """Also what a node is apart from its line to the hubs. If told to, it runs tenants' code and
    has to do with the stores' devices, over MQTT where it is told of a broker."""

    own_compute: "Compute | None" = None
    """``compute``, where it runs code."""
    own_roofs: "Roofs | None" = None
    """``roofs``, unless they are let elsewhere."""
    store: "Store | None" = None
    """The stores' devices, where it has to do with them."""
    positions: "Positions | None" = None
    """Where sessions' devices are, by MQTT: where it runs code and was told of a broker, once it has started."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        database_url: str,
        runs_code: bool = False,
        devices: bool = False,
        mqtt: "Mqtt | None" = None,
        lets_roofs: bool = True,
    ) -> None:
        super().__init__(folder, clock, database_url)
        self.own = OwnedLedger(folder, clock, self.policy)
        self.writer, self.keeper, self.announcer = self.own.writer, self.own.keeper, self.own.announcer
        self.snapshots = self.own.snapshots.store
        self._open_doors(self.own.office, self.own.journal, self.own.announcer, "chain")
        self.readiness.add("writer", lambda: self.writer.submit(lambda _: None))
        if lets_roofs:
            from maillage.bootstrap.roofs import Roofs

            self.roofs = self.own_roofs = Roofs(self.database, self.office, clock, self.paths)
        if runs_code:
            from maillage.bootstrap.compute import Compute

            self.compute = self.own_compute = Compute(folder, self.database, self.office, self.announcer, clock)
        if devices:
            from maillage.bootstrap.store import Store

            self.store = store = Store(folder, self.database, self.own.office, self.journal, clock, mqtt)
            self.devices, self.sensing, self.robots = store.devices, store.sensing, store.robots
            if mqtt is not None:
                self.readiness.add("mqtt", store.devices.require_line)

    async def _start(self) -> None:
        self.writer.start()
        if self.own_roofs is not None:
            await self.own_roofs.start()
        if self.store is not None:
            await self.store.start()
        if self.own_compute is not None:
            await self.own_compute.start()
            await self._follow(self.own_compute)

    async def _follow(self, compute: "Compute") -> None:
        """Hear where sessions' devices are, now that the sessions are known."""
        if self.store is not None and self.store.devices.line is not None:
            from maillage.services.compute.positions.service import Positions

            admission = self.store.devices.admission
            self.positions = Positions(self.store.devices.line, admission, compute.sessions, self.clock)
            await self.positions.start()

    async def _stop(self) -> None:
        if self.positions is not None:
            await self.positions.stop()
        if self.own_compute is not None:
            await self.own_compute.stop()
        if self.store is not None:
            await self.store.stop()
        if self.own_roofs is not None:
            await self.own_roofs.stop()
        await self.writer.stop()

    def _close_ledgers(self) -> None:
        if self.own_compute is not None:
            self.own_compute.close()
        if self.store is not None:
            self.store.close()
        self.own.close()
