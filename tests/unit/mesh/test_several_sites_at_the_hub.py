"""An ask for several stores at a hub: all of them or none in the end, whatever refuses, is lost or dies on the way."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from maillage.kernel.asks import Ask, Near
from maillage.kernel.documents import LeaseDocument
from maillage.kernel.errors import KeyReused, NoCapacity, Refusal, SiteUnreachable, UnknownSite
from maillage.kernel.leases import Lease
from maillage.kernel.times import HOUR_S
from maillage.mesh.ports import Claim, MultiOrder
from maillage.mesh.several import ALIVE_S, CONFIRMING, DONE, HOLD_S, HOLDING, UNDONE, OrderState
from tests.kernel_world import NOW
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
END = NOW + 10 * HOUR_S


def sites(*names: str, cpu: int = 4, hold_s: int | None = None, start: int | None = None) -> Ask:
    return Ask({"cpu": cpu * 1_000}, start, END, None, None, "firm", hold_s=hold_s, sites=names)


def near(count: int, cpu: int = 4) -> Ask:
    return Ask({"cpu": cpu * 1_000}, None, END, None, NEAR_1, "firm", count=count)


async def stores(world: MeshWorld, count: int = 3, hubs: int = 1) -> list[NodeWorld]:
    for number in range(1, hubs + 1):
        await world.hub(f"h{number}")
    return [await world.node(f"n{number}", [f"wm-{number}"], cpu=4) for number in range(1, count + 1)]


def standing(world: MeshWorld) -> list[Lease]:
    return [lease for node in world.nodes.values() for lease in node.leases]


def steps(world: MeshWorld) -> list[str]:
    with world.database.reading() as connection:
        return [row.step for row in connection.exec_driver_sql("SELECT step FROM orders ORDER BY id")]


async def fill(node: NodeWorld) -> None:
    await node.office.lease("shop", sites_of_shop(node), None, None)


def sites_of_shop(node: NodeWorld) -> Ask:
    return Ask({"cpu": 4_000}, None, END, node.sites[0], None, "house")


async def all_void(world: MeshWorld) -> None:
    await until(lambda: world.records.voids() == [], "all is void")


def charges(world: MeshWorld) -> int:
    return sum(lease.charge for node in world.nodes.values() for lease in node.keeper.ledger.leases.values())


# -- granted, refused, repeated --------------------------------------------------------------------------------------


def test_each_of_the_sites_grants_a_lease(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world)
        leases = await world.hubs[0].office.lease_all("acme", sites("wm-3", "wm-1"), "k", "d")
        assert sorted(lease.site for lease in leases) == ["wm-1", "wm-3"]
        assert {lease.state for lease in leases} == {"confirmed"}
        assert sorted(lease.id for lease in leases) == sorted(lease.id for lease in standing(world))
        assert steps(world) == [DONE] and world.records.voids() == []

    world.run(test)


def test_the_nearest_are_taken_and_one_that_refuses_is_replaced(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        first, *_ = await stores(world)
        hub = world.hubs[0]
        await fill(first)
        hub.hub.office._several._candidates = lambda *_: ["wm-1", "wm-2", "wm-3"]
        leases = await hub.office.lease_all("acme", near(2), "k", "d")
        assert sorted(lease.site for lease in leases) == ["wm-2", "wm-3"]
        assert world.records.voids() == []

    world.run(test)


def test_one_named_site_that_refuses_undoes_all(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        _, second, _ = await stores(world)
        await fill(second)
        refusal = await refusal_in(world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2", "wm-3"), "k", "d"))
        assert isinstance(refusal, NoCapacity)
        assert refusal.extra["able"] == 2 and refusal.extra["refused"] == {"wm-2": "no-capacity"}
        await all_void(world)
        assert [lease.tenant for lease in standing(world)] == ["shop"] and charges(world) == 0
        assert world.claims() == [] and steps(world) == [UNDONE]

    world.run(test)


def test_too_few_sites_near_a_place_undo_all(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world)
        assert isinstance(await refusal_in(world.hubs[0].office.lease_all("acme", near(4), "k", "d")), NoCapacity)
        await all_void(world)
        assert standing(world) == [] and world.claims() == []

    world.run(test)


@pytest.mark.parametrize("ask", [sites("wm-1", "wm-9"), sites("wm-1", start=NOW - HOUR_S), near(2, cpu=900)])
def test_what_can_not_be_asked_leaves_nothing_behind(world: MeshWorld, ask: Ask) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, 1)
        assert isinstance(await refusal_in(world.hubs[0].office.lease_all("acme", ask, "k", "d")), Refusal)
        assert world.claims() == [] and steps(world) == [] and world.records.voids() == []

    world.run(test)


def test_a_hold_that_the_caller_wants_stays_a_hold(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world)
        office = world.hubs[0].office
        leases = await office.lease_all("acme", sites("wm-1", "wm-2", hold_s=600), "k", "d")
        assert {lease.state for lease in leases} == {"held"}
        assert {lease.hold_until for lease in standing(world)} == {NOW + 600}
        assert (await office.confirm(leases[0].id, "acme")).state == "confirmed"

    world.run(test)


def test_a_repeat_gets_the_same_leases_during_and_after(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        one, other = world.hubs
        ask = sites("wm-1", "wm-2")
        answers = await asyncio.gather(*(hub.office.lease_all("acme", ask, "k", "d") for hub in [one, other] * 3))
        again = await other.office.lease_all("acme", ask, "k", "d")
        assert {tuple(sorted(lease.id for lease in leases)) for leases in [*answers, again]} == {
            tuple(sorted(lease.id for lease in standing(world)))
        }
        assert isinstance(await refusal_in(other.office.lease_all("acme", near(2), "k", "x")), KeyReused)

    world.run(test)


def test_a_repeat_gets_its_leases_though_their_start_has_gone_by(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world)
        ask = sites("wm-1", "wm-2", start=NOW + 60)
        first = await world.hubs[0].office.lease_all("acme", ask, "k", "d")
        world.clock.advance(HOUR_S)
        again = await world.hubs[0].office.lease_all("acme", ask, "k", "d")
        assert [lease.id for lease in again] == [lease.id for lease in first]

    world.run(test)


# -- answers that are lost -------------------------------------------------------------------------------------------


def test_a_named_site_out_of_reach_is_told_and_nothing_is_taken(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        _, second, _ = await stores(world)
        second.bus.cut()
        refusal = await refusal_in(world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d"))
        assert isinstance(refusal, SiteUnreachable) and refusal.extra["site"] == "wm-2"
        await until(lambda: standing(world) == [])
        second.bus.restore()
        await world.settled()
        await all_void(world)
        leases = await world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d")
        assert len(leases) == len(standing(world)) == 2

    world.run(test)


def test_a_hold_whose_answer_was_lost_is_replaced_and_made_void(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        first, *_ = await stores(world)
        first.bus.losing = 1
        leases = await world.hubs[0].office.lease_all("acme", near(2), "k", "d")
        assert sorted(lease.site for lease in leases) == ["wm-2", "wm-3"]
        await all_void(world)
        assert sorted(lease.id for lease in standing(world)) == sorted(lease.id for lease in leases)

    world.run(test)


def test_a_confirmation_whose_answer_was_lost_is_asked_for_again(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        first, *_ = await stores(world, 2)
        confirming = first.office.confirm

        async def confirm_and_lose(*arguments: Any) -> LeaseDocument:
            first.bus.losing += 1
            first.office.confirm = confirming  # type: ignore[method-assign]
            return await confirming(*arguments)

        first.office.confirm = confirm_and_lose  # type: ignore[method-assign]
        leases = await world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d")
        assert {lease.state for lease in leases} == {"confirmed"} and len(standing(world)) == 2

    world.run(test)


def test_a_store_that_goes_away_before_it_confirms_undoes_all_for_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        first, second = await stores(world, 2)

        async def go_away(*_: Any) -> LeaseDocument:
            first.bus.cut()
            return await asyncio.get_running_loop().create_future()

        first.office.confirm = go_away  # type: ignore[method-assign]
        refusal = await refusal_in(world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d"))
        assert isinstance(refusal, SiteUnreachable)
        await until(lambda: second.leases == [])
        world.clock.advance(HOLD_S + 1)
        await until(lambda: first.leases == [])
        first.bus.restore()
        await all_void(world)
        assert charges(world) == 0

    world.run(test)


# -- hubs that die ---------------------------------------------------------------------------------------------------


async def dead_hub(world: MeshWorld, when: Callable[[HubWorld], None], ask: Ask, key: str | None = "k") -> HubWorld:
    """The hub that is left, after the other died over an ask; ``when`` plants its death."""
    one, other = world.hubs
    when(one)
    asked = asyncio.create_task(one.office.lease_all("acme", ask, key, "d"))
    await until(lambda: one.records.dead)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    return other


def before_it_writes(step: str) -> Callable[[HubWorld], None]:
    def plant(hub: HubWorld) -> None:
        several = hub.hub.office._several
        putting = several._put

        async def put(order_id: str, wanted: str, *rest: Any) -> None:
            if wanted == step:
                hub.die()
            await putting(order_id, wanted, *rest)

        several._put = put  # type: ignore[method-assign]

    return plant


def after_one_confirmation(hub: HubWorld) -> None:
    owners = hub.hub.office._several._owners
    asking = owners.ask_each

    async def ask_one(work: dict[str, Any], *rest: Any) -> Any:
        await asking(dict(list(work.items())[:1]), *rest)
        hub.die()
        raise asyncio.CancelledError

    owners.ask_each = ask_one  # type: ignore[method-assign,assignment]


def test_what_was_held_for_a_hub_that_died_is_given_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        ask = sites("wm-1", "wm-2")
        left = await dead_hub(world, before_it_writes(CONFIRMING), ask)
        assert steps(world) == [HOLDING] and {lease.state for lease in standing(world)} == {"held"}
        assert isinstance(await refusal_in(left.office.lease_all("acme", ask, "k", "d")), SiteUnreachable)
        world.clock.advance(ALIVE_S + 1)
        await until(lambda: steps(world) == [UNDONE])
        await all_void(world)
        assert standing(world) == [] and charges(world) == 0
        leases = await left.office.lease_all("acme", ask, "k", "d")
        assert len(leases) == len(standing(world)) == 2

    world.run(test)


def test_what_a_hub_left_half_confirmed_another_confirms(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        ask = sites("wm-1", "wm-2", "wm-3")
        left = await dead_hub(world, after_one_confirmation, ask)
        assert sorted(lease.state for lease in standing(world)) == ["confirmed", "held", "held"]
        world.clock.advance(ALIVE_S + 1)
        await until(lambda: steps(world) == [DONE])
        assert [lease.state for lease in standing(world)] == ["confirmed"] * 3
        again = await left.office.lease_all("acme", ask, "k", "d")
        assert sorted(lease.id for lease in again) == sorted(lease.id for lease in standing(world))
        assert world.records.voids() == []

    world.run(test)


def test_what_can_not_be_confirmed_any_more_is_undone_whole_and_costs_nothing(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        await dead_hub(world, after_one_confirmation, sites("wm-1", "wm-2", "wm-3"))
        world.clock.advance(HOLD_S + 1)
        await until(lambda: steps(world) == [UNDONE])
        await all_void(world)
        assert standing(world) == [] and charges(world) == 0

    world.run(test)


def test_a_hub_that_died_with_all_confirmed_left_nothing_undone(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        left = await dead_hub(world, before_it_writes(DONE), sites("wm-1", "wm-2"))
        assert steps(world) == [CONFIRMING]
        world.clock.advance(ALIVE_S + 1)
        await until(lambda: steps(world) == [DONE])
        assert len(await left.office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d")) == len(standing(world)) == 2

    world.run(test)


def test_a_key_whose_hub_died_before_its_order_began_is_free_after_a_while(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        left = await dead_hub(world, before_it_writes(HOLDING), sites("wm-1", "wm-2"))
        assert steps(world) == [] and len(world.claims()) == 1
        world.clock.advance(ALIVE_S + 1)
        assert len(await left.office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d")) == 2

    world.run(test)


def test_a_hub_that_only_slept_before_its_order_began_finds_it_ended(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        one, other = world.hubs
        several = one.hub.office._several
        putting, woken = several._put, asyncio.Event()

        async def put(*arguments: Any) -> None:
            await woken.wait()
            await putting(*arguments)

        several._put = put  # type: ignore[method-assign]
        ask = sites("wm-1", "wm-2")
        sleeper = asyncio.create_task(one.office.lease_all("acme", ask, "k", "d"))
        await until(lambda: len(world.claims()) == 1)
        world.clock.advance(ALIVE_S + 1)
        leases = await other.office.lease_all("acme", ask, "k", "d")
        woken.set()
        assert isinstance(await refusal_in(sleeper), SiteUnreachable)
        await all_void(world)
        assert sorted(lease.id for lease in standing(world)) == sorted(lease.id for lease in leases)
        again = await one.office.lease_all("acme", ask, "k", "d")
        assert [lease.id for lease in again] == [lease.id for lease in leases]

    world.run(test)


def test_a_hub_that_lost_its_order_to_another_ends_it_no_other_way(world: MeshWorld) -> None:
    """It sleeps before it writes that all is held; the other undoes the order meanwhile."""

    async def test(world: MeshWorld) -> None:
        await stores(world, hubs=2)
        one, other = world.hubs
        several = one.hub.office._several
        putting = several._put

        async def put(order_id: str, step: str, *rest: Any) -> None:
            if step == CONFIRMING:
                (taken,) = world.records.take_orders("h2", NOW + ALIVE_S + 1, NOW + 100)
                await other.hub.office._several._take_over(taken)
            await putting(order_id, step, *rest)

        several._put = put  # type: ignore[method-assign]
        refusal = await refusal_in(one.office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d"))
        assert isinstance(refusal, SiteUnreachable) and steps(world) == [UNDONE]
        await all_void(world)
        assert standing(world) == []

    world.run(test)


def test_an_order_left_long_ago_is_undone_though_the_stores_forgot_its_keys(world: MeshWorld) -> None:
    """All hubs were down for two days after one of the leases was confirmed."""

    async def test(world: MeshWorld) -> None:
        first, _ = await stores(world, 2)
        held = await first.office.lease(
            "acme", msgspec.structs.replace(sites_of_shop(first), end=NOW + 99 * HOUR_S), "o-1@wm-1", "d"
        )
        state = OrderState("acme", NOW, ["wm-1", "wm-2"], [held])
        world.clock.advance(48 * HOUR_S)
        world.records.put_order(MultiOrder("o-1", "gone", HOLDING, NOW, msgspec.json.encode(state)))
        await until(lambda: steps(world) == [UNDONE])
        await all_void(world)
        assert first.leases == [] and charges(world) == 0

    world.run(test)


def test_a_key_of_an_order_that_was_undone_is_free(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, 2)
        world.records.claims([Claim("acme", "k", "d", "*o-1", NOW, "o-1")])
        state = OrderState("acme", NOW, [], [])
        world.records.finish_order(MultiOrder("o-1", "gone", UNDONE, NOW, msgspec.json.encode(state)), [])
        assert len(await world.hubs[0].office.lease_all("acme", sites("wm-1", "wm-2"), "k", "d")) == 2

    world.run(test)


def test_an_unknown_site_is_told_as_such(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        await stores(world, 1)
        assert isinstance(
            await refusal_in(world.hubs[0].office.lease_all("acme", sites("wm-1", "nowhere"), None, None)), UnknownSite
        )

    world.run(test)
