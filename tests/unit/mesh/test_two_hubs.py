"""Two hubs of one chain: each has a mirror and holdings of its own, and what one does the other sees."""

import asyncio

from maillage.kernel.asks import Near
from maillage.kernel.errors import LeaseState, NoCapacity, SiteUnreachable
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.times import HOUR_S
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
END = NOW + 10 * HOUR_S


async def two_hubs(world: MeshWorld, cpu: float = 4) -> tuple[HubWorld, HubWorld, NodeWorld, NodeWorld]:
    one, other = await world.hub("h1"), await world.hub("h2")
    first, second = await world.node("n1", ["wm-1"], cpu), await world.node("n2", ["wm-2"], cpu)
    return one, other, first, second


def test_both_see_all_that_either_did(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, second = await two_hubs(world)
        by_one = await one.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "a", "d")
        by_other = await other.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "b", "d")
        await world.settled()
        for hub in (one, other):
            listed = (await hub.office.list_leases(LeaseFilter("acme"), None, 10)).items
            assert {lease.id for lease in listed} == {by_one.id, by_other.id}
            assert hub.events_of("wm-1") == first.events and hub.events_of("wm-2") == second.events
        assert (await one.office.release(by_other.id, "acme")).state == "released"
        assert isinstance(await refusal_in(other.office.confirm(by_other.id, "acme")), LeaseState)

    world.run(test)


def test_what_two_hubs_sell_at_once_is_never_more_than_there_is(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, second = await two_hubs(world, cpu=10)
        asks = [ask_for({"cpu": 1}, None, END, near=NEAR_1) for _ in range(16)]
        answers = [
            answer
            for batch in await asyncio.gather(
                *(hub.office.lease_batch("acme", asks, hub.id, ["d"] * len(asks)) for hub in (one, other))
            )
            for answer in batch
        ]
        granted = {answer.id for answer in answers if not isinstance(answer, Exception)}
        assert len(granted) == 20 and all(isinstance(a, NoCapacity) for a in answers if isinstance(a, Exception))
        assert granted == {lease.id for node in (first, second) for lease in node.leases}
        assert world.records.voids() == []

    world.run(test)


def test_one_hub_goes_on_when_the_other_is_gone(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        lease = await one.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "k", "d")
        await world.settled()
        world.hubs.remove(one)
        await one.stop()
        assert (await other.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "k", "d")).id == lease.id
        assert (await other.office.release(lease.id, "acme")).state == "released"
        await first.restart()
        await world.settled()
        assert (await other.office.lease("acme", ask_for({"cpu": 4}, None, END, near=NEAR_1), "x", "d")).site == "wm-1"

    world.run(test)


def test_a_hub_that_is_cut_off_alone_refuses_and_catches_up(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        one.bus.cut()
        asked = one.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")
        assert isinstance(await refusal_in(asked), SiteUnreachable)
        lease = await other.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")
        one.bus.restore()
        await world.settled()
        assert (await one.office.get_lease(lease.id, "acme")).state == "confirmed"
        assert (await one.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")).id == lease.id
        assert [one.id for one in first.leases] == [lease.id]

    world.run(test)


def test_a_void_that_one_hub_left_the_other_carries_out(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, _, first, second = await two_hubs(world)
        first.bus.losing = 1
        granting = first.office.lease

        async def granted_and_cut(*arguments: object) -> object:
            lease = await granting(*arguments)  # type: ignore[arg-type]
            first.bus.cut()
            return lease

        first.office.lease = granted_and_cut  # type: ignore[method-assign,assignment]
        lease = await one.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), "k", "d")
        world.hubs.remove(one)
        await one.stop()
        first.bus.restore()
        await until(lambda: first.leases == [])
        assert [left.id for left in second.leases] == [lease.id]
        await until(lambda: world.records.voids() == [])

    world.run(test)


def test_a_node_that_one_hub_revokes_is_heard_by_neither(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        await one.enrolments.revoke("n1")
        await until(lambda: other.hub.directory.is_revoked("n1"))
        for hub in (one, other):
            assert not hub.hub.directory.reaches("wm-1")
            lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=NEAR_1), None, None)
            assert lease.site == "wm-2"

    world.run(test)
