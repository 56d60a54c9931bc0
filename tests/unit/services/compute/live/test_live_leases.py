"""Leases that end under sessions, stores without room, restarts, and devices that fall silent."""

import asyncio
from pathlib import Path

import pytest

from maillage.kernel.errors import AlreadyExists, Invalid, NoCapacity, NotFound
from maillage.kernel.times import format_time
from maillage.services.compute.errors import CodeFault, InUse, NoInstance
from maillage.services.compute.live.documents import PositionDocument, PositionsDocument
from tests.unit.services.compute.live.live_world import Asker, LiveWorld, played


def test_a_session_whose_spot_lease_is_reclaimed_with_notice_is_gone_before_and_nobody_waits(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        for number in range(4):
            await world.pool(f"s{number}", "cpu", 4, notice_s=30)
        session = await world.begin(**{"class": "spot"})
        asker = Asker(world, session)
        await world.lease("s0", needs={"cpu": 4}, in_s=60, for_s=600)  # firm, and it needs all of the store
        await world.until(lambda: world.seen(session).site != "s0", 30)
        await asker.stop()
        assert asker.longest_s < 0.05
        assert (await world.call(session)) == str(asker.answers + 1).encode()
        assert world.seen(session).site == "s1"

    played(tmp_path, story)


def test_a_session_whose_lease_is_reclaimed_at_once_is_served_elsewhere_a_moment_later(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(**{"class": "spot"})
        assert await world.call(session) == b"1"
        await world.lease("s0", needs={"cpu": 4}, cls="house")
        took_s = await world.until(lambda: world.seen(session).site == "s1" and world.seen(session).state == "ready", 5)
        assert took_s < 0.2
        assert await world.call(session) == b"2"

    played(tmp_path, story)


@pytest.mark.parametrize("stores", [1, 2])
def test_a_session_whose_lease_its_tenant_gives_back_takes_another(tmp_path: Path, stores: int) -> None:
    async def story(world: LiveWorld) -> None:
        for number in range(stores, 4):
            await world.pool(f"s{number}", "cpu", 0)
        session = await world.begin()
        assert await world.call(session) == b"1"
        await world.office.release(session.instance or "", "acme")
        await world.until(lambda: world.seen(session).instance != session.instance, 5)
        await asyncio.sleep(1)
        now = await world.assert_whole(session)
        assert now.site == ("s0" if stores == 1 else "s1")
        assert await world.call(session) == b"2"

    played(tmp_path, story)


def test_a_session_that_no_store_has_room_for_keeps_its_state_and_comes_back_with_the_first_room(
    tmp_path: Path,
) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(**{"class": "spot"})
        assert await world.call(session) == b"1"
        others = [await world.lease(f"s{number}", needs={"cpu": 4}, cls="house") for number in range(4)]
        await asyncio.sleep(50)
        assert world.seen(session).state == "stopped"
        with pytest.raises(NoInstance):
            await world.call(session)
        assert any("finds no other place yet" in line for line in world.notes.lines[session.instance or ""])
        await world.office.release(others[2].id, None)
        await world.until(lambda: world.seen(session).state == "ready", 80)
        assert await world.call(session) == b"2"
        assert (await world.report(session, 0, after_s=60)).site == "s2"

    played(tmp_path, story)


def test_sessions_go_on_after_a_restart_and_those_of_devices_that_do_not_come_back_end(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        cab, van = await world.begin(), await world.begin(10, device="van")
        assert await world.call(cab) == b"1"
        await world.stop()
        await world.boot()
        assert await world.until(lambda: world.seen(cab).state == "ready") < 1
        assert (world.seen(cab).instance, world.seen(cab).position) == (cab.instance, None)
        assert await world.call(cab) == b"2"
        assert (await world.report(cab, 9, after_s=400)).site == "s1"
        assert await world.call(cab) == b"3"
        await asyncio.sleep(300)
        with pytest.raises(NotFound):
            world.seen(van)
        await world.assert_whole(cab)

    played(tmp_path, story)


def test_a_lease_that_ended_while_the_process_was_down_is_replaced_at_its_start(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        assert await world.call(session) == b"1"
        world.sessions._uprooted.listen = lambda committed: None  # type: ignore[method-assign]
        await world.office.release(session.instance or "", None)
        await world.stop()
        await world.boot()
        await world.until(lambda: world.seen(session).state == "ready")
        assert await world.call(session) == b"2"
        await world.until(lambda: not world.sessions._uprooted._tasks)
        await world.assert_whole(session)

    played(tmp_path, story)


def test_an_instance_that_its_host_forgot_is_put_again_at_the_start(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        await world.stop()
        world.store.drop(session.instance or "")
        await world.boot()
        await world.until(lambda: world.seen(session).state == "ready")
        await world.assert_whole(session)

    played(tmp_path, story)


def test_a_device_that_was_silent_has_no_session_any_more(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(silence_s=100)
        with pytest.raises(NotFound, match="silent for more than 100 s"):
            await world.report(session, 1, after_s=101)
        await world.assert_nothing_left()
        await world.begin(silence_s=100)
        await asyncio.sleep(200)
        await world.assert_nothing_left()

    played(tmp_path, story)


def test_a_beginning_that_no_store_within_the_bound_has_room_for_is_refused(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        with pytest.raises(NoCapacity) as full:
            await world.begin(needs={"cpu": 5})
        assert full.value.extra["passed_over"] == {"full:cpu": 3}
        with pytest.raises(NoCapacity):
            await world.begin(200)
        await world.assert_nothing_left()

    played(tmp_path, story)


def test_an_app_that_does_not_come_up_begins_no_session(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        world.runtime.broken["count"] = 99
        with pytest.raises(CodeFault, match="count is broken"):
            await world.begin()
        await world.assert_nothing_left()
        world.runtime.broken.clear()
        session = await world.begin()
        world.runtime.broken["count"] = 1
        assert (await world.report(session, 9)).site == "s0"
        await world.assert_whole(session)

    played(tmp_path, story)


def test_a_device_has_one_session_of_an_app_and_its_version_stays_as_long(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        with pytest.raises(AlreadyExists) as taken:
            await world.begin(12)
        assert taken.value.extra["session"] == session.id
        with pytest.raises(InUse):
            await world.catalogue.drop_version("acme.guide", "acme", "latest")
        await world.assert_whole(session)

    played(tmp_path, story)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"device": "a b"}, "device"),
        ({"within_ms": 5.0}, "within_ms"),
        ({"needs": {"memory": 1}}, "needs"),
        ({"needs": {"cpu": 0.5}, "outbound": ["http://x"]}, "outbound"),
        ({"max_price": "-1"}, "max_price"),
    ],
)
def test_what_can_be_no_session_is_refused(tmp_path: Path, wrong: dict[str, object], field: str) -> None:
    async def story(world: LiveWorld) -> None:
        with pytest.raises(Invalid) as refused:
            await world.begin(**wrong)
        assert refused.value.extra["field"] == field
        await world.assert_nothing_left()

    played(tmp_path, story)


@pytest.mark.parametrize(
    ("past", "field"),
    [
        ([700], "positions[0].at"),
        ([-61], "positions[0].at"),
        ([5, 5], "positions[1].at"),
        ([None, 5], "positions[0].at"),
    ],
)
def test_positions_that_can_not_be_are_refused(tmp_path: Path, past: list[int | None], field: str) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        now = world.clock.now()
        some = [PositionDocument(0, 0, None if ago is None else format_time(now - ago)) for ago in past]
        with pytest.raises(Invalid) as refused:
            await world.sessions.report(session.id, PositionsDocument(some), "acme")
        assert refused.value.extra["field"] == field

    played(tmp_path, story)


def test_another_tenants_session_is_not_there(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        with pytest.raises(NotFound):
            await world.report(session, 9, sees="other")
        with pytest.raises(NotFound):
            await world.sessions.end(session.id, "other")
        assert await world.sessions.some("other", None, None, 10) == ([], None)
        with pytest.raises(NotFound):
            await world.begin(device="van", sees="other")
        van = await world.begin(device="van")
        first, following = await world.sessions.some("acme", "acme.guide", None, 1)
        assert [each.id for each in first] == [session.id] and following == session.id
        assert [each.id for each in (await world.sessions.some("acme", None, following, 1))[0]] == [van.id]

    played(tmp_path, story)


def test_the_tighter_of_two_bounds_holds_and_without_one_it_is_25_km(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        for device, bounds, reach_km in (
            ("both", {"within_km": 12, "within_ms": 9.0}, 12),
            ("ms", {"within_km": None, "within_ms": 5.2}, 9.7),
            ("none", {"within_km": None}, 25),
        ):
            session = await world.begin(-reach_km + 0.1, device=device, **bounds)
            assert session.site == "s0"
            await world.sessions.end(session.id, None)
            with pytest.raises(NoCapacity):
                await world.begin(-reach_km - 0.1, device=device, **bounds)
        assert (session.within_km, session.within_ms) == (25, None)
        await world.assert_nothing_left()

    played(tmp_path, story)


def test_a_quota_without_room_for_a_second_lease_keeps_the_session_where_it_is(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        world.policy.quotas = {"acme": {"cpu": 500}}
        session = await world.begin()
        assert (await world.report(session, 9)).site == "s0"
        await world.assert_whole(session)

    played(tmp_path, story)
