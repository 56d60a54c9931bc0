"""A small chain in one process: hubs and nodes on an in-process bus, with records in a file and ledgers in memory.

Nodes can lose answers, hubs can die, and each may have a clock of its own.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from maillage.engines.clocks import ManualClock
from maillage.engines.inproc_bus import Exchange, InprocBus
from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.engines.records import tables
from maillage.engines.records.mesh import SqlMeshRecords
from maillage.engines.records.opening import open_database
from maillage.kernel.announcer import Announcer
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import RecordsUnavailable
from maillage.kernel.events import Event, decode_events
from maillage.kernel.find import Finder
from maillage.kernel.keeper import Keeper
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import Ledger
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.policy import Policy
from maillage.kernel.sites import Site
from maillage.kernel.spans import inject
from maillage.kernel.writer import Writer
from maillage.mesh.enrolment import Enrolments
from maillage.mesh.hub import Hub, OwnLedger
from maillage.mesh.node import Node
from maillage.mesh.ports import Message, Serve, Subscription
from tests.kernel_world import NOW

SITES = [
    Site(f"wm-{number}", f"Store {number}", 36.0 + number / 10, -94.0, "America/Chicago") for number in range(1, 7)
]
PUBLIC_KEY = "U" + "A" * 55


class LossyBus(InprocBus):
    """``losing`` counts the answers about sites that are still to be lost, ``heard`` are the asks that came in."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.losing = 0
        self.heard: list[tuple[Message, Serve]] = []

    async def serve(self, subject: str, handler: Serve) -> Subscription:
        async def answer(message: Message) -> bytes:
            if not subject.startswith("site."):
                return await handler(message)
            self.heard.append((message, handler))
            body = await handler(message)
            if self.losing:
                self.losing -= 1
                await asyncio.Event().wait()
            return body

        return await super().serve(subject, answer)

    async def again(self, number: int = 0) -> bytes:
        """What the node says to a copy of an ask that came before."""
        message, handler = self.heard[number]
        return await handler(message)


class MortalRecords:
    """Records as one hub sees them: once it is ``dead`` it changes nothing any more."""

    def __init__(self, records: SqlMeshRecords) -> None:
        self._records = records
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if self.dead:
                raise RecordsUnavailable("this hub is dead")
            return getattr(self._records, name)(*arguments)

        return call


