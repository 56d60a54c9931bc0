"""Moving a session: examples, and what holds whatever fails between two steps."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.leases import site_of
from tests.unit.services.compute.follow.follow_world import Crash, Faults, World, run

STEPS = ("reserve", "copy", "keep", "freeze", "put")


def test_a_session_moves_with_its_state_and_gives_its_former_lease_back() -> None:
    async def story() -> None:
        async with World() as world:
            at_first = await world.report(0)
            await world.write("seat", b"12A")
            moved = await world.report(9)
            assert (at_first.site, moved.site) == ("s0", "s1")
            assert world.state(moved) == {"seat": b"12A"}
            assert [lease.id for lease in world.active] == [moved.lease]
            assert world.active[0].state == "confirmed"
            assert moved.owed == ()
            assert world.values["s0"].items(at_first.lease) == []
            assert (world.mover.counts.moves, world.mover.counts.bytes_moved) == (1, len("seat") + 3)

    run(story())


def test_the_next_is_reserved_before_the_former_is_released() -> None:
    async def story() -> list[str]:
        async with World() as world:
            await world.report(0)
            world.faults.done.clear()
            await world.report(9)
            assert (world.fewest_leases, world.most_leases) == (1, 2)
            return world.faults.done

    steps = [step for step in run(story()) if step != "put"]
    assert steps == ["reserve", "copy", "keep", "freeze", "copy", "release", "forget"]


def test_what_is_written_during_the_copy_arrives_too() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            await world.write("lap", b"1")
            await world.write("gone", b"soon")
            keep = world.ground.keep

            async def written_meanwhile(device: str, lease: str) -> None:
                await world.write("lap", b"2")
                former = world.records.get("cab")
                assert former is not None
                world.values["s0"].put(former.lease, "gone", None, 1 << 20)
                await keep(device, lease)

            world.ground.keep = written_meanwhile  # type: ignore[method-assign]
            assert world.state(await world.report(9)) == {"lap": b"2"}

    run(story())


def test_a_request_during_the_freeze_waits_and_is_served_at_the_next_store() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            freeze, served = world.ground.freeze, []

            async def ask() -> None:
                async with world.doors.enter("cab") as lease:
                    served.append(site_of(lease))

            async def asked_meanwhile(device: str) -> None:
                await freeze(device)
                asking.append(asyncio.create_task(ask()))
                await asyncio.sleep(0.01)
                assert served == []

            asking: list[asyncio.Task[None]] = []
            world.ground.freeze = asked_meanwhile  # type: ignore[method-assign]
            await world.report(9)
            await asyncio.gather(*asking)
            assert served == ["s1"]

    run(story())


def test_a_request_that_does_not_end_keeps_the_session_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.services.compute.follow.office_ground.FREEZE_WAIT_S", 0.02)

    async def story() -> None:
        async with World() as world:
            await world.report(0)
            async with world.doors.enter("cab"):
                session = await world.report(9)
                assert session.site == "s0"
                assert [lease.id for lease in world.active] == [session.lease]
                async with world.doors.enter("cab") as lease:  # the door is open again
                    assert lease == session.lease
            assert (await world.report(9)).site == "s1"

    run(story())


def test_without_room_at_the_next_the_one_after_is_asked() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            await world.set_room("s2", 0)
            session = await world.report(18)
            assert session.site == "s1"
            assert session.owed == ()
            assert world.mover.counts.no_room == 1

    run(story())


def test_without_room_anywhere_nearer_a_session_stays() -> None:
    async def story() -> None:
        async with World() as world:
            before = await world.report(0)
            for site in ("s1", "s2", "s3"):
                await world.set_room(site, 0)
            after = await world.report(9)
            assert (after.lease, after.site) == (before.lease, "s0")
            assert len(world.active) == 1

    run(story())


def test_a_first_report_without_room_anywhere_is_tried_again_at_the_next() -> None:
    async def story() -> None:
        async with World(stores=2, room=0) as world:
            assert (await world.report(0)).lease == ""
            await world.set_room("s1", 1)
            assert (await world.report(0)).site == "s1"

    run(story())


def test_a_state_that_is_too_large_for_the_next_store_keeps_the_session_where_it_is() -> None:
    async def story() -> None:
        async with World() as world:
            before = await world.report(0)
            world.values["s0"].put(before.lease, "film", b"x" * (2 << 20), 4 << 20)
            after = await world.report(9)
            assert after.lease == before.lease
            assert [lease.id for lease in world.active] == [before.lease]
            assert (world.mover.counts.failed, world.mover.counts.wasted) == (1, 1)

    run(story())


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_keeps_the_session_where_it_is_and_leaves_no_second_lease(step: str) -> None:
    async def story() -> None:
        async with World() as world:
            before = await world.report(0)
            await world.write("seat", b"12A")
            world.faults = Faults(always=(step,))
            try:
                await world.report(9)
            except OSError:
                assert step == "put"  # nothing was asked for yet, and whoever reported may do so again
            world.faults = Faults()
            async with world.doors.enter("cab") as lease:
                assert lease == before.lease
            await world.sessions.sweep(world.clock.now())
            assert [lease.id for lease in world.active] == [before.lease]
            after = await world.report(9)
            assert (after.site, world.state(after)) == ("s1", {"seat": b"12A"})

    run(story())


def test_a_lease_that_cannot_be_given_back_yet_is_given_back_later() -> None:
    async def story() -> None:
        async with World() as world:
            await world.report(0)
            world.faults = Faults(always=("release",))
            moved = await world.report(9)
            assert moved.site == "s1"
            assert [owed.site for owed in moved.owed] == ["s0"]
            assert len(world.active) == 2
            back = await world.report(1)
            assert back.site == "s1"  # the store at home is not asked again before it has answered
            world.faults = Faults()
            await world.sessions.sweep(world.clock.now())
            assert [lease.id for lease in world.active] == [moved.lease]

    run(story())


KINDS = st.sampled_from(["before", "after", "crash-before", "crash-after"])


@given(
    way=st.lists(st.integers(0, 30), min_size=2, max_size=8),
    plan=st.dictionaries(st.integers(0, 60), KINDS, max_size=6),
)
def test_whatever_fails_a_session_keeps_one_lease_and_its_state(way: list[int], plan: dict[int, str]) -> None:
    """Faults and crashes at any step. Between two steps there is never less than the session's own lease; what is
    active beyond it is on record as owed; once things are calm there is exactly one, with all that was written."""

    async def story() -> None:
        async with World() as world:
            await world.report(0)
            world.faults = Faults(plan)
            for number, km in enumerate(way):
                await world.write("lap", str(number).encode())
                try:
                    await world.report(km)
                except OSError:
                    pass
                except Crash:
                    await _begin_again(world)
                session = world.records.get("cab")
                assert session is not None
                own = {lease.id for lease in world.active if lease.state == "confirmed"}
                assert session.lease in own
                at_owed = {owed.site for owed in session.owed}
                assert {lease.site for lease in world.active if lease.id != session.lease} <= at_owed
                assert world.state(session)["lap"] == str(number).encode()
                async with world.doors.enter("cab") as lease:
                    assert lease == session.lease
            world.faults = Faults()
            await world.sessions.sweep(world.clock.now())
            session = world.records.get("cab")
            assert session is not None
            assert [lease.id for lease in world.active] == [session.lease]
            assert world.fewest_leases >= 1
            kept = {lease for values in world.values.values() for lease in values._values.values}  # type: ignore[attr-defined]
            assert kept == {session.lease}
            await world.sessions.end("cab")
            assert world.active == []
            assert world.records.get("cab") is None

    run(story())


async def _begin_again(world: World) -> None:
    """A new process takes over, and crashes as often as the plan says."""
    while True:
        world.begin()
        try:
            await world.sessions.recover(world.clock.now())
        except Crash:
            continue
        except OSError:
            continue
        return
