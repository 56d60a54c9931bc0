"""Roofs let at a hub, whose capacity is in the stores' own ledgers: once, whatever is lost or ends on the way."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from maillage.kernel.asks import Near
from maillage.kernel.errors import LeaseState, NoCapacity, SiteUnreachable
from maillage.kernel.events import Noted
from maillage.kernel.leases import site_of
from maillage.kernel.times import DAY_S, HOUR_S
from maillage.mesh import voider
from maillage.mesh.ports import EscrowRule
from maillage.services.roof.catalogue.documents import NewRoof
from maillage.services.roof.catalogue.errors import MountLeased
from maillage.services.roof.catalogue.listing import RoofFilter
from maillage.services.roof.leasing.documents import NetworksWanted
from maillage.services.roof.leasing.errors import MountTaken
from tests.contract.record_databases import postgresql_database
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import MeshWorld, NodeWorld, refusal_in, until
from tests.unit.mesh.roof_hubs import (
    DOCUMENT,
    FEBRUARY,
    JANUARY_RENT,
    START,
    RoofHub,
    another,
    back,
    charges,
    cut,
    roof_hub,
    roof_leases,
)
from tests.unit.services.roof.leasing.leasing_world import ACME, NOTHING, OPERATOR, OTHER


def sizes(node: NodeWorld, site: str = "wm-1") -> dict[str, int]:
    """What a node's own ledger offers of a roof, in thousandths."""
    pools = node.keeper.ledger.pools[site]
    return {kind: pools[kind].sizes[-1] for kind in sorted(pools) if kind.startswith(("roof", "fibre"))}


# -- the catalogue -----------------------------------------------------------------------------------------------------


def test_a_roof_entered_at_the_hub_gives_the_pools_of_its_store_their_sizes(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, second) = await roof_hub(world)
        told = {"fibre_pair": 4_000, "roof_load": 100_000, "roof_mount": 3_000, "roof_power": 10_000}
        assert sizes(first) == told and sizes(second, "wm-2") == told
        page = await one.catalogue.some(RoofFilter(free_mounts=3, power_kw=10), None, None, None, 10)
        assert [listed.site for listed in page.items] == ["wm-1", "wm-2"]

        await one.applied("m1")
        fewer = NewRoof(height_m=9.0, mounts=DOCUMENT.mounts[1:])
        assert isinstance(await refusal_in(one.catalogue.put("wm-1", fewer)), MountLeased)
        assert isinstance(await refusal_in(one.catalogue.drop("wm-1")), MountLeased)
        assert sizes(first) == told
        await one.catalogue.drop("wm-2")
        assert sizes(second, "wm-2")["roof_mount"] == 0

    world.run(test)


def test_of_a_roof_whose_store_is_out_of_reach_nothing_is_entered(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, _) = await roof_hub(world)
        await cut(world, first)
        more = NewRoof(height_m=9.0, mounts=DOCUMENT.mounts[:1], asking_rent="900")
        assert isinstance(await refusal_in(one.catalogue.put("wm-1", more)), SiteUnreachable)
        assert isinstance(await refusal_in(one.catalogue.drop("wm-1")), SiteUnreachable)
        assert (await one.catalogue.get("wm-1")).asking_rent == "750.00"
        await back(world, first)
        assert sizes(first)["roof_mount"] == 3_000

    world.run(test)


# -- granting ----------------------------------------------------------------------------------------------------------


def test_an_application_is_granted_by_one_lease_at_the_store_that_is_part_of_it(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, second) = await roof_hub(world)
        lease = await one.get(await one.applied("m1", "m3"))
        (granted,) = roof_leases(first)
        assert (granted.id, granted.per_hour, granted.kept_by) == (lease.lease, 0, f"roof lease {lease.id}")
        assert granted.needs == {"roof_mount": 2_000, "roof_load": 80_000, "roof_power": 2_000}
        assert roof_leases(second) == []
        (stock,) = (await one.catalogue.some(RoofFilter(near=(36.1, -94.0), within_km=1), None, None, None, 9)).items
        assert stock.mounts_free == 1

        for release in (one.hub.office.release, first.office.release):
            assert isinstance(await refusal_in(release(granted.id, "acme")), LeaseState)
        await one.desk.leave(ACME, lease.id, "withdraw", NOTHING)
        assert roof_leases(first) == []

    world.run(test)


