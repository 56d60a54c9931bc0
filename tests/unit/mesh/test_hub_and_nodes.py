"""Hub and nodes as one chain: asks go to owners, events come to the mirror, and a line that is cut is no disaster."""

import asyncio

import msgspec

from maillage.kernel.asks import Near
from maillage.kernel.errors import KeyReused, NoCapacity, NotFound, SiteUnreachable
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.times import HOUR_S, month_of
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import MeshWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
END = NOW + 10 * HOUR_S


def test_an_ask_at_the_hub_is_granted_by_the_owner_and_seen_by_both(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1", "wm-2"])
        lease = await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, near=NEAR_1), None, None)
        assert lease.site == "wm-1"
        assert node.keeper.ledger.leases[lease.id].tenant == "acme"
        assert (await hub.office.get_lease(lease.id, "acme")).state == "confirmed"
        some = await hub.office.list_leases(LeaseFilter("acme"), None, 10)
        assert [one.id for one in some.items] == [lease.id]

    world.run(test)


def test_the_mirror_equals_the_stores_event_for_event(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        one = await world.node("n1", ["wm-1", "wm-2"])
        other = await world.node("n2", ["wm-3"])
        asks = [ask_for({"cpu": 1}, None, END, near=NEAR_1) for _ in range(40)]
        answers = await hub.office.lease_batch("acme", asks, "many", [str(n) for n in range(40)])
        assert sum(not isinstance(answer, Exception) for answer in answers) == 40
        await world.settled()
        for node in (one, other):
            for site in node.sites:
                assert hub.events_of(site) == [event for event in node.events if event.site == site]

    world.run(test)


def test_a_full_store_sends_the_ask_to_the_next(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"], cpu=4)
        await world.node("n2", ["wm-2"], cpu=4)
        await node.office.lease("shop", ask_for({"cpu": 3}, None, END, "house", site="wm-1"), None, None)
        lease = await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, near=NEAR_1), "k", "d")
        assert lease.site == "wm-2"
        refusal = await refusal_in(hub.office.lease("acme", ask_for({"cpu": 4}, None, END, near=NEAR_1), "k2", "d"))
        assert isinstance(refusal, NoCapacity)

    world.run(test)


def test_a_key_gives_the_same_lease_again_and_no_other_body(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1"], cpu=4)
        ask = ask_for({"cpu": 4}, None, END, near=NEAR_1)
        first = await hub.office.lease("acme", ask, "k", "d")
        assert (await hub.office.lease("acme", ask, "k", "d")).id == first.id
        assert isinstance(await refusal_in(hub.office.lease("acme", ask, "k", "other")), KeyReused)
        both = await asyncio.gather(
            *(hub.office.lease("other", ask_for({"cpu": 0.001}, None, END, site="wm-1"), "x", "d") for _ in range(2)),
            return_exceptions=True,
        )
        assert all(isinstance(one, NoCapacity) for one in both)

    world.run(test)


def test_a_store_that_is_cut_off_goes_on_and_catches_up(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        one = await world.node("n1", ["wm-1"])
        await world.node("n2", ["wm-2"])
        one.bus.cut()
        local = await one.office.lease("local", ask_for({"cpu": 2}, None, END, site="wm-1"), "l", "d")
        away = await refusal_in(hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "at-1", "d"))
        assert isinstance(away, SiteUnreachable)
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "near", "d")
        assert lease.site == "wm-2"
        assert not hub.hub.directory.reaches("wm-1")
        offers = hub.office.offers(ask_for({"cpu": 1}, None, END, near=NEAR_1))
        assert [offer.site for offer in offers.offers] == ["wm-2"] and offers.passed_over == {"out_of_reach": 1}
        one.bus.restore()
        await world.settled()
        assert hub.ledger.leases[local.id].tenant == "local"
        assert hub.events_of("wm-1") == one.events

    world.run(test)


