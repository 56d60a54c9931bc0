"""Escrow: what a store granted to a hub beforehand is sold by the hub while the store is out of reach, and no more."""

import asyncio
from random import Random

import pytest

from maillage.engines.clocks import ManualClock
from maillage.kernel.asks import Ask, Near
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import LeaseState, NoCapacity, Refusal
from maillage.kernel.leases import Lease
from maillage.kernel.moves import release
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.times import HOUR_S
from maillage.mesh.ports import EscrowRule
from tests.kernel_world import NOW, World, ask_for, refusal_of
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
AHEAD_S = HOUR_S
RULE = EscrowRule("cpu", 4_000, 0.25, AHEAD_S)


def at_1(cpu: float, end: int, **more: object) -> Ask:
    return ask_for({"cpu": cpu}, None, end, site="wm-1", **more)  # type: ignore[arg-type]


def escrow(node: NodeWorld, hub: str = "h1") -> list[Lease]:
    return [lease for lease in node.leases if lease.tenant == f"~{hub}"]


async def holding(
    world: MeshWorld, rule: EscrowRule = RULE, cpu: float = 16, clock: ManualClock | None = None
) -> tuple[HubWorld, NodeWorld]:
    """A hub that holds something at the one store, which has had its capacity for a while by any clock."""
    hub = await world.hub()
    node = await world.node("n1", ["wm-1"], cpu=cpu, clock=clock)
    if clock is not None:
        clock.advance(HOUR_S)
        world.clock.advance(HOUR_S)
    world.records.put_escrow_rule(rule)
    await held(world, hub, node)
    return hub, node


async def held(world: MeshWorld, hub: HubWorld, node: NodeWorld) -> None:
    name = f"wm-1~{hub.id}"
    await until(lambda: bool(escrow(node, hub.id)), "the store granted escrow")
    await until(lambda: name in hub.ledger.sites and hub.hub.directory.reaches(name), "the holding is served")
    await until(lambda: hub.ledger.pools[name]["cpu"].sizes[-1] == 0, "its size is known")
    await world.settled()


async def cut(hub: HubWorld, node: NodeWorld) -> None:
    node.bus.cut()
    await asyncio.sleep(0.05)  # a sign of life may be on its way
    hub.hub.directory.lost("n1")
    assert not hub.hub.directory.reaches("wm-1")


def check_never_oversold(node: NodeWorld, hubs: list[HubWorld]) -> None:
    """By brute force, at every instant at which anything changes: what the store granted is within its size, and what
    a hub sold is within what the store granted to it."""
    store = list(node.keeper.ledger.leases.values())
    sold = {hub.id: list(hub.own.keeper.ledger.leases.values()) for hub in hubs}
    every = [lease for leases in [store, *sold.values()] for lease in leases]
    for at in {instant for lease in every for instant in (lease.start, lease.end)}:
        size = node.keeper.ledger.pools["wm-1"]["cpu"].size_at(at)
        assert at < NOW or taken(store, at) <= size
        for hub in hubs:
            granted = taken([lease for lease in store if lease.tenant == f"~{hub.id}"], at)
            assert taken(sold[hub.id], at) <= granted, f"{hub.id} sold more at {at} than it holds"


def taken(leases: list[Lease], at: int) -> int:
    return sum(lease.needs["cpu"] for lease in leases if lease.start <= at < lease.end)


# -- what is held ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "quantity"),
    [(RULE, 4_000), (EscrowRule("cpu", 99_000, 0.25, AHEAD_S), 4_000), (EscrowRule("cpu", 1_500, 1.0, AHEAD_S), 1_500)],
)
def test_a_store_holds_no_more_than_the_rule_and_its_share(world: MeshWorld, rule: EscrowRule, quantity: int) -> None:
    async def test(world: MeshWorld) -> None:
        _, node = await holding(world, rule)
        (lease,) = escrow(node)
        assert (lease.cls, lease.needs, lease.end) == ("house", {"cpu": quantity}, NOW + 2 * AHEAD_S)
        assert isinstance(await refusal_in(node.office.lease("local", at_1(16, NOW + 60), None, None)), NoCapacity)
        assert (await node.office.lease("local", at_1(16 - quantity / 1_000, NOW + 60), None, None)).site == "wm-1"

    world.run(test)


def test_a_store_without_the_kind_holds_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        world.records.put_escrow_rule(EscrowRule("gpu", 1_000, 1.0, AHEAD_S))
        for _ in range(3):
            await hub.hub.escrow.once()
        assert node.leases == [] and hub.hub.escrow.holdings() == []

    world.run(test)


