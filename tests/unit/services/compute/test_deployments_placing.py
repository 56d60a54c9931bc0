"""Where a deployment's instances go: on leases that there are, or on leases taken near points and kept."""

import asyncio
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, LeaseState, NotFound
from maillage.kernel.readings import LeaseFilter
from maillage.services.compute.errors import InUse
from tests.unit.services.compute.deployments_world import LAT, LON, World, answers, played

HERE = {"lat": LAT, "lon": LON}
KM_A_DEGREE = 111.2


async def shop(world: World, *versions: str) -> str:
    app = await world.app()
    for name in versions or ("one",):
        await world.version(app, name)
    return app


async def row_of_sites(world: World, count: int, cpu: float = 8) -> None:
    """Sites 10 km apart, north of each other: wm-0, wm-1, ..."""
    for number in range(count):
        await world.site(f"wm-{number}", cpu=cpu, lat=LAT + number * 10 / KM_A_DEGREE)


async def active_leases(world: World) -> dict[str, str]:
    """The sites of the leases that are confirmed, by id."""
    some = await world.office.list_leases(LeaseFilter(state="confirmed"), None, 1_000)
    return {lease.id: lease.site for lease in some.items}


def test_an_app_runs_on_a_lease_that_its_tenant_has(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world)
        lease = await world.lease()
        deployment = await world.deploy(app, "acme", leases=[lease.id])
        (placed,) = deployment.placed
        assert (placed.id, placed.lease, placed.site, placed.state) == (lease.id, lease.id, "wm-1", "ready")
        assert (placed.own_lease, deployment.missing, deployment.revision) == (False, [], 1)
        assert deployment.rollout.state == "done" and deployment.rollout.updated == deployment.rollout.of == 1
        assert await world.ask(lease.id) == (200, b"one")

    played(tmp_path, story)


def test_a_lease_that_can_t_carry_it_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world, "large", "one")
        large = (await world.catalogue.versions(app, None))[0].digest
        good, other = await world.lease(), await world.lease(tenant="other")
        held, over = await world.lease(hold_s=60), await world.lease()
        cold = await world.lease(needs={"pallet_chilled": 1})
        await world.office.release(over.id, None)
        cases = [
            ([other.id], NotFound, "not acme's"),
            (["wm-1~999"], NotFound, "no lease"),
            ([held.id], LeaseState, "confirm it first"),
            ([over.id], LeaseState, "released"),
            ([cold.id], Invalid, "'cpu': 0.5 would work"),
            ([good.id, good.id], Invalid, "twice"),
            ([good.id, other.id], NotFound, "not acme's"),
        ]
        for leases, refusal, words in cases:
            with pytest.raises(refusal, match=words):
                await world.deploy(app, "acme", leases=leases)
        with pytest.raises(Invalid, match=r"'memory': 0\.125 would work"):
            await world.deploy(app, "acme", leases=[good.id], version=large)
        assert (world.records.deployments(), world.records.instances(), world.host.statuses()) == ([], [], [])

    played(tmp_path, story, large=answers(b"large"))


def test_a_lease_carries_one_instance(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world)
        lease = await world.lease()
        first = await world.deploy(app, leases=[lease.id])
        with pytest.raises(InUse):
            await world.deploy(app, leases=[lease.id])
        await world.deployments.remove(first.id, None)
        second = await world.deploy(app, leases=[lease.id])
        assert [each.state for each in second.placed] == ["ready"]

    played(tmp_path, story)


def test_another_tenant_sees_nothing_of_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world)
        deployment = await world.deploy(app, "acme", near=[HERE], needs={"cpu": 1})
        assert await world.deployments.some("other", None, None, 10) == ([], None)
        for attempt in (
            world.deploy(app, "other", near=[HERE], needs={"cpu": 1}),
            world.deployments.get(deployment.id, "other"),
            world.deployments.instances(deployment.id, "other"),
            world.deployments.remove(deployment.id, "other"),
            world.deployments.roll_back(deployment.id, None, "other"),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert [each.id for each in await world.deployments.instances(deployment.id, "acme")] == [
            deployment.placed[0].id
        ]

    played(tmp_path, story)


def test_instances_spread_over_the_points_by_turn_and_over_sites(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 6)
        app = await shop(world)
        far = {"lat": LAT + 50 / KM_A_DEGREE, "lon": LON}
        deployment = await world.deploy(
            app, near=[HERE, far], within_km=21, instances=5, needs={"cpu": 1, "memory": 0.5}
        )
        assert sorted(each.site for each in deployment.placed) == ["wm-0", "wm-1", "wm-2", "wm-4", "wm-5"]
        assert {each.state for each in deployment.placed} == {"ready"}
        leases = [world.keeper.ledger.leases[each.id] for each in deployment.placed]
        assert all(lease.needs == {"cpu": 1_000, "memory": 500} and lease.cls == "firm" for lease in leases)

    played(tmp_path, story)


def test_sites_are_shared_where_there_are_too_few(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 2)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], within_km=15, instances=5, needs={"cpu": 1})
        assert sorted(each.site for each in deployment.placed) == ["wm-0", "wm-0", "wm-0", "wm-0", "wm-1"]

    played(tmp_path, story)


