"""Hubs of a small chain that let roofs, each with a keeper of its own that never runs by itself."""

import asyncio

from maillage.bootstrap.roofs import Roofs
from maillage.kernel.leases import Lease
from maillage.kernel.times import parse_time
from maillage.services.roof.catalogue.desk import Catalogue
from maillage.services.roof.catalogue.documents import NewRoof
from maillage.services.roof.leasing.documents import RoofLeaseDocument, SignWanted
from maillage.services.roof.leasing.steps import Actor
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld
from tests.unit.services.roof.leasing.leasing_world import ACME, NOTHING, OPERATOR, ROOF, wanted

START = parse_time("2027-01-01T06:00:00Z", "start")  # midnight in Chicago
FEBRUARY = parse_time("2027-02-01T06:00:00Z", "at")
JANUARY_RENT = "roof rent 2027-01-01 to 2027-02-01"
DOCUMENT = NewRoof(
    height_m=ROOF.height_m, mounts=ROOF.mounts, asking_rent="750", power_kw=10, load_kg=100, fibre_pairs=4
)


class RoofHub:
    """What lets roofs at one hub, over the records that all hubs share."""

    def __init__(self, hub: HubWorld) -> None:
        self.hub = hub
        self.open()

    def open(self) -> None:
        """As a process of the hub's does that starts."""
        hub = self.hub
        self.roofs = Roofs(hub.world.database, hub.office, hub.world.clock, hub.hub.finder.paths)
        self.desk = self.roofs.leases

    async def restart(self) -> None:
        await self.hub.restart()
        self.open()
        await self.hub.world.settled()

    @property
    def catalogue(self) -> Catalogue:
        return self.roofs.catalogue

    async def tick(self) -> None:
        """Let the keeper look."""
        await self.roofs.keeper.tick()

    async def get(self, lease: str) -> RoofLeaseDocument:
        return await self.desk.get(OPERATOR, lease)

    async def inquired(self, *mounts: str, site: str = "wm-1", actor: Actor = ACME) -> str:
        return (await self.desk.inquire(actor, wanted(*mounts, site=site))).id

    async def applied(self, *mounts: str, site: str = "wm-1", actor: Actor = ACME) -> str:
        return (await self.desk.apply(actor, await self.inquired(*mounts, site=site, actor=actor))).id

    async def signed(self, *mounts: str, site: str = "wm-1", actor: Actor = ACME) -> str:
        lease = await self.applied(*mounts, site=site, actor=actor)
        await self.desk.step(OPERATOR, lease, "review", NOTHING)
        for kind in ("structural_certificate", "permit", "agreement"):
            await self.desk.papers.attach(OPERATOR, lease, kind, f"{kind}.pdf", "application/pdf", b"%PDF")
        await self.desk.step(OPERATOR, lease, "approve", NOTHING)
        await self.desk.sign(OPERATOR, lease, SignWanted())
        return lease


async def roof_hub(world: MeshWorld, nodes: int = 2) -> tuple[RoofHub, list[NodeWorld]]:
    """A hub, and nodes n1, n2 .. with a roof each at wm-1, wm-2 .."""
    one = RoofHub(await world.hub())
    found = []
    for number in range(1, nodes + 1):
        found.append(await world.node(f"n{number}", [f"wm-{number}"]))
        await one.catalogue.put(f"wm-{number}", DOCUMENT)
    await world.settled()
    return one, found


async def another(world: MeshWorld, hub_id: str = "h2") -> RoofHub:
    """One more hub of the same chain, that knows all."""
    other = RoofHub(await world.hub(hub_id))
    await world.settled()
    return other


async def cut(world: MeshWorld, node: NodeWorld) -> None:
    """From now on no hub reaches it."""
    node.bus.cut()
    await asyncio.sleep(0.05)  # a sign of life may be on its way
    for hub in world.hubs:
        hub.hub.directory.lost(node.id)


async def back(world: MeshWorld, node: NodeWorld) -> None:
    node.bus.restore()
    await world.settled()


def roof_leases(node: NodeWorld) -> list[Lease]:
    """The leases of capacity that stand for roof leases at a node."""
    return [lease for lease in node.leases if lease.kept_by]


def charges(node: NodeWorld, lease: str) -> dict[str, int]:
    """Micro-units by line, as the node has them."""
    return {line: one.amount for line, one in node.keeper.ledger.charges.get(lease, {}).items()}