def test_it_is_renewed_before_it_runs_out(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        world.clock.advance(AHEAD_S + 60)
        later = world.clock.now() + 2 * AHEAD_S
        await until(lambda: [lease.end for lease in escrow(node)] == [later])
        await until(lambda: later in hub.ledger.pools["wm-1~h1"]["cpu"].size_times)
        assert len(node.keeper.ledger.leases) == 1

    world.run(test)


def test_a_changed_rule_holds_from_where_the_former_lease_ends(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        world.records.put_escrow_rule(EscrowRule("cpu", 2_000, 1.0, AHEAD_S))
        world.clock.advance(AHEAD_S + 60)
        await until(lambda: len(escrow(node)) == 2)
        former, fresh = escrow(node)
        assert (fresh.needs, fresh.start) == ({"cpu": 2_000}, former.end)
        await until(lambda: fresh.end in hub.ledger.pools["wm-1~h1"]["cpu"].size_times)
        pool = hub.ledger.pools["wm-1~h1"]["cpu"]
        assert [pool.size_at(at) for at in (former.end - 1, former.end, fresh.end)] == [4_000, 2_000, 0]

    world.run(test)


def test_without_its_rule_it_runs_out(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        world.records.put_escrow_rule(EscrowRule("cpu", 0, 0.25, AHEAD_S))
        (lease,) = escrow(node)
        world.clock.advance(2 * AHEAD_S)
        await until(lambda: lease.state == "ended")
        await cut(hub, node)
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1(1, NOW + 9 * HOUR_S), None, None)), NoCapacity)

    world.run(test)


def test_a_hub_that_starts_anew_takes_no_second_escrow(world: MeshWorld) -> None:
    """Its mirror is behind: it does not know yet what it holds."""

    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        for _ in range(60):
            await node.office.measure(escrow(node)[0].id, {"cpu_s": 1})
        await hub.restart()
        hub.journal = type(hub.journal)()
        await hub.restart()
        await held(world, hub, node)
        await hub.hub.escrow.once()
        assert len(escrow(node)) == 1

    world.run(test)


def test_an_answer_that_is_lost_takes_no_second_escrow(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        node.bus.losing = 1
        world.records.put_escrow_rule(RULE)
        await held(world, hub, node)
        await hub.hub.escrow.once()
        assert len(node.keeper.ledger.leases) == 1

    world.run(test)


# -- what is sold ----------------------------------------------------------------------------------------------------


def test_a_hub_sells_what_it_holds_while_the_store_is_cut_off(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        listed = await node.office.lease("local", at_1(1, NOW + AHEAD_S), None, None)
        await cut(hub, node)
        offers = hub.office.offers(ask_for({"cpu": 3}, None, NOW + AHEAD_S, near=NEAR_1))
        assert [offer.site for offer in offers.offers] == ["wm-1"]
        first = await hub.office.lease("acme", ask_for({"cpu": 3}, None, NOW + AHEAD_S, near=NEAR_1), "k", "d")
        second = await hub.office.lease("acme", at_1(1, NOW + AHEAD_S), "k2", "d")
        assert first.site == second.site == "wm-1"
        assert second.price == listed.price
        assert (await hub.office.lease("acme", at_1(1, NOW + AHEAD_S), "k2", "d")).id == second.id
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1(1, NOW + AHEAD_S), "k3", "d")), NoCapacity)
        too_long = at_1(1, NOW + 2 * AHEAD_S + 1)
        assert isinstance(await refusal_in(hub.office.lease("acme", too_long, "k4", "d")), NoCapacity)
        check_never_oversold(node, world.hubs)

    world.run(test)