def test_an_answer_that_is_lost_grants_nothing_twice(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        one = await world.node("n1", ["wm-1"])
        await world.node("n2", ["wm-2"])
        granting = one.office.lease

        async def granted_and_cut(*args: object) -> object:
            lease = await granting(*args)  # type: ignore[arg-type]
            one.bus.cut()
            return lease

        one.office.lease = granted_and_cut  # type: ignore[method-assign,assignment]
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "near", "d")
        assert lease.site == "wm-2"
        del one.office.lease  # type: ignore[method-assign]
        (orphan,) = one.keeper.ledger.leases.values()
        assert orphan.state == "confirmed"
        one.bus.restore()
        await until(lambda: orphan.state == "released")
        assert orphan.charge == 0
        await until(lambda: not world.records.voids())
        again = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "near", "d")
        assert again.id == lease.id

    world.run(test)


def test_leases_are_moved_through_the_hub_by_their_tenants_only(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1"])
        lease = await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, site="wm-1", hold_s=60), None, None)
        assert lease.state == "held"
        assert isinstance(await refusal_in(hub.office.confirm(lease.id, "other")), NotFound)
        assert (await hub.office.confirm(lease.id, "acme")).state == "confirmed"
        assert (await hub.office.measure(lease.id, {"requests": 5_000})).id == lease.id
        for _ in range(2):
            assert (await hub.office.charge(lease.id, "roof rent", 2_500_000)).id == lease.id
        (invoice,) = await hub.office.invoices(month_of(world.clock.now()), ["acme"])
        assert [(line.amount, len(line.charges)) for line in invoice.lines] == [("2.50", 1)]
        assert (await hub.office.release(lease.id, "acme")).state == "released"
        assert isinstance(await refusal_in(hub.office.release("nowhere~1", "acme")), NotFound)

    world.run(test)


def test_a_node_comes_back_with_all_its_state_and_without_a_hub(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        lease = await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, site="wm-1"), "k", "d")
        await hub.stop()
        world.hubs.clear()
        await node.restart()
        assert (await node.office.get_lease(lease.id, None)).tenant == "acme"
        assert (await node.office.release(lease.id, "acme")).state == "released"

    world.run(test)


def test_a_hub_that_comes_later_gets_all_that_happened_before(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await world.hub()
        node = await world.node("n1", ["wm-1"])
        for number in range(30):
            await node.office.lease("local", ask_for({"cpu": 0.1}, None, END, site="wm-1"), str(number), "d")
        other = await world.hub("h2")
        await world.settled()
        assert other.events_of("wm-1") == node.events

    world.run(test)


def test_a_node_that_replaces_a_dead_one_gets_the_past_of_its_sites_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        dead = await world.node("n1", ["wm-1"])
        lease = await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, site="wm-1"), "k", "d")
        await world.settled()
        await world.nodes.pop("n1").stop()
        fresh = await world.joined("n1b", ["wm-1"])
        assert fresh.events == dead.events
        await world.settled()
        assert (await hub.office.lease("acme", ask_for({"cpu": 4}, None, END, site="wm-1"), "k", "d")).id == lease.id
        assert (await hub.office.release(lease.id, "acme")).state == "released"
        await world.settled()
        assert hub.events_of("wm-1") == fresh.events

    world.run(test)


def test_an_ask_for_a_device_goes_to_the_store_whose_roof_serves_it(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1", "wm-2"], cpu=4)
        serving = await world.node("n2", ["wm-3"], cpu=4)
        hub.hub.finder.paths.replace([("10.40.0.0/16", "wm-3")])
        near = msgspec.structs.replace(NEAR_1, device="10.40.1.7")
        lease = await hub.office.lease("acme", ask_for({"cpu": 3}, None, END, near=near), "k", "d")
        assert lease.site == "wm-3"
        assert serving.keeper.ledger.leases[lease.id].tenant == "acme"
        several = msgspec.structs.replace(ask_for({"cpu": 1}, None, END, near=near), count=2)
        both = await hub.office.lease_all("acme", several, None, None)
        assert {lease.site for lease in both} == {"wm-3", "wm-1"}
        await world.settled()
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=near), None, None)
        assert lease.site == "wm-1", "the store that serves the device is full"

    world.run(test)