def test_what_becomes_of_a_roof_lease_is_told_in_the_store_s_own_sequence(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, second) = await roof_hub(world)
        lease = await one.signed("m1")
        told = [event for event in first.events if isinstance(event, Noted)]
        steps = ("inquire", "apply", "review", "approve", "sign")
        assert [event.topic for event in told] == [f"roof.lease.{step}" for step in steps]
        assert {one.hub.office.whose(event) for event in told} == {"acme"}
        assert {event.about for event in told} == {f"roof-leases/{lease}"}
        assert not [event for event in second.events if isinstance(event, Noted)]

    world.run(test)


def test_an_application_to_a_store_out_of_reach_is_completed_once_it_is_back(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, _) = await roof_hub(world)
        mine, others = await one.inquired("m1"), await one.inquired("m1", actor=OTHER)
        await cut(world, first)
        assert isinstance(await refusal_in(one.desk.apply(ACME, mine)), SiteUnreachable)
        await one.tick()
        assert ((await one.get(mine)).state, (await one.get(mine)).lease) == ("application", None)
        assert isinstance(await refusal_in(one.desk.apply(OTHER, others)), MountTaken)

        world.clock.advance(2 * DAY_S)
        await back(world, first)
        await one.tick()
        await one.tick()
        assert [lease.id for lease in roof_leases(first)] == [(await one.get(mine)).lease]
        assert world.records.voids() == []

    world.run(test)


def test_an_application_whose_answer_was_lost_is_granted_once(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, _) = await roof_hub(world)
        lease = await one.inquired("m1")
        first.bus.losing = 1
        assert isinstance(await refusal_in(one.desk.apply(ACME, lease)), SiteUnreachable)
        await world.settled()
        await until(lambda: world.records.voids() == [], "what nobody heard of is void")
        await one.tick()
        assert [lease.id for lease in roof_leases(first)] == [(await one.get(lease)).lease]

    world.run(test)


def test_a_grant_that_nobody_heard_of_does_not_stand_in_the_way_of_its_application(
    world: MeshWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first,) = await roof_hub(world, nodes=1)
        lease, others = await one.inquired("m1", "m2"), await one.inquired("m3", actor=OTHER)
        monkeypatch.setattr(voider, "EVERY_S", 600)
        await asyncio.sleep(0.1)  # from now on it sleeps
        first.bus.losing = 1
        for _ in range(2):
            assert isinstance(await refusal_in(one.desk.apply(ACME, lease)), SiteUnreachable)
            await world.settled()
        assert isinstance(await refusal_in(one.desk.apply(OTHER, others)), NoCapacity), "the roof bears no more"
        assert ((await one.get(lease)).state, (await one.get(others)).state) == ("application", "inquiry")
        await one.hub.hub._voider.once()
        await one.tick()
        assert [lease.id for lease in roof_leases(first)] == [(await one.get(lease)).lease]

    world.run(test)


def test_a_grant_that_nobody_heard_of_is_not_taken_for_the_applications_a_day_later(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first,) = await roof_hub(world, nodes=1)
        lease, grant = await one.inquired("m1", "m2"), first.office.lease

        async def granted_and_cut(*arguments: Any) -> Any:
            await grant(*arguments)
            await world.settled()
            first.bus.cut()
            await asyncio.Event().wait()

        first.office.lease = granted_and_cut  # type: ignore[method-assign,assignment]
        assert isinstance(await refusal_in(one.desk.apply(ACME, lease)), SiteUnreachable)
        first.office.lease = grant  # type: ignore[method-assign]
        assert len(world.records.voids()) == 1, "it is to be made void"
        world.clock.advance(DAY_S)
        await one.tick()
        assert (await one.get(lease)).lease is None
        await back(world, first)
        await until(lambda: world.records.voids() == [], "it is void")
        await one.tick()
        assert [lease.id for lease in roof_leases(first)] == [(await one.get(lease)).lease]

    world.run(test)


