"""Idempotency keys at hubs: one lease for a key, through whichever hub, whatever dies or is lost on the way."""

import asyncio
from typing import Any

import pytest

from maillage.kernel.asks import Ask, Near
from maillage.kernel.errors import Invalid, KeyReused, KeyVoid, NoCapacity, SiteUnreachable
from maillage.kernel.events import Leased, encode_events
from maillage.kernel.leases import Lease
from maillage.kernel.ports import Batch
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.mesh.attempt import key_at
from maillage.mesh.hub import CLAIM_KEEP_S
from maillage.mesh.ports import Claim
from maillage.mesh.router import FINISHED_AFTER_S
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import HubWorld, MeshWorld, NodeWorld, refusal_in, until

NEAR_1 = Near(36.1, -94.0)
END = NOW + 10 * HOUR_S
DEAD = Claim("acme", "k", "d", "wm-1", NOW, "dead-1")
"""What a hub leaves that dies right after it entered a claim."""


def near(cpu: float = 1) -> Ask:
    return ask_for({"cpu": cpu}, None, END, near=NEAR_1)


def at_1(cpu: float = 1) -> Ask:
    return ask_for({"cpu": cpu}, None, END, site="wm-1")


def standing(world: MeshWorld) -> list[Lease]:
    return [lease for node in world.nodes.values() for lease in node.leases]


async def two_hubs(world: MeshWorld) -> tuple[HubWorld, HubWorld, NodeWorld, NodeWorld]:
    one, other = await world.hub("h1"), await world.hub("h2")
    first, second = await world.node("n1", ["wm-1"], cpu=4), await world.node("n2", ["wm-2"], cpu=4)
    return one, other, first, second


