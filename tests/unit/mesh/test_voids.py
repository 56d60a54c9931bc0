"""Keys are made void where an answer was lost: whatever was granted for them ends and costs nothing, however late."""

import msgspec
import pytest

from maillage.kernel.errors import KeyVoid, LeaseState, SiteUnreachable
from maillage.kernel.leases import Lease
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.mesh.messages import Refused, VoidKey, lease_subject
from maillage.mesh.ports import Void
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, refusal_in, until
from tests.unit.mesh.test_router_claims import NEAR_1, at_1


async def orphaned(world: MeshWorld, end: int = NOW + 10 * HOUR_S) -> tuple[HubWorld, NodeWorld, Lease]:
    """A lease whose answer was lost with the line of its store; the ask itself went to another."""
    hub = await world.hub()
    first = await world.node("n1", ["wm-1"])
    await world.node("n2", ["wm-2"])
    first.bus.losing = 1
    granting = first.office.lease

    async def granted_and_cut(*arguments: object) -> object:
        lease = await granting(*arguments)  # type: ignore[arg-type]
        first.bus.cut()
        return lease

    first.office.lease = granted_and_cut  # type: ignore[method-assign,assignment]
    lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, end, near=NEAR_1), "k", "d")
    del first.office.lease  # type: ignore[method-assign]
    assert lease.site == "wm-2"
    (orphan,) = first.leases
    return hub, first, orphan


async def back(world: MeshWorld, node: NodeWorld) -> None:
    node.bus.restore()
    await until(lambda: world.records.voids() == [], "all is void")
    await world.settled()


def test_what_was_granted_and_never_heard_of_ends_and_costs_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, orphan = await orphaned(world)
        world.clock.advance(HOUR_S)
        await back(world, first)
        assert (orphan.state, orphan.charge) == ("released", 0)
        (invoice,) = await hub.office.invoices("2026-12", ["acme"])
        assert [line.site for line in invoice.lines] == ["wm-2"]
        late = msgspec.json.decode(await first.bus.again(), type=Refused)
        assert late.slug == KeyVoid.slug and first.leases == []

    world.run(test)


def test_an_ask_that_comes_after_its_key_was_made_void_is_refused(world: MeshWorld) -> None:
    """The ask itself is late, not its answer."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        world.records.add_void(Void("acme", "k@dead-1", "wm-1", NOW))
        await until(lambda: world.records.voids() == [])
        assert isinstance(await refusal_in(node.office.lease("acme", at_1(), "k@dead-1@wm-1", "d")), KeyVoid)
        assert (await hub.office.lease("acme", at_1(), "k", "d")).site == "wm-1"

    world.run(test)


def test_making_void_twice_is_the_same_as_once(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, orphan = await orphaned(world)
        await back(world, first)
        before = encode_ledger(first.keeper.ledger)
        request = VoidKey("acme", first.bus.heard[0][0].body.decode().partition('"key":"')[2].partition('"')[0], NOW)
        await hub.bus.request(lease_subject("wm-1"), msgspec.json.encode(request), 1)
        assert encode_ledger(first.keeper.ledger) == before and orphan.state == "released"

    world.run(test)


@pytest.mark.parametrize("others_meanwhile", [0, 3])
def test_a_store_that_was_away_for_days_still_finds_it(world: MeshWorld, others_meanwhile: int) -> None:
    """Its ledger has forgotten the key by then; its journal has not."""

    async def test(world: MeshWorld) -> None:
        _, first, orphan = await orphaned(world, NOW + 9 * DAY_S)
        world.clock.advance(3 * DAY_S)
        for number in range(others_meanwhile):
            await first.office.lease("shop", ask_for({"cpu": 1}, site="wm-1"), f"s-{number}", "d")
        await back(world, first)
        assert (orphan.state, orphan.charge) == ("released", 0)

    world.run(test)


@pytest.mark.parametrize("days", [0, 3])
def test_a_lease_that_has_run_its_time_unheard_costs_nothing_either(world: MeshWorld, days: int) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, orphan = await orphaned(world, NOW + HOUR_S)
        world.clock.advance(days * DAY_S + 2 * HOUR_S)
        await until(lambda: orphan.state == "ended")
        assert orphan.charge > 0
        await back(world, first)
        assert orphan.charge == 0
        (invoice,) = await hub.office.invoices("2026-12", ["acme"])
        assert [line.site for line in invoice.lines] == ["wm-2"]
        before = encode_ledger(first.keeper.ledger)
        await first.restart()
        assert encode_ledger(first.keeper.ledger) == before

    world.run(test)


def test_what_the_tenant_gave_back_itself_stays_as_it_was(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        _, first, orphan = await orphaned(world)
        world.clock.advance(HOUR_S)
        await first.office.release(orphan.id, "acme")
        charge = orphan.charge
        await back(world, first)
        assert orphan.charge == charge > 0

    world.run(test)


def test_a_void_waits_for_a_store_that_is_out_of_reach(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, *_ = await orphaned(world)
        await hub.hub._voider.once()
        (void,) = world.records.voids()
        assert void.site == "wm-1"
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1(), "x", "d")), SiteUnreachable)
        await world.nodes.pop("n1").stop()
        fresh = await world.joined("n1b", ["wm-1"])
        await until(lambda: world.records.voids() == [])
        assert fresh.leases == []

    world.run(test)


def test_an_asker_without_a_key_is_granted_once_too(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        first, second = await world.node("n1", ["wm-1"]), await world.node("n2", ["wm-2"])
        first.bus.losing = 1
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, near=NEAR_1), None, None)
        await until(lambda: not first.leases)
        assert [one.id for one in second.leases] == [lease.id]
        second.bus.losing = 1
        await world.settled()
        lost = await refusal_in(hub.office.lease("acme", ask_for({"cpu": 1}, site="wm-2"), None, None))
        assert isinstance(lost, SiteUnreachable)
        await until(lambda: [one.id for one in second.leases] == [lease.id])

    world.run(test)


def test_a_lease_of_a_void_key_takes_no_more_steps(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, first, orphan = await orphaned(world)
        await back(world, first)
        assert isinstance(await refusal_in(hub.office.extend(orphan.id, NOW + DAY_S, "acme")), LeaseState)

    world.run(test)
