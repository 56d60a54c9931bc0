"""An instance's life on its lease: it starts, serves, fails, comes back, and ends with its lease."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import LeaseState, NotFound
from maillage.kernel.times import FOREVER
from maillage.services.compute.errors import InUse, NoInstance
from maillage.services.compute.limits import limits_of
from maillage.services.compute.model import Health, Instance, RestartPolicy, Settings
from maillage.services.compute.ports import Inbound
from tests.unit.services.compute.deployments_world import World, answers, played


async def standing(world: World, code: str = "one", lease: Any = None, **settings: Any) -> Instance:
    """An instance on a new lease at wm-1, put and ready where it can be."""
    if "wm-1" not in world.keeper.ledger.sites:
        await world.site("wm-1")
        await world.app()
    version = await world.version("acme.shop", code)
    lease = lease or await world.lease()
    chosen = Settings(**settings)
    instance = Instance(
        lease.id,
        "d-1",
        "acme.shop",
        "acme",
        "wm-1",
        version.digest,
        version.kind,
        version.reference,
        chosen,
        limits_of({"cpu": 1_000}, chosen, version.kind),
    )
    await world.host.put(instance)
    await world.host.settled([instance.id], 30.0)
    return instance


async def taken_over(world: World, instance: Instance, code: str, **settings: Any) -> Instance:
    """The same on another version."""
    version = await world.version("acme.shop", code)
    other = msgspec.structs.replace(
        instance, digest=version.digest, settings=msgspec.structs.replace(instance.settings, **settings)
    )
    await world.host.put(other)
    await world.host.settled([instance.id], 60.0)
    return other


def time() -> float:
    return asyncio.get_running_loop().time()


def test_it_serves_once_it_has_started_and_is_told_of_in_its_log(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world)
        assert world.state(instance.id) == "ready"
        assert await world.ask(instance.id) == (200, b"one")
        assert [each.id for each in world.host.ready("acme.shop")] == [instance.id]
        assert world.host.ready("acme.other") == []
        assert world.notes.lines[instance.id] == ["ready"]
        assert world.notes.requests[instance.id] == 1

    played(tmp_path, story)


def test_nothing_answers_for_an_instance_that_is_not_here(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        with pytest.raises(NoInstance):
            await world.ask("wm-1~7")

    played(tmp_path, story)


def test_its_lease_has_to_be_a_confirmed_one_of_its_tenant(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world)
        held = await world.lease(hold_s=600)
        other = await world.lease(tenant="other")
        over = await world.lease()
        await world.office.release(over.id, None)
        for lease, refusal in ((held, LeaseState), (other, NotFound), (over, LeaseState)):
            with pytest.raises(refusal):
                await world.host.put(msgspec.structs.replace(instance, id=lease.id))
        with pytest.raises(NotFound):
            await world.host.put(msgspec.structs.replace(instance, id="wm-1~999"))
        with pytest.raises(InUse):
            await world.host.put(msgspec.structs.replace(instance, deployment="d-2"))
        assert [each.id for each in world.store.all()] == [instance.id]

    played(tmp_path, story)


def test_a_lease_that_begins_later_is_waited_for(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await standing(world)
        instance = await standing(world, lease=await world.lease(in_s=100, for_s=100))
        assert world.state(instance.id) == "starting"
        began = await world.until(lambda: world.state(instance.id) == "ready", 200)
        assert 60 <= began <= 72  # 30 s had gone by in waiting for it to settle

    played(tmp_path, story)


# -- failing and coming back ------------------------------------------------------------------------------------------


def test_one_that_does_not_start_is_tried_again_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.runtime.broken["one"] = 8
        instance = await standing(world)
        status = world.host.status(instance.id)
        assert status is not None and status.settled == "failed" and "broken" in status.detail
        await world.until(lambda: world.state(instance.id) == "ready", 400)
        starts = [at for at, _, _ in world.runtime.starts]
        gaps = [round(later - earlier) for earlier, later in pairwise(starts)]
        assert gaps == [1, 2, 4, 8, 16, 32, 60, 60]

    played(tmp_path, story)


@pytest.mark.parametrize(
    ("policy", "code", "afterwards"),
    [
        ("always", 0, "ready"),
        ("always", 1, "ready"),
        ("on-failure", 0, "stopped"),
        ("on-failure", 1, "ready"),
        ("on-failure", None, "ready"),
        ("never", 0, "stopped"),
        ("never", 1, "failed"),
    ],
)
def test_what_ended_by_itself_is_started_again_as_its_policy_says(
    tmp_path: Path, policy: RestartPolicy, code: int | None, afterwards: str
) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, restart=policy)
        world.runtime.crash(instance.id, code)
        await asyncio.sleep(30)
        assert world.state(instance.id) == afterwards
        status = world.host.status(instance.id)
        assert status is not None and status.restarts == (1 if afterwards == "ready" else 0)

    played(tmp_path, story)


def test_a_request_that_finds_it_gone_has_it_started_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, health=Health(every_s=3_600))
        world.runtime.crash(instance.id)
        with pytest.raises(NoInstance):
            await world.ask(instance.id)
        assert world.host.ready("acme.shop") == []
        assert await world.until(lambda: world.host.ready("acme.shop") != []) < 1.2
        assert await world.ask(instance.id) == (200, b"one")

    played(tmp_path, story)


def test_the_pauses_begin_anew_once_it_ran_well(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, health=Health(every_s=1))

        async def comes_back_after() -> float:
            world.runtime.crash(instance.id)
            await world.until(lambda: world.state(instance.id) != "ready")
            return await world.until(lambda: world.state(instance.id) == "ready")

        quick = [round(await comes_back_after()) for _ in range(4)]
        await asyncio.sleep(61)
        assert (quick, round(await comes_back_after())) == ([1, 2, 4, 8], 1)

    played(tmp_path, story)


def test_a_fault_of_the_policy_never_still_gives_way_to_a_change(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.runtime.broken["one"] = 1
        instance = await standing(world, restart="never")
        assert world.state(instance.id) == "failed"
        await taken_over(world, instance, "two")
        assert await world.ask(instance.id) == (200, b"two")

    played(tmp_path, story)


# -- health -----------------------------------------------------------------------------------------------------------


def test_one_that_fails_its_checks_is_not_ready_and_is_started_again(tmp_path: Path) -> None:
    sick: list[bool] = []

    async def moody(request: Inbound, _: Instance) -> tuple[int, bytes]:
        return (500 if request.path == "/healthz" and sick else 200), b""

    async def story(world: World) -> None:
        health = Health("/healthz", every_s=5, failures=2)
        instance = await standing(world, "moody", health=health)
        assert world.state(instance.id) == "ready"
        sick.append(True)
        await world.until(lambda: world.host.ready("acme.shop") == [], 11)
        states = [status.state for status in world.statuses]
        assert states[-2:] == ["unhealthy", "backing-off"] or states[-1] == "unhealthy"
        sick.clear()
        await world.until(lambda: world.state(instance.id) == "ready")
        assert any("/healthz answered 500" in line for line in world.notes.lines[instance.id])

    played(tmp_path, story, moody=moody)


def test_one_miss_is_none(tmp_path: Path) -> None:
    asked: list[str] = []

    async def moody(request: Inbound, _: Instance) -> tuple[int, bytes]:
        asked.append(request.path)
        return (500 if len(asked) % 2 == 0 else 200), b""

    async def story(world: World) -> None:
        instance = await standing(world, "moody", health=Health("/x", every_s=5, failures=2))
        await asyncio.sleep(60)
        assert world.state(instance.id) == "ready" and len(asked) > 10
        assert {status.state for status in world.statuses} == {"ready"}

    played(tmp_path, story, moody=moody)


def test_one_that_is_never_restarted_is_ready_again_when_it_passes(tmp_path: Path) -> None:
    sick: list[bool] = []

    async def moody(_: Inbound, __: Instance) -> tuple[int, bytes]:
        return (500 if sick else 200), b""

    async def story(world: World) -> None:
        instance = await standing(world, "moody", restart="never", health=Health("/x", every_s=5, failures=2))
        sick.append(True)
        await world.until(lambda: world.state(instance.id) == "unhealthy", 20)
        sick.clear()
        await world.until(lambda: world.state(instance.id) == "ready", 20)
        assert len(world.runtime.starts) == 1

    played(tmp_path, story, moody=moody)


@pytest.mark.parametrize("takes_s", [0.0, 60.0])
def test_one_that_is_not_healthy_from_the_start_never_serves(tmp_path: Path, takes_s: float) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "sick", health=Health("/x", every_s=2, failures=3))
        assert world.state(instance.id) == "backing-off"
        assert world.host.ready("acme.shop") == []
        assert world.runtime.running() == []
        with pytest.raises(NoInstance):
            await world.ask(instance.id)

    played(tmp_path, story, sick=answers(b"", 503, takes_s))


# -- going over to another version ------------------------------------------------------------------------------------


def test_no_request_is_lost_while_one_version_takes_over_from_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "slow-one", health=Health("/x"))
        answered: list[bytes] = []
        going = True

        async def caller() -> None:
            while going:
                status, body = await world.ask(instance.id)
                assert status == 200
                answered.append(body)

        callers = [asyncio.create_task(caller()) for _ in range(20)]
        for code in ("slow-two", "slow-one", "slow-two"):
            await asyncio.sleep(1)
            instance = await taken_over(world, instance, code)
        await asyncio.sleep(1)
        going = False
        await asyncio.gather(*callers)
        assert len(answered) > 500 and answered[-1] == b"two"
        assert {b"one", b"two"} == set(answered)
        assert len(world.runtime.running()) == 1

    played(tmp_path, story, **{"slow-one": answers(b"one", 200, 0.07), "slow-two": answers(b"two", 200, 0.07)})


def test_a_version_that_does_not_come_up_takes_over_from_nobody(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "one", health=Health("/x", every_s=1))
        await taken_over(world, instance, "sick")
        status = world.host.status(instance.id)
        assert status is not None
        assert (status.state, status.settled, status.digest) == ("ready", "failed", instance.digest)
        assert "answered 503" in status.detail
        assert await world.ask(instance.id) == (200, b"one")
        await world.host.put(instance)
        status = world.host.status(instance.id)
        assert status is not None and status.settled == "yes"

    played(tmp_path, story, sick=answers(b"", 503))


def test_what_nobody_wants_any_more_is_not_waited_for(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "one", health=Health("/x", every_s=60, failures=100))
        going_over = asyncio.create_task(taken_over(world, instance, "sick"))
        await asyncio.sleep(1)
        began = time()
        await taken_over(world, instance, "two")
        assert time() - began < 1 and await world.ask(instance.id) == (200, b"two")
        await going_over
        assert len(world.runtime.running()) == 1

    played(tmp_path, story, sick=answers(b"", 503))


def test_a_container_ends_before_the_next_one_starts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "image/one")
        version = await world.version("acme.shop", "image/two")
        other = msgspec.structs.replace(instance, digest=version.digest, reference=version.reference)
        await world.host.put(other)
        await world.host.settled([instance.id], 30)
        assert await world.ask(instance.id) == (200, b"two")
        assert world.runtime.running() == [instance.id]

    played(tmp_path, story, **{"image/one": answers(b"one"), "image/two": answers(b"two")})


# -- leases that are over ---------------------------------------------------------------------------------------------


def test_it_ends_with_its_lease_after_the_grace_of_what_is_under_way(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        await world.app()
        lease = await world.lease(for_s=100)
        instance = await standing(world, "slow", lease=lease, grace_s=5)
        end = time() + 100 - time() % 1
        await asyncio.sleep(end - time() - 2)
        under_way = asyncio.create_task(world.ask(instance.id))
        await asyncio.sleep(3.5)
        assert world.state(instance.id) == "stopping"
        with pytest.raises(NoInstance):
            await world.ask(instance.id)
        assert await under_way == (200, b"slow")
        await world.until(lambda: world.state(instance.id) == "stopped")
        assert world.store.all() == [] and world.runtime.running() == []
        assert "stopping: the lease ended" in world.notes.lines[instance.id]

    played(tmp_path, story, slow=answers(b"slow", 200, 5))


def test_what_takes_longer_than_the_grace_is_cut_off(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world, "slow", grace_s=5)
        under_way = asyncio.create_task(world.ask(instance.id))
        await asyncio.sleep(1)
        began = time()
        await world.office.release(instance.id, None)
        with pytest.raises(Exception, match="ended by its store"):
            await under_way
        assert 4.9 < time() - began < 5.5
        await world.until(lambda: world.state(instance.id) == "stopped", 1)

    played(tmp_path, story, slow=answers(b"slow", 200, 600))


def test_an_extended_lease_carries_it_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1")
        await world.app()
        lease = await world.lease(for_s=100)
        instance = await standing(world, lease=lease)
        await world.office.extend(lease.id, FOREVER, None)
        await asyncio.sleep(500)
        assert world.state(instance.id) == "ready"

    played(tmp_path, story)


def test_house_work_has_the_machine_after_the_grace_at_the_most(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1", cpu=1)
        await world.app()
        lease = await world.lease(cls="spot")
        instance = await standing(world, "slow", lease=lease, grace_s=3)
        under_way = asyncio.create_task(world.ask(instance.id))
        await asyncio.sleep(0.1)
        began = time()
        await world.lease(cls="house", tenant="operator")
        await world.until(lambda: world.state(instance.id) == "stopped", 3.5)
        assert time() - began > 2.9
        with pytest.raises(Exception, match="ended by its store"):
            await under_way

    played(tmp_path, story, slow=answers(b"slow", 200, 600))


@pytest.mark.parametrize(("notice_s", "serves_s"), [(60, (53, 56)), (4, (0, 1.1))])
def test_a_reclaim_with_notice_frees_the_machine_by_the_instant_it_names(
    tmp_path: Path, notice_s: int, serves_s: tuple[float, float]
) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1", cpu=1)
        await world.pool("wm-1", "cpu", 1, notice_s)
        await world.app()
        lease = await world.lease(cls="spot")
        instance = await standing(world, "endless", lease=lease, grace_s=5)
        began = time()
        await world.lease(in_s=notice_s)
        end = int(began) + notice_s
        assert any("was reclaimed; the instance leaves by" in line for line in world.notes.lines[instance.id])
        await world.until(lambda: world.state(instance.id) != "ready" or not world.host.ready("acme.shop"), notice_s)
        assert serves_s[0] <= time() - began <= serves_s[1]
        await world.until(lambda: world.state(instance.id) == "stopped", notice_s)
        assert time() <= end
        assert world.runtime.running() == []

    played(tmp_path, story, endless=answers(b"", 200, 600))


def test_what_is_under_way_counts_against_the_notice(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.site("wm-1", cpu=1)
        await world.pool("wm-1", "cpu", 1, 60)
        await world.app()
        instance = await standing(world, "endless", lease=await world.lease(cls="spot"), grace_s=5)
        under_way = asyncio.create_task(world.ask(instance.id))
        began = int(time())
        await world.lease(in_s=60)
        with pytest.raises(Exception, match="ended by its store"):
            await under_way
        assert began + 58 <= time() <= began + 60

    played(tmp_path, story, endless=answers(b"", 200, 600))


# -- restarts ---------------------------------------------------------------------------------------------------------


def test_all_comes_back_after_a_power_cut_but_what_has_no_lease_any_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        stays = await standing(world)
        ends = await standing(world, lease=await world.lease(for_s=100))
        released = await standing(world)
        await world.crash()
        await asyncio.sleep(200)
        await world.boot()
        await world.office.release(released.id, None)
        await world.until(lambda: world.state(stays.id) == "ready")
        await world.until(lambda: world.state(released.id) == "stopped")
        assert world.state(ends.id) == "unknown"
        assert await world.ask(stays.id) == (200, b"one")
        await world.until(lambda: [each.id for each in world.store.all()] == [stays.id])

    played(tmp_path, story)


def test_a_stop_keeps_what_runs_for_the_next_start(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world)
        await world.stop()
        assert world.runtime.running() == []
        await world.boot()
        await world.until(lambda: world.state(instance.id) == "ready")

    played(tmp_path, story)


def test_what_was_dropped_does_not_come_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        instance = await standing(world)
        await world.host.drop(instance.id)
        await world.host.drop(instance.id)
        assert (world.host.statuses(), world.store.all(), world.runtime.running()) == ([], [], [])
        await world.crash()
        await world.boot()
        assert world.host.statuses() == []

    played(tmp_path, story)