def test_a_key_that_comes_to_two_hubs_at_once_is_granted_once(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        hubs = [one, other] * 5
        leases = await asyncio.gather(*(hub.office.lease("acme", near(), "k", "d") for hub in hubs))
        assert {lease.id for lease in leases} == {lease.id for lease in standing(world)}
        assert len(standing(world)) == 1
        assert world.records.voids() == [] and len(world.claims()) == 1

    world.run(test)


def test_a_key_with_another_body_is_refused_by_every_hub(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        await one.office.lease("acme", near(), "k", "d")
        several = Ask({"cpu": 1_000}, None, END, None, None, "firm", sites=("wm-1", "wm-2"))
        for hub in (one, other):
            assert isinstance(await refusal_in(hub.office.lease("acme", near(2), "k", "other")), KeyReused)
            assert isinstance(await refusal_in(hub.office.lease_all("acme", several, "k", "several")), KeyReused)
        await one.office.lease_all("acme", several, "all", "several")
        assert isinstance(await refusal_in(other.office.lease("acme", near(), "all", "several")), KeyReused)

    world.run(test)


def test_a_refused_ask_leaves_nothing_and_its_key_is_free_for_any_body(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        for ask in (near(5), at_1(5)):
            assert isinstance(await refusal_in(one.office.lease("acme", ask, "k", "d")), NoCapacity)
            assert world.claims() == [] and world.records.voids() == []
        lease = await other.office.lease("acme", near(4), "k", "smaller")
        assert [one.id for one in standing(world)] == [lease.id]

    world.run(test)


def test_an_ask_that_comes_too_late_leaves_its_key_free(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, *_ = await two_hubs(world)
        late = ask_for({"cpu": 1}, NOW - HOUR_S, END, site="wm-1")
        assert isinstance(await refusal_in(one.office.lease("acme", late, "k", "d")), Invalid)
        assert world.claims() == []

    world.run(test)


def test_a_repeat_gets_its_lease_though_its_start_has_gone_by(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        soon = ask_for({"cpu": 1}, NOW + 60, END, near=NEAR_1)
        lease = await one.office.lease("acme", soon, "k", "d")
        world.clock.advance(HOUR_S)
        assert (await other.office.lease("acme", soon, "k", "d")).id == lease.id
        assert isinstance(await refusal_in(other.office.lease("acme", soon, "new", "d")), Invalid)

    world.run(test)


def test_a_key_whose_hub_died_before_it_asked_is_free_after_a_while(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, _, first, _ = await two_hubs(world)
        world.records.claims([DEAD])
        assert isinstance(await refusal_in(one.office.lease("acme", at_1(), "k", "d")), SiteUnreachable)
        assert standing(world) == []
        world.clock.advance(FINISHED_AFTER_S + 1)
        lease = await one.office.lease("acme", at_1(), "k", "d")
        await until(lambda: world.records.voids() == [])
        assert [one.id for one in standing(world)] == [lease.id]
        late = await refusal_in(first.office.lease("acme", at_1(), key_at(DEAD.name, "wm-1"), "d"))
        assert isinstance(late, KeyVoid)

    world.run(test)


def test_a_lease_whose_hub_died_before_it_answered_is_found_by_a_repeat(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        _, other, first, _ = await two_hubs(world)
        world.records.claims([DEAD])
        lost = await first.office.lease("acme", at_1(), key_at(DEAD.name, "wm-1"), "d")
        for _ in range(2):
            assert (await other.office.lease("acme", near(), "k", "d")).id == lost.id
        assert world.claims() == [("k", "wm-1", True)]

    world.run(test)


def test_a_claim_that_leads_nowhere_is_given_up_after_a_while(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, *_ = await two_hubs(world)
        world.records.claims([Claim("acme", "k", "d", "", NOW, "dead-1")])
        world.clock.advance(FINISHED_AFTER_S + 1)
        assert (await one.office.lease("acme", near(), "k", "d")).site == "wm-1"
        assert world.records.voids() == []

    world.run(test)


def test_a_lease_that_a_repeat_found_is_not_made_void_by_the_first_ask(world: MeshWorld) -> None:
    """The answer to the first ask is lost. Before it goes on to the next store, a repeat finds the lease."""

    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        moving = one.hub.office._router._claims.move
        found: list[str] = []

        async def move(*arguments: Any) -> bool:
            if not found:
                await world.settled()
                found.append((await other.office.lease("acme", near(), "k", "d")).id)
            return await moving(*arguments)

        one.hub.office._router._claims.move = move
        first.bus.losing = 1
        assert isinstance(await refusal_in(one.office.lease("acme", near(), "k", "d")), SiteUnreachable)
        await world.settled()
        assert (await one.office.lease("acme", near(), "k", "d")).id == found[0]
        assert [lease.id for lease in standing(world)] == found and world.records.voids() == []

    world.run(test)


def test_a_repeat_is_granted_nothing_where_the_first_ask_was_refused(world: MeshWorld) -> None:
    """Between the refusal and the first ask's next step the store has room again, and a repeat comes by."""

    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        shop = await first.office.lease("shop", at_1(4), "s", "d")
        await one.hub.mirror.reach("n1", first.journal.end(), 5)
        one.hub.finder.shut = None
        one.hub.office._router.candidates = lambda *_: ["wm-1", "wm-2"]
        moving = one.hub.office._router._claims.move
        repeats: list[asyncio.Task[Any]] = []

        async def move(*arguments: Any) -> bool:
            await first.office.release(shop.id, "shop")
            heard = len(first.bus.heard)
            repeats.append(asyncio.create_task(other.office.lease("acme", near(4), "k", "d")))
            await until(lambda: len(first.bus.heard) > heard)
            await asyncio.sleep(0.05)
            return await moving(*arguments)

        one.hub.office._router._claims.move = move
        lease = await one.office.lease("acme", near(4), "k", "d")
        assert lease.site == "wm-2"
        assert (await repeats[0]).id == lease.id
        assert [one.id for one in standing(world)] == [lease.id] and world.records.voids() == []

    world.run(test)


def test_a_key_is_free_at_once_when_no_answer_came_and_what_it_gets_then_stays(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one = await world.hub()
        first = await world.node("n1", ["wm-1"], cpu=4)
        first.bus.losing = 1
        lost = await refusal_in(one.office.lease("acme", at_1(), "k", "d"))
        assert isinstance(lost, SiteUnreachable)
        (orphan,) = first.leases
        await world.settled()
        lease = await one.office.lease("acme", at_1(), "k", "d")
        await until(lambda: world.records.voids() == [])
        assert lease.id != orphan.id and (orphan.state, orphan.charge) == ("released", 0)
        assert [one.id for one in first.leases] == [lease.id]
        assert (await one.office.lease("acme", at_1(), "k", "d")).id == lease.id

    world.run(test)


def test_a_lost_answer_does_not_spoil_the_store_for_the_key(world: MeshWorld) -> None:
    """The first store's answer is lost, the second has no room: the same key may be granted at the first later."""

    async def test(world: MeshWorld) -> None:
        one, _, first, second = await two_hubs(world)
        one.hub.office._router.candidates = lambda *_: ["wm-1", "wm-2"]
        await second.office.lease("shop", ask_for({"cpu": 4}, None, END, "house", site="wm-2"), None, None)
        first.bus.losing = 1
        assert isinstance(await refusal_in(one.office.lease("acme", near(4), "k", "d")), NoCapacity)
        await until(lambda: world.records.voids() == [])
        await world.settled()
        lease = await one.office.lease("acme", near(4), "k", "d")
        assert lease.site == "wm-1" and [one.id for one in standing(world)[:1]] == [lease.id]

    world.run(test)


def test_keys_are_forgotten_after_a_day_with_the_owners(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        lease = await one.office.lease("acme", near(), "k", "d")
        world.clock.advance(DAY_S - 60)
        assert (await other.office.lease("acme", ask_for({"cpu": 1}, near=NEAR_1), "k", "d")).id == lease.id
        world.clock.advance(2 * HOUR_S)
        assert world.records.forget_claims(world.clock.now() - CLAIM_KEEP_S) == 1
        fresh = await other.office.lease("acme", ask_for({"cpu": 2}, near=NEAR_1), "k", "other")
        assert fresh.id != lease.id

    world.run(test)


def test_a_key_of_the_day_before_is_free_though_its_claim_is_not_forgotten_yet(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        lease = await one.office.lease("acme", ask_for({"cpu": 1}, site="wm-1"), "k", "d")
        world.clock.advance(DAY_S + 60)
        fresh = await other.office.lease("acme", ask_for({"cpu": 1}, site="wm-1"), "k", "d")
        await until(lambda: world.records.voids() == [])
        assert {one.id for one in first.leases} == {lease.id, fresh.id}

    world.run(test)


def test_a_repeat_while_the_store_is_out_of_reach_is_answered_from_the_mirror(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, other, first, _ = await two_hubs(world)
        lease = await one.office.lease("acme", near(), "k", "d")
        await world.settled()
        first.bus.cut()
        assert (await other.office.lease("acme", near(), "k", "d")).id == lease.id

    world.run(test)


def test_a_store_can_not_answer_for_anothers_key(world: MeshWorld) -> None:
    """A store claims in its events to have granted a key that was taken to another store."""

    async def test(world: MeshWorld) -> None:
        one, _, first, second = await two_hubs(world)
        world.records.claims([DEAD])
        first.bus.cut()
        pos = second.journal.end()
        forged = Leased(
            "wm-2", 3, NOW, "wm-2~3", "acme", {"cpu": 1}, NOW, END, "firm", 0, None, key_at(DEAD.name, "wm-1"), "d"
        )
        second.journal.append(Batch(pos, 1, encode_events([forged])))
        await until(lambda: "wm-2~3" in one.ledger.leases)
        assert isinstance(await refusal_in(one.office.lease("acme", near(), "k", "d")), SiteUnreachable)

    world.run(test)


def test_a_hub_that_slept_does_not_answer_with_what_was_taken_over(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine sleeps while the store answers; meanwhile a repeat gives its claim up and gets a lease of its own."""

    async def test(world: MeshWorld) -> None:
        one, other, *_ = await two_hubs(world)
        monkeypatch.setattr("maillage.mesh.attempt.SLOW_S", -1.0)
        router = one.hub.office._router
        settling, fresh = router._claims.settle, []

        async def settle(claim: Claim) -> bool:
            if not fresh:
                assert world.records.drop_claim(claim)
                fresh.append((await other.office.lease("acme", near(), "k", "d")).id)
            return await settling(claim)

        router._claims.settle = settle
        assert isinstance(await refusal_in(one.office.lease("acme", near(), "k", "d")), SiteUnreachable)
        assert (await one.office.lease("acme", near(), "k", "d")).id == fresh[0]

    world.run(test)