def test_the_store_is_listed_once_whatever_hubs_hold_there(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, _ = await holding(world)
        await world.node("n2", ["wm-2"])
        assert [near.site.id for near in hub.office.nearest_sites(36.1, -94.0, 2)] == ["wm-1", "wm-2"]

    world.run(test)


def test_what_was_sold_goes_on_when_the_store_is_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        await cut(hub, node)
        kept = await hub.office.lease("acme", at_1(2, NOW + AHEAD_S, hold_s=600), "k", "d")
        given_back = await hub.office.lease("acme", at_1(2, NOW + AHEAD_S), "k2", "d")
        node.bus.restore()
        await world.settled()
        direct = await hub.office.lease("acme", at_1(12, NOW + AHEAD_S), "k3", "d")
        assert direct.id in node.keeper.ledger.leases
        listed = await hub.office.list_leases(LeaseFilter(tenant="acme", site=direct.site), None, 100)
        assert [lease.id for lease in listed.items] == [kept.id, given_back.id, direct.id]
        assert (await hub.office.confirm(kept.id, "acme")).state == "confirmed"
        assert (await hub.office.release(given_back.id, "acme")).state == "released"
        check_never_oversold(node, world.hubs)
        world.clock.advance(AHEAD_S)
        await until(lambda: hub.ledger.leases[kept.id].state == "ended")
        (invoice,) = await hub.office.invoices("2026-12", ["acme"])
        assert {line.lease for line in invoice.lines} == {kept.id, direct.id}

    world.run(test)


def test_a_lease_out_of_escrow_is_not_extended_beyond_it(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        await cut(hub, node)
        lease = await hub.office.lease("acme", at_1(2, NOW + AHEAD_S), "k", "d")
        assert (await hub.office.extend(lease.id, NOW + 2 * AHEAD_S, "acme")).end is not None
        assert isinstance(await refusal_in(hub.office.extend(lease.id, NOW + 2 * AHEAD_S + 1, "acme")), NoCapacity)

    world.run(test)


def test_two_hubs_hold_their_own(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, node = await holding(world)
        other = await world.hub("h2")
        await held(world, other, node)
        await cut(one, node)
        await cut(other, node)
        leases = [await hub.office.lease("acme", at_1(4, NOW + AHEAD_S), hub.id, "d") for hub in (one, other)]
        assert [lease.id.partition("~")[2].partition("~")[0] for lease in leases] == ["h1", "h2"]
        for hub in (one, other):
            assert isinstance(await refusal_in(hub.office.lease("acme", at_1(1, NOW + 60), None, None)), NoCapacity)
        await until(lambda: leases[0].id in other.ledger.leases)
        assert (await other.office.release(leases[0].id, "acme")).state == "released"
        check_never_oversold(node, world.hubs)

    world.run(test)


def test_a_holding_survives_a_restart_of_its_hub(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        await cut(hub, node)
        lease = await hub.office.lease("acme", at_1(3, NOW + AHEAD_S), "k", "d")
        await hub.restart()
        await until(lambda: hub.hub.directory.reaches("wm-1~h1"))
        await until(lambda: hub.hub.mirror.position("~h1") >= hub.own.journal.end())
        assert (await hub.office.lease("acme", at_1(3, NOW + AHEAD_S), "k", "d")).id == lease.id
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1(2, NOW + AHEAD_S), "k2", "d")), NoCapacity)

    world.run(test)


@pytest.mark.parametrize("skew_s", [-1_800, -30, 30, 1_800])
def test_clocks_that_differ_sell_nothing_twice(world: MeshWorld, skew_s: int) -> None:
    async def test(world: MeshWorld) -> None:
        clock = ManualClock(NOW + skew_s)
        hub, node = await holding(world, clock=clock)
        await cut(hub, node)
        random = Random(skew_s)
        for number in range(30):
            step = random.randrange(600)
            world.clock.advance(step)
            clock.advance(step)
            for office, now, name in ((hub.office, world.clock.now(), "hub"), (node.office, clock.now(), "store")):
                end = now + random.randrange(60, AHEAD_S)
                ask = at_1(random.choice((0.5, 1, 2, 6)), end)
                try:
                    await office.lease(name, ask, f"{name}-{number}", "d")
                except Refusal as refusal:
                    assert isinstance(refusal, NoCapacity)
        check_never_oversold(node, world.hubs)
        node.bus.restore()
        await world.settled()
        check_never_oversold(node, world.hubs)
        assert hub.own.keeper.ledger.leases or skew_s > 0

    world.run(test)


def test_a_site_that_can_not_be_planned_does_not_keep_others_from_it(world: MeshWorld) -> None:
    """A lease of escrow that vanished from the mirror leaves more sold than is held: that holding stays as it is."""

    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        await cut(hub, node)
        await hub.office.lease("acme", at_1(4, NOW + AHEAD_S), "k", "d")
        (lease,) = (one for one in hub.ledger.leases.values() if one.tenant == "~h1")
        lease.state = "released"
        other = await world.joined("n2", ["wm-2"])
        await other.office.set_capacity("wm-2", "cpu", CapacityPlanDocument(8))
        await until(lambda: "wm-2~h1" in hub.ledger.sites)
        assert hub.own.keeper.ledger.pools["wm-1~h1"]["cpu"].size_at(NOW) == 4_000

    world.run(test)


# -- who gives it back -----------------------------------------------------------------------------------------------


def test_a_stores_operator_does_not_give_escrow_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub, node = await holding(world)
        (lease,) = escrow(node)
        for office in (node.office, hub.office):
            refusal = await refusal_in(office.release(lease.id, None))
            assert isinstance(refusal, LeaseState) and "hub h1" in refusal.detail
        smaller = node.office.set_capacity("wm-1", "cpu", CapacityPlanDocument(1))
        assert isinstance(await refusal_in(smaller), Refusal)
        assert (await node.office.release(lease.id, "~h1")).state == "released"

    world.run(test)


def test_an_operator_releases_what_is_no_escrow() -> None:
    world = World()
    world.pool("cpu", 4)
    lease = world.hour({"cpu": 1})
    assert world.release(lease).state == "released"
    other = world.hour({"cpu": 1}, "house", tenant="~h1")
    refusal = refusal_of(lambda: world.do(lambda scribe: release(scribe, other.id, None)))
    assert isinstance(refusal, LeaseState) and refusal.extra["end"] == "2026-12-01T09:00:00Z"