def test_a_point_without_room_says_why_and_is_filled_when_there_is(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 1)
        app = await shop(world)
        far = {"lat": -LAT, "lon": LON}
        deployment = await world.deploy(app, near=[HERE, far], within_km=21, instances=4, needs={"cpu": 1})
        assert len(deployment.placed) == 2
        assert [(each.problem, each.near and each.near.lat) for each in deployment.missing] == [
            ("no-capacity", -LAT)
        ] * 2
        await world.site("au-1", lat=-LAT)
        await asyncio.sleep(61 * 1.2)
        deployment = await world.look(deployment)
        assert sorted(each.site for each in deployment.placed) == ["au-1", "au-1", "wm-0", "wm-0"]
        assert deployment.missing == []

    played(tmp_path, story)


def test_what_is_too_dear_is_not_taken(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 1)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], needs={"cpu": 1}, max_price="0.00")
        assert [each.problem for each in deployment.missing] == [] and len(deployment.placed) == 1

    played(tmp_path, story)


def test_with_the_deployment_go_its_instances_and_the_leases_taken_for_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 3)
        app = await shop(world)
        mine = await world.lease("wm-0")
        near = await world.deploy(app, near=[HERE], instances=3, needs={"cpu": 1})
        on_lease = await world.deploy(app, leases=[mine.id])
        assert len(await active_leases(world)) == 4
        for deployment in (near, on_lease):
            await world.deployments.remove(deployment.id, "acme")
            with pytest.raises(NotFound):
                await world.look(deployment)
        assert await active_leases(world) == {mine.id: "wm-0"}
        assert (world.records.deployments(), world.records.instances()) == ([], [])
        assert (world.host.statuses(), world.store.all()) == ([], [])

    played(tmp_path, story)


def test_what_is_under_way_has_its_grace_when_a_deployment_goes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 1)
        app = await shop(world, "slow")
        deployment = await world.deploy(app, near=[HERE], needs={"cpu": 1}, grace_s=5)
        under_way = asyncio.create_task(world.ask(deployment.placed[0].id))
        await asyncio.sleep(0.1)
        await world.deployments.remove(deployment.id, None)
        assert len(await active_leases(world)) == 1
        assert await under_way == (200, b"slow")
        await asyncio.sleep(0.1)
        assert await active_leases(world) == {}

    played(tmp_path, story, slow=answers(b"slow", 200, 4))


def test_it_shrinks_and_grows(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 4)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], instances=3, needs={"cpu": 1})
        fewer = await world.change(deployment, instances=1)
        await asyncio.sleep(0.1)
        assert [each.site for each in (await world.look(fewer)).placed] == ["wm-0"]
        assert list((await active_leases(world)).values()) == ["wm-0"]
        more = await world.change(fewer, instances=4)
        assert sorted(each.site for each in more.placed) == ["wm-0", "wm-1", "wm-2", "wm-3"]
        assert (more.revision, more.rollout.state) == (3, "done")

    played(tmp_path, story)


def test_leases_can_be_exchanged(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world)
        first, second = await world.lease(), await world.lease()
        deployment = await world.deploy(app, leases=[first.id])
        deployment = await world.change(deployment, leases=[second.id])
        await asyncio.sleep(0.1)
        assert [each.id for each in (await world.look(deployment)).placed] == [second.id]
        assert set(await active_leases(world)) == {first.id, second.id}

    played(tmp_path, story)


# -- leases that end --------------------------------------------------------------------------------------------------


