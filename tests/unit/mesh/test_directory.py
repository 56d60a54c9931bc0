"""The directory: who owns what and who can be reached; and what the operator decides reaches everybody."""

import asyncio

import msgspec
import pytest

from maillage.engines.clocks import ManualClock
from maillage.kernel.asks import Near
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import NotFound, PoolInUse, Refusal, SiteUnreachable
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import HOUR_S
from maillage.mesh import directory
from maillage.mesh.messages import Alive, alive_subject, lease_subject
from maillage.mesh.ports import Serve, Subscription
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import SITES, LossyBus, MeshWorld, refusal_in, until

END = NOW + 10 * HOUR_S
DEAR = PriceBook("EUR", [PriceEntry("cpu", "7")])


def test_a_silent_node_counts_as_out_of_reach_until_it_speaks(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(world: MeshWorld) -> None:
        monkeypatch.setattr(directory, "OUT_OF_REACH_AFTER_S", 0.3)
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        node.bus.cut()
        assert hub.hub.directory.is_reachable("n1")
        began = asyncio.get_running_loop().time()
        await until(lambda: not hub.hub.directory.is_reachable("n1"))
        assert 0.1 < asyncio.get_running_loop().time() - began < 1
        node.bus.restore()
        await until(lambda: hub.hub.directory.reaches("wm-1"))

    world.run(test)


def test_an_ask_without_an_answer_marks_a_node_until_its_next_sign_of_life(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        node.bus.cut()
        asked = hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        assert isinstance(await refusal_in(asked), SiteUnreachable)
        assert not hub.hub.directory.reaches("wm-1")
        (status,) = hub.hub.nodes()
        assert (status.reachable, status.silent_s, status.sites) == (False, None, 1)
        node.bus.restore()
        await until(lambda: hub.hub.directory.reaches("wm-1"))

    world.run(test)


def test_how_far_a_node_is_behind_and_its_clock_ahead_is_shown(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1"], clock=ManualClock(NOW + 42))
        await until(lambda: hub.hub.nodes()[0].skew_s == 42)
        (status,) = hub.hub.nodes()
        assert (status.events, status.behind, status.reachable, status.revoked) == (2, 0, True, False)
        assert status.version is not None and status.set_aside is None and hub.hub.caught_up()

    world.run(test)


def test_a_sign_of_life_that_comes_late_says_nothing_of_a_lost_journal(world: MeshWorld) -> None:
    """It was sent before the last events, and overtaken by them."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        for _ in range(20):
            await node.bus.send(alive_subject("n1"), msgspec.json.encode(Alive(0, NOW, "0")))
        await asyncio.sleep(0.2)
        assert hub.hub.mirror.set_aside == {} and hub.refused == []
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        assert (await hub.office.get_lease(lease.id, "acme")).state == "confirmed"

    world.run(test)


def test_a_node_that_lost_some_of_its_journal_is_set_aside(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        await node.office.lease("local", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        await world.settled()
        await node.stop()
        del node.journal._batches[-1]
        node.open()
        await node.start()
        await until(lambda: "n1" in hub.hub.mirror.set_aside)
        assert "lost some" in hub.hub.mirror.set_aside["n1"] and hub.refused[0][0] == "n1"
        await world.nodes.pop("n1").stop()
        fresh = await world.joined("n1b", ["wm-1"])
        assert [lease.tenant for lease in fresh.leases] == ["local"]

    world.run(test)


def test_a_hub_that_has_not_heard_of_a_new_node_learns_of_it_by_its_first_words(world: MeshWorld) -> None:
    """The word of the hub that admitted it got lost."""

    async def test(world: MeshWorld) -> None:
        one, other = await world.hub("h1"), await world.hub("h2")

        async def changed() -> None:
            await one.hub.directory.load()

        one.enrolments._changed = changed
        former = await world.node("n1", ["wm-1"])
        await world.settled()
        assert other.hub.directory.owner("wm-1") == "n1"
        other.hub.directory._loaded_at -= 5
        await world.nodes.pop("n1").stop()
        fresh = await world.joined("n1b", ["wm-1"])
        await fresh.office.lease("local", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        await world.settled()
        assert other.hub.mirror.set_aside == {} and other.events_of("wm-1") == fresh.events != former.events

    world.run(test)


def test_a_directory_that_was_read_before_a_change_does_not_undo_it(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        known = hub.hub.directory
        renamed = [msgspec.structs.replace(site, name="New") for site in SITES]
        await asyncio.gather(known.load(), known.put_sites(renamed), known.load(), known.load())
        assert {entry.site.name for entry in known.entries.values()} == {"New"}

    world.run(test)


# -- sites and capacity through the hub ------------------------------------------------------------------------------


def test_a_site_is_changed_where_it_is_owned_and_in_the_directory(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        changed = [msgspec.structs.replace(site, name="New") for site in SITES[:2]]
        assert await hub.office.set_sites(changed) == 2
        assert await hub.office.set_sites(changed) == 0
        assert node.keeper.ledger.sites["wm-1"].name == "New"
        await world.settled()
        assert [(await hub.office.get_site(site.id)).name for site in changed] == ["New", "New"]
        assert [site.name for site in (await hub.office.list_sites(None, 3)).items] == ["New", "New", "Store 3"]
        node.bus.cut()
        again = [msgspec.structs.replace(site, name="Newer") for site in SITES[:1]]
        assert isinstance(await refusal_in(hub.office.set_sites(again)), SiteUnreachable)
        assert hub.hub.directory.entries["wm-1"].site.name == "New"

    world.run(test)


def test_capacity_is_set_by_the_owner(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"], cpu=4)
        await node.office.lease("local", ask_for({"cpu": 3}, None, END, site="wm-1"), None, None)
        assert isinstance(await refusal_in(hub.office.set_capacity("wm-1", "cpu", CapacityPlanDocument(2))), PoolInUse)
        assert (await hub.office.set_capacity("wm-1", "cpu", CapacityPlanDocument(3))).size == 3
        for site, kind in (("wm-2", "cpu"), ("nowhere", "cpu"), ("wm-1", "no-such")):
            refusal = await refusal_in(hub.office.set_capacity(site, kind, CapacityPlanDocument(2)))
            assert isinstance(refusal, Refusal) and not isinstance(refusal, SiteUnreachable)
        assert isinstance(await refusal_in(hub.office.get_site("nowhere")), NotFound)

    world.run(test)


def test_a_dead_store_delays_no_readers(world: MeshWorld) -> None:
    """It answered and was cut off before its events came."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        await world.node("n2", ["wm-2"])

        async def nothing() -> None:
            await asyncio.Event().wait()

        node.node.outbox._carry_some = nothing  # type: ignore[method-assign]
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)
        node.bus.cut()
        assert isinstance(await refusal_in(hub.office.get_lease(lease.id, "acme")), NotFound)
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await hub.office.get_site("wm-2")
            await hub.office.capacity("wm-2", None, None, None)
        assert asyncio.get_running_loop().time() - began < 1

    world.run(test)


# -- policy ----------------------------------------------------------------------------------------------------------


def test_prices_reach_every_node_and_those_that_come_later(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        hub.hub.policy.replace_book(DEAR)
        await hub.hub.changed()
        await until(lambda: node.policy.pricing.book == DEAR)
        lease = await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, near=Near(36.1, -94.0)), None, None)
        assert (lease.price.per_hour, lease.price.currency) == ("7.00", "EUR")
        late = await world.node("n2", ["wm-2"])
        await until(lambda: late.policy.pricing.book == DEAR)

    world.run(test)


def test_a_node_that_was_away_gets_the_prices_when_it_is_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        node.bus.cut()
        hub.hub.policy.replace_book(DEAR)
        await hub.hub.changed()
        await node.restart()
        await until(lambda: node.policy.pricing.book == DEAR)

    world.run(test)


def test_a_node_starts_and_sells_without_any_hub(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        await hub.stop()
        world.hubs.clear()
        await node.restart()
        lease = await node.office.lease("local", ask_for({"cpu": 1}, None, END, site="wm-1"), "k", "d")
        assert (await node.office.get_lease(lease.id, "local")).state == "confirmed"
        await until(lambda: node.node.outbox.waiting == 0)  # the carrier has them

    world.run(test)


def test_a_node_that_can_not_serve_or_speak_at_first_does_so_later(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        node = await world.node("n1", ["wm-1"])
        await node.stop()
        node.open()
        journal_end, serving = node.journal.end, LossyBus.serve
        unheard, unsaid = [OSError("no line")] * 2, [OSError("no disk")] * 2

        def end() -> int:
            if unsaid and asyncio.current_task() in node.node._tasks:
                raise unsaid.pop()
            return journal_end()

        async def serve(bus: LossyBus, subject: str, handler: Serve) -> Subscription:
            if subject == lease_subject("wm-1") and unheard:
                raise unheard.pop()
            return await serving(bus, subject, handler)

        monkeypatch.setattr(node.journal, "end", end)
        monkeypatch.setattr(LossyBus, "serve", serve)
        await node.start()
        await until(lambda: not unsaid and "wm-1" in node.node._service._subscriptions)
        hub.hub.directory.lost("n1")
        await world.settled()
        assert (await hub.office.lease("acme", ask_for({"cpu": 1}, None, END, site="wm-1"), None, None)).site == "wm-1"

    world.run(test)