class Owner:
    """The ledger part of a node or hub; ``restart`` keeps the journal and nothing else."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.journal = MemoryJournal()
        self.snapshots = MemorySnapshots()
        self.open()

    def open(self) -> None:
        self.announcer = Announcer()
        self.policy = Policy()
        self.keeper = Keeper(self.journal, self.snapshots, self.clock, self.announcer, self.policy)
        self.writer = Writer(self.keeper)
        self.finder = Finder(lambda: self.keeper.ledger, self.policy)
        self.announcer.subscribe(self.finder.listen)
        self.office = OwnerOffice(self.writer, self.finder, self.policy, self.clock)


class NodeWorld(Owner):
    def __init__(self, node_id: str, sites: list[str], exchange: Exchange, clock: ManualClock) -> None:
        super().__init__(clock)
        self.id = node_id
        self.sites = sites
        self.exchange = exchange

    async def start(self) -> None:
        self.bus = LossyBus(self.exchange)
        self.node = Node(
            self.id,
            self.sites,
            self.keeper,
            self.office,
            self.clock,
            self.announcer,
            self.bus,
            lambda kinds, book: self.policy.replace_book(book),
        )
        self.writer.start()
        await self.node.start()

    async def stop(self) -> None:
        await self.node.stop()
        await self.bus.close()
        await self.writer.stop()

    async def restart(self) -> None:
        await self.stop()
        self.open()
        await self.start()

    @property
    def leases(self) -> list[Lease]:
        """Those that stand."""
        return [lease for lease in self.keeper.ledger.leases.values() if lease.is_active]

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.journal.read() for event in decode_events(batch.body)]


class HubWorld:
    def __init__(self, hub_id: str, world: "MeshWorld") -> None:
        self.world = world
        self.id = hub_id
        self.journal = MemoryJournal()
        self.records = MortalRecords(world.records)
        self.own = Owner(world.clock)
        self.open()

    def open(self) -> None:
        world, hub_id = self.world, self.id
        self.bus = InprocBus(world.exchange)
        self.refused: list[tuple[str, str]] = []
        self.hub = Hub(
            hub_id,
            self.journal,
            MemorySnapshots(),
            Announcer(),
            OwnLedger(self.own.writer, self.own.office, self.own.announcer),
            world.clock,
            self.bus,
            self.records,
            Policy(),
            lambda: f"{hub_id}-{next(world.numbers)}",
            lambda node, what: self.refused.append((node, what)),
            lambda *_: None,
            inject,
        )
        self.enrolments = Enrolments(
            world.records, self.hub.directory, world.clock, ["bus"], lambda *_: None, self.hub.changed
        )

    @property
    def office(self) -> Any:
        return self.hub.office

    @property
    def ledger(self) -> Ledger:
        return self.hub.mirror.ledger

    async def start(self) -> None:
        self.own.writer.start()
        await self.hub.start()

    async def stop(self) -> None:
        await self.hub.stop()
        await self.bus.close()
        await self.own.writer.stop()

    async def restart(self) -> None:
        """As after a crash: the two journals are left."""
        await self.stop()
        self.own.open()
        self.open()
        await self.start()

    def die(self) -> None:
        """It says nothing and writes nothing any more; what it was doing can be cancelled without any effect."""
        self.records.dead = True
        self.bus.cut()

    def events_of(self, site: str) -> list[Event]:
        found = [event for batch in self.journal.read() for event in decode_events(batch.body)]
        return [event for event in found if event.site == site]


class MeshWorld:
    """Use ``run`` for a test's coroutine; whatever was started is stopped after it. The records are in the folder, or
    in the database of the URL."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.clock = ManualClock(NOW)
        self.exchange = Exchange()
        self.database = open_database(database_url, folder)
        self.records = SqlMeshRecords(self.database)
        self.nodes: dict[str, NodeWorld] = {}
        self.hubs: list[HubWorld] = []
        self.numbers = itertools.count()

    def run(self, test: Callable[["MeshWorld"], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            try:
                await asyncio.wait_for(test(self), 30)
            finally:
                for node in self.nodes.values():
                    await node.stop()
                for hub in self.hubs:
                    await hub.stop()
                self.database.close()

        asyncio.run(whole())

    async def hub(self, hub_id: str = "h1", sites: list[Site] | None = None) -> HubWorld:
        """A hub that knows these sites and runs."""
        self.records.put_sites(SITES if sites is None else sites)
        hub = HubWorld(hub_id, self)
        self.hubs.append(hub)
        await hub.start()
        return hub

    async def node(
        self, node_id: str, sites: list[str], cpu: float = 16, clock: ManualClock | None = None
    ) -> NodeWorld:
        """A node that joined for these sites, each with so much cpu."""
        node = await self.joined(node_id, sites, clock)
        for site in sites:
            await node.office.set_capacity(site, "cpu", CapacityPlanDocument(cpu))
        await self.settled()
        return node

    async def joined(self, node_id: str, sites: list[str], clock: ManualClock | None = None) -> NodeWorld:
        """A node that joined, as the hub knows it by now."""
        hub = self.hubs[0]
        _, token = await hub.enrolments.invite(node_id, sites)
        await hub.enrolments.join(token, PUBLIC_KEY, sites)
        node = self.nodes[node_id] = NodeWorld(node_id, sites, self.exchange, clock or self.clock)
        await node.start()
        await until(lambda: all(site in node.keeper.ledger.sites for site in sites))
        await until(lambda: node.journal.end() >= node.keeper.ledger.pos, "what is known is durable")
        return node

    def claims(self) -> list[tuple[str, str, bool]]:
        """(key, site, settled) of all claims that stand."""
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(tables.claims.c["key", "site", "settled"])).all()
        return [(key, site, bool(settled)) for key, site, settled in rows]

    async def settled(self) -> None:
        """All hubs have all that the nodes committed, and hear them."""
        for node in self.nodes.values():
            for world in self.hubs:
                directory, mirror = world.hub.directory, world.hub.mirror
                await until(lambda: mirror.position(node.id) >= node.journal.end(), f"{node.id} at the hub")  # noqa: B023
                await until(lambda: directory.is_reachable(node.id), f"{node.id} within reach")  # noqa: B023


async def until(holds: Callable[[], bool], what: str = "what was waited for", within_s: float = 10) -> None:
    """Wait for something that other tasks bring about."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not come about"
        await asyncio.sleep(0.01)


async def refusal_in(asked: Awaitable[Any]) -> Exception:
    """What an awaited call ends in."""
    try:
        answer = await asked
    except Exception as refusal:
        return refusal
    raise AssertionError(f"granted: {answer}")
