"""The members of a simulated mesh: nodes that own their stores' ledgers, and hubs."""

from collections.abc import Sequence

from maillage.kernel.announcer import Announcer
from maillage.kernel.kinds import Kind
from maillage.kernel.office import Office
from maillage.kernel.prices import PriceBook
from maillage.mesh.hub import Hub, OwnLedger
from maillage.mesh.node import Node
from maillage.simulation.alone import AloneProcess
from maillage.simulation.bus import Exchange, SimBus
from maillage.simulation.disk import SimJournal, SimSnapshots
from maillage.simulation.life import Life
from maillage.simulation.records import SimRecords
from maillage.simulation.world import World

MIRROR = "mirror"
"""The file of a hub's mirror."""


class NodeProcess(AloneProcess):
    """A node and the sites that it is enrolled for. Its ``office`` is what clients in the store itself call."""

    def __init__(self, world: World, name: str, exchange: Exchange, sites: Sequence[str]) -> None:
        super().__init__(world, name)
        self.sites = list(sites)
        self._exchange = exchange

    async def boot(self, life: Life) -> Office:
        office = self.own(life)
        bus = SimBus(self._exchange, life)
        self.node = Node(self.name, self.sites, self.keeper, office, self.clock, self.announcer, bus, self._take_policy)
        await self.node.start()
        return office

    async def halt(self) -> None:
        await self.node.stop()
        await super().halt()

    def _take_policy(self, kinds: tuple[Kind, ...], book: PriceBook) -> None:
        self.policy.kinds = {kind.name: kind for kind in kinds}
        self.policy.replace_book(book)


class HubProcess(AloneProcess):
    """A hub; the ledger that it owns is that of its holdings, the mirror lies beside it on the same disk."""

    def __init__(self, world: World, name: str, exchange: Exchange, records: SimRecords) -> None:
        super().__init__(world, name)
        self._exchange = exchange
        self._records = records
        self._ids = 0

    async def boot(self, life: Life) -> Office:
        own_office = self.own(life)
        bus = SimBus(self._exchange, life)
        journal = SimJournal(self.disk, life, MIRROR)
        snapshots, announcer = SimSnapshots(self.disk, life, MIRROR), Announcer()
        self.snapshot_now_and_then(announcer, journal, snapshots)
        self.hub = Hub(
            self.name,
            journal,
            snapshots,
            announcer,
            OwnLedger(self.writer, own_office, self.announcer),
            self.clock,
            bus,
            self._records,
            self.policy,
            self._make_id,
            self._refused,
            _no_credentials,
        )
        await self.hub.start()
        return self.hub.office

    async def halt(self) -> None:
        await self.hub.stop()
        await super().halt()

    def _make_id(self) -> str:
        self._ids += 1
        return f"{self.name}.{self._ids}"

    def _refused(self, node: str, why: str) -> None:
        self.world.fault(f"{self.name} refused what {node} sent: {why}")


def _no_credentials(_node: str, _public_key: str, _sites: Sequence[str]) -> None:
    """The simulated bus asks nobody who he is."""