def test_an_instance_whose_lease_was_released_is_replaced_elsewhere(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 2)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], needs={"cpu": 1})
        await world.office.release(deployment.placed[0].id, None)
        await asyncio.sleep(0.2)
        (placed,) = (await world.look(deployment)).placed
        assert placed.id != deployment.placed[0].id and placed.state == "ready"

    played(tmp_path, story)


def test_a_lease_of_the_tenant_s_own_that_ends_is_missed_and_not_replaced(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        app = await shop(world)
        lease = await world.lease(for_s=100)
        deployment = await world.deploy(app, leases=[lease.id])
        await asyncio.sleep(102)
        deployment = await world.look(deployment)
        assert deployment.placed == []
        assert [(each.lease, each.problem) for each in deployment.missing] == [(lease.id, "lease-state")]
        assert await active_leases(world) == {}

    played(tmp_path, story)


def test_with_notice_another_is_there_before_the_old_one_goes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 2, cpu=1)
        await world.pool("wm-0", "cpu", 1, notice_s=60)
        app = await shop(world)
        deployment = await world.deploy(app, **{"near": [HERE], "needs": {"cpu": 1}, "class": "spot"})
        old = deployment.placed[0].id
        await world.lease("wm-0", tenant="other", in_s=60)
        await asyncio.sleep(1)
        ready = {each.id: each.site for each in world.host.ready(app)}
        assert len(ready) == 2 and old in ready and "wm-1" in ready.values()
        await asyncio.sleep(60)
        assert [each.site for each in world.host.ready(app)] == ["wm-1"]
        assert [each.site for each in (await world.look(deployment)).placed] == ["wm-1"]

    played(tmp_path, story)


def test_house_work_takes_the_machine_and_the_instance_moves_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 2, cpu=1)
        app = await shop(world)
        deployment = await world.deploy(app, **{"near": [HERE], "needs": {"cpu": 1}, "class": "spot"})
        await world.lease("wm-0", tenant="operator", cls="house")
        await asyncio.sleep(0.5)
        assert [each.site for each in (await world.look(deployment)).placed if each.state == "ready"] == ["wm-1"]

    played(tmp_path, story)


# -- restarts ---------------------------------------------------------------------------------------------------------


def test_after_a_power_cut_everything_goes_on_with_the_same_leases(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 3)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], instances=3, needs={"cpu": 1})
        before = await active_leases(world)
        await world.crash()
        await world.boot()
        await asyncio.sleep(1)
        assert await active_leases(world) == before
        again = await world.look(deployment)
        assert {each.id for each in again.placed if each.state == "ready"} == set(before)

    played(tmp_path, story)


def test_a_lease_whose_record_was_lost_is_found_again_by_its_key(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 3)
        app = await shop(world)
        deployment = await world.deploy(app, near=[HERE], instances=2, needs={"cpu": 1})
        before = await active_leases(world)
        await world.crash()
        lost = deployment.placed[1].id  # as if the power had gone between the grant and the record
        world.records.drop_instance(lost)
        world.store.drop(lost)
        await world.boot()
        await asyncio.sleep(1)
        assert await active_leases(world) == before
        assert {each.id for each in (await world.look(deployment)).placed} == set(before)

    played(tmp_path, story)


@pytest.mark.parametrize(
    "after_s",
    [0.002, 0.008, 0.02, *(pytest.param(0.001 * step, marks=pytest.mark.long) for step in range(40))],
)
def test_wherever_a_power_cut_falls_no_lease_is_left_over(tmp_path: Path, after_s: float) -> None:
    async def story(world: World) -> None:
        await row_of_sites(world, 3)
        app = await shop(world)
        creating = asyncio.ensure_future(world.deploy(app, near=[HERE], instances=3, needs={"cpu": 1}))
        await asyncio.sleep(after_s)
        await world.crash()
        await world.boot()
        await asyncio.sleep(1)
        assert creating.done()
        deployments, _ = await world.deployments.some(None, None, None, 10)
        placed = {each.id for deployment in deployments for each in deployment.placed}
        assert placed == set(await active_leases(world))
        assert len(placed) == 3 * len(deployments)
        for deployment in deployments:
            removing = asyncio.ensure_future(world.deployments.remove(deployment.id, None))
            await asyncio.sleep(after_s)
            await world.crash()
            assert removing.done()
            await world.boot()
            await asyncio.sleep(1)
            left, _ = await world.deployments.some(None, None, None, 10)
            assert len(await active_leases(world)) == 3 * len(left)

    played(tmp_path, story)