@pytest.mark.parametrize("granted", [False, True], ids=["before the store granted it", "after the store granted it"])
def test_a_hub_that_ends_in_the_middle_of_an_application_completes_it_when_it_is_back(
    world: MeshWorld, granted: bool
) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, _) = await roof_hub(world)
        lease, grant = await one.inquired("m1"), first.office.lease
        asked = asyncio.Event()

        async def grant_and_say_nothing(*arguments: Any) -> Any:
            if granted:
                await grant(*arguments)
            asked.set()
            await asyncio.Event().wait()

        first.office.lease = grant_and_say_nothing  # type: ignore[method-assign,assignment]
        applying = asyncio.create_task(one.desk.apply(ACME, lease))
        await asked.wait()
        applying.cancel()
        await asyncio.gather(applying, return_exceptions=True)
        assert [(site, settled) for _, site, settled in world.claims()] == [("wm-1", False)]
        first.office.lease = grant  # type: ignore[method-assign]
        await one.restart()
        if not granted:
            world.clock.advance(61)  # by then the attempt is surely over
        await one.tick()
        await one.tick()
        assert [lease.id for lease in roof_leases(first)] == [(await one.get(lease)).lease]

    world.run(test)


# -- rent --------------------------------------------------------------------------------------------------------------


def test_rent_is_charged_at_the_store_and_is_on_the_hubs_invoices(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, second) = await roof_hub(world)
        near, far = await one.signed("m1"), await one.signed("m1", "m2", site="wm-2")
        world.clock.set(START)
        await world.settled()
        await one.tick()
        for lease, node in ((near, first), (far, second)):
            assert charges(node, (await one.get(lease)).lease or "") == {JANUARY_RENT: 1_000_000_000}
        await one.restart()
        await one.tick()
        (month,) = await one.hub.office.invoices("2027-01", ["acme"])
        assert month.amount == "2000.00"

    world.run(test)


def test_rent_that_was_due_while_a_store_was_out_of_reach_is_made_up_for_once(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, second) = await roof_hub(world)
        dark, lit = await one.signed("m1"), await one.signed("m1", site="wm-2")
        await cut(world, first)
        world.clock.set(FEBRUARY)
        await until(lambda: one.hub.hub.directory.reaches("wm-2"))
        await one.tick()
        assert (await one.get(dark)).rent_paid_until is None
        assert len(charges(second, (await one.get(lit)).lease or "")) == 2
        await back(world, first)
        first.bus.losing = 1  # it is charged, and nobody hears of that
        await one.tick()
        await world.settled()
        await one.tick()
        await one.tick()
        assert list(charges(first, (await one.get(dark)).lease or "").values()) == [1_000_000_000] * 2
        assert (await one.get(dark)).rent_paid_until == "2027-03-01T06:00:00Z"

    world.run(test)


def test_a_store_that_is_out_of_reach_at_the_end_is_charged_the_last_months_afterwards(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first,) = await roof_hub(world, nodes=1)
        lease = await one.get(await one.signed("m1"))
        await cut(world, first)
        world.clock.set(START + 4_000 * DAY_S)
        await one.tick()
        await back(world, first)
        await one.tick()
        assert len(charges(first, lease.lease or "")) == 120, "ten years"
        assert (await one.desk.decommission(OPERATOR, lease.id, NOTHING)).state == "decommissioned"

    world.run(test)


# -- two hubs ----------------------------------------------------------------------------------------------------------


