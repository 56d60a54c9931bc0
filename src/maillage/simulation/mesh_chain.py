"""A chain as a mesh: hubs, nodes that own one to three stores each, the bus between them, and shared records."""

import json
from collections.abc import Iterator

import msgspec

from maillage.kernel.events import Event, decode_events
from maillage.kernel.times import HOUR_S
from maillage.mesh.ports import EscrowRule, NodeRecord
from maillage.simulation.alone import AloneProcess
from maillage.simulation.bus import Exchange
from maillage.simulation.chain import SimChain
from maillage.simulation.checker import check_bills, check_books, check_replay
from maillage.simulation.clients import Client
from maillage.simulation.disk import OWN, SimFile
from maillage.simulation.faults import CLOCK_OFF_MAX_S, Faults
from maillage.simulation.holdings import check_holdings
from maillage.simulation.members import MIRROR, HubProcess, NodeProcess
from maillage.simulation.memory import Memory
from maillage.simulation.mesh_faults import MeshFaults
from maillage.simulation.network import SimNetwork
from maillage.simulation.outcome import Outcome
from maillage.simulation.records import SimRecords
from maillage.simulation.stage import stores
from maillage.simulation.world import World

HUBS = 2
NODES = (3, 8)
ESCROW = EscrowRule("cpu", 6_000, 0.3, 8 * HOUR_S)
"""In half of all chains: long enough for most asks to lie within it."""


class MeshChain(SimChain):
    """``hub_class`` and ``node_class`` are replaced where a mistake is planted."""

    hub_class = HubProcess
    node_class = NodeProcess

    def __init__(self, world: World) -> None:
        super().__init__(world)
        random = world.random("stage")
        self.network = SimNetwork(world)
        self.exchange = Exchange(self.network)
        self.records = SimRecords(world.random("records"))
        owned = [random.choice((1, 1, 2, 3)) for _ in range(random.randint(*NODES))]
        self.stores = stores(random, sum(owned))
        self.has_escrow = random.random() < 0.5
        self.hubs = [self.hub_class(world, f"h{number}", self.exchange, self.records) for number in range(1, HUBS + 1)]
        self.nodes: list[NodeProcess] = []
        names = iter(store.site.id for store in self.stores)
        for number, count in enumerate(owned, 1):
            sites = [next(names) for _ in range(count)]
            self.nodes.append(self.node_class(world, f"n{number}", self.exchange, sites))
        self.processes = [*self.hubs, *self.nodes]

    def parts(self) -> dict[str, int]:
        return {"hubs": len(self.hubs), "nodes": len(self.nodes), "stores": len(self.stores)}

    def faults(self) -> Faults:
        return MeshFaults(self.world, self.processes, self.exchange, self.records)

    def client(self, number: int, memory: Memory) -> Client:
        """Every fourth stands in a store and asks its node, the others ask any hub."""
        if number % 4 == 3:
            node = self.nodes[number % len(self.nodes)]
            own = [store for store in self.stores if store.site.id in node.sites]
            return Client(self.world, number, own, lambda _: node, memory, sees_all=True)
        return Client(self.world, number, self.stores, lambda random: random.choice(self.hubs), memory, sees_all=False)

    def owners(self) -> Iterator[AloneProcess]:
        yield from self.nodes
        yield from self.hubs

    async def set_up(self) -> None:
        self.records.put_sites([store.site for store in self.stores])
        for node in self.nodes:
            self.records.enter_node(NodeRecord(node.name, "", 0), node.sites)
        for process in self.processes:
            await process.start()
        await self.until("every process is up", self.is_up)
        await self.until("every store is known", self._knows_every_store)
        for store in self.stores:
            for kind, plan in store.pools.items():
                await self.persist(self.hubs[0], "office", "set_capacity", store.site.id, kind, plan)
        if self.has_escrow:
            self.records.put_escrow_rule(ESCROW)
            await self.until("every hub holds something", lambda: all(hub.hub.escrow.holdings() for hub in self.hubs))
        await self.rest()

    async def settle(self) -> None:
        """Hold nothing in escrow any more, or hubs would renew it for ever; and let the clocks of all get to where one
        that was ahead had been, since an order that a hub began then is nobody else's until that instant."""
        if self.has_escrow:
            self.records.put_escrow_rule(msgspec.structs.replace(ESCROW, quantity=0))
        self.world.time.leap(2 * CLOCK_OFF_MAX_S)
        await super().settle()

    async def rest(self) -> None:
        """Until every mirror has every event, every order has ended, and nothing is left to be made void."""
        await self.until("every mirror has every event", self._mirrors_are_whole)
        await self.until("every order has ended", self._orders_have_ended)
        await self.until("every lost key is void", lambda: not self.records.due)
        await self.until("every mirror has every event", self._mirrors_are_whole)

    def check(self, outcome: Outcome) -> None:
        self._check_orders(outcome)
        told = {owner.name: _by_site(owner.disk.file(OWN)) for owner in self.owners()}
        real = {site: events for sites in told.values() for site, events in sites.items()}
        check_holdings(outcome, self.world.fault)
        for hub in self.hubs:
            name, mirror = f"{hub.name}'s mirror", hub.disk.file(MIRROR)
            check_books(self.world, name, mirror)
            ledger = check_replay(self.world, name, mirror, hub.hub.mirror.ledger)
            if ledger is not None:
                check_bills(self.world, name, ledger, outcome.charged, outcome.credited)
            self._check_mirror(name, _by_site(mirror), real)

    def _check_orders(self, outcome: Outcome) -> None:
        """Of an ask for several stores all leases stand, or none."""
        for order in self.records.all_orders.values():
            state = json.loads(order.body)
            promised = sorted(lease["id"] for lease in state["leases"]) if order.step == "done" else []
            names = outcome.by_key.pop((state["tenant"], order.id), [])
            standing = [name for name in sorted(names) if outcome.leases[name].stands]
            missing = [name for name in promised if outcome.leases[name].state == "voided"]
            if missing or not set(standing) <= set(promised):
                self.world.fault(f"order {order.id} is {order.step} with {promised}, and {standing} stand")

    def _check_mirror(self, hub: str, seen: dict[str, list[Event]], real: dict[str, list[Event]]) -> None:
        for site in sorted({*seen, *real}):
            if seen.get(site) != real.get(site):
                has, should = len(seen.get(site, [])), len(real.get(site, []))
                self.world.fault(f"{hub} has {has} events of {site}, not the {should} of its owner, or others")

    def _knows_every_store(self) -> bool:
        return all(store.site.id in hub.hub.mirror.ledger.sites for hub in self.hubs for store in self.stores)

    def _mirrors_are_whole(self) -> bool:
        ends = {node.name: node.journal.end() for node in self.nodes}
        ends |= {f"~{hub.name}": hub.journal.end() for hub in self.hubs}
        return all(hub.hub.mirror.position(name) == end for hub in self.hubs for name, end in ends.items())

    def _orders_have_ended(self) -> bool:
        return all(order.step in ("done", "undone") for order in self.records.orders.values())


def _by_site(file: SimFile) -> dict[str, list[Event]]:
    events: dict[str, list[Event]] = {}
    for batch in file.batches:
        for event in decode_events(batch.body):
            events.setdefault(event.site, []).append(event)
    return events