async def let_by_two_hubs(world: MeshWorld) -> None:
    one, (first, _) = await roof_hub(world)
    other = await another(world)
    mine, others = await one.inquired("m1"), await other.inquired("m1", actor=OTHER)
    answers = await asyncio.gather(one.desk.apply(ACME, mine), other.desk.apply(OTHER, others), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["MountTaken", "RoofLeaseDocument"]
    assert len(roof_leases(first)) == 1

    lease = await one.get(await one.signed("m2"))
    world.clock.set(FEBRUARY)
    await world.settled()
    await asyncio.gather(one.tick(), other.tick())
    assert list(charges(first, lease.lease or "").values()) == [1_000_000_000] * 2
    assert await one.get(lease.id) == await other.get(lease.id)


def test_two_hubs_let_a_mount_to_one_and_charge_each_month_once(world: MeshWorld) -> None:
    world.run(let_by_two_hubs)


def test_two_hubs_do_so_on_a_server_too(tmp_path: Path) -> None:
    with postgresql_database() as url:
        MeshWorld(tmp_path, url).run(let_by_two_hubs)


def test_two_keepers_complete_an_application_by_one_lease(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first, _) = await roof_hub(world)
        other = await another(world)
        lease = await one.inquired("m1")
        await cut(world, first)
        assert isinstance(await refusal_in(one.desk.apply(ACME, lease)), SiteUnreachable)
        await back(world, first)
        await asyncio.gather(one.tick(), other.tick(), other.desk.apply(ACME, lease))
        assert [lease.id for lease in roof_leases(first)] == [(await other.get(lease)).lease]

    world.run(test)


def test_whom_a_roof_serves_steers_the_offers_of_all_hubs(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, _ = await roof_hub(world)
        other = await another(world)
        for each in (one, other):
            each.roofs.leases.served.on_change.append(each.roofs._replace_paths)
        lease = await one.signed("m1", site="wm-2")
        world.clock.set(START)
        await world.settled()
        await one.desk.on_air(ACME, lease, NOTHING)
        await one.desk.set_networks(ACME, lease, NetworksWanted(["203.0.113.0/24"]))

        def nearest(hub: RoofHub) -> tuple[str, str]:
            at_1 = Near(36.1, -94.0, within_km=100, device="203.0.113.7")
            offer = hub.hub.office.offers(ask_for({"cpu": 1}, None, START + HOUR_S, near=at_1)).offers[0]
            return offer.site, offer.path.basis

        assert nearest(one) == ("wm-2", "network")
        assert nearest(other) == ("wm-1", "distance"), "it has not looked yet"
        await other.tick()
        assert nearest(other) == ("wm-2", "network")
        await other.desk.set_networks(OPERATOR, lease, NetworksWanted([]))
        await one.tick()
        assert nearest(one) == ("wm-1", "distance")

    world.run(test)


# -- what hubs hold ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cpu", "roof_mount"])
def test_an_application_waits_for_its_store_whatever_the_hub_holds_there(world: MeshWorld, kind: str) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first,) = await roof_hub(world, nodes=1)
        world.records.put_escrow_rule(EscrowRule(kind, 1_000, 1.0, HOUR_S))
        holding = "wm-1~h1"
        await until(lambda: one.hub.hub.directory.reaches(holding) and kind in one.hub.ledger.pools.get(holding, {}))
        await world.settled()
        lease = await one.inquired("m1")
        await cut(world, first)
        assert isinstance(await refusal_in(one.desk.apply(ACME, lease)), SiteUnreachable)
        assert (await one.get(lease)).state == "application"
        await back(world, first)
        await one.tick()
        assert [lease.site for lease in roof_leases(first)] == ["wm-1"]

    world.run(test)


def test_mounts_that_a_hub_holds_are_not_free_and_not_sold_twice(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        one, (first,) = await roof_hub(world, nodes=1)
        world.records.put_escrow_rule(EscrowRule("roof_mount", 2_000, 1.0, HOUR_S))
        await until(lambda: "roof_mount" in one.hub.ledger.pools.get("wm-1~h1", {}), "two mounts are held")
        await world.settled()

        async def leased(mounts: int, key: str) -> str:
            ask = ask_for({"roof_mount": mounts}, None, NOW + HOUR_S, site="wm-1")
            return site_of((await one.hub.office.lease("acme", ask, key, "d")).id)

        assert (await one.catalogue.get("wm-1")).mounts_free == 1
        assert isinstance(await refusal_in(leased(2, "k")), NoCapacity)
        assert await leased(1, "l") == "wm-1"
        await cut(world, first)
        assert await leased(2, "m") == "wm-1~h1"
        assert isinstance(await refusal_in(leased(1, "n")), NoCapacity)

    world.run(test)
