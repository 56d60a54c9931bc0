"""A device moves, and its session with it: with its state, its requests, and one lease."""

import asyncio
from pathlib import Path

import pytest

from maillage.kernel.errors import NotFound
from maillage.kernel.times import format_time
from maillage.services.compute.live.documents import PositionDocument, PositionsDocument
from tests.unit.services.compute.follow.follow_world import along
from tests.unit.services.compute.live.live_world import OTHER, Asker, LiveWorld, played


def test_a_session_begins_at_the_nearest_store_and_answers_there(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(11, config={"CITY": "Lyon"})
        assert (session.site, session.state, session.device) == ("s1", "ready", "cab")
        assert session.address == "/run/acme.guide/"
        assert session.distance_km == pytest.approx(1, abs=0.01)
        assert [await world.call(session) for _ in range(3)] == [b"1", b"2", b"3"]
        now = await world.assert_whole(session)
        told = world.host.told(now.instance or "")
        assert told is not None and told.settings.config == {"CITY": "Lyon"}
        await world.sessions.end(session.id, "acme")
        await world.assert_nothing_left()

    played(tmp_path, story)


def test_a_session_moves_with_its_state_and_its_requests(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        begun = await world.begin()
        assert await world.call(begun) == b"1"
        moved = await world.report(begun, 9)
        assert (begun.site, moved.site) == ("s0", "s1")
        assert moved.instance != begun.instance
        assert await world.call(begun) == b"2"
        await world.assert_whole(begun)
        assert (
            f"session {begun.id} moved on to s1: it is {moved.instance} now" in world.notes.lines[begun.instance or ""]
        )
        assert any("came here from s0" in line for line in world.notes.lines[moved.instance or ""])
        steps = [step for step in world.strikes.done if step != "record"]
        assert steps[-9:] == ["reserve", "copy", "keep", "put", "settled", "copy", "drop", "release", "forget"]

    played(tmp_path, story)


def test_who_asks_all_the_time_is_never_refused_and_loses_no_write(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(4.9, hysteresis_km=0)
        asker = Asker(world, session)
        for number in range(6):
            at = await world.report(session, (5.1, 4.9)[number % 2], after_s=5)
            assert at.site == ("s1", "s0")[number % 2]
        await asker.stop()
        assert asker.answers > 1_000
        assert asker.longest_s < 0.05, "the freeze is the copy of what changed last, and one record"
        await world.assert_whole(session)

    played(tmp_path, story)


def test_an_instance_that_is_slow_to_start_holds_nobody_up(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(4.9, hysteresis_km=0)
        world.runtime.start_s = 20.0
        asker = Asker(world, session)
        assert (await world.report(session, 5.1, after_s=5)).site == "s1"
        await asker.stop()
        assert asker.longest_s < 0.05

    played(tmp_path, story)


def test_a_session_whose_request_does_not_end_stays_until_it_has(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(4.9, version=(await slow_digest(world)), hysteresis_km=0)
        asking = asyncio.ensure_future(world.call(session))
        await asyncio.sleep(0.1)
        assert (await world.report(session, 5.1, after_s=5)).site == "s0"
        assert await asking == b"slow"
        await world.assert_whole(session)
        assert (await world.report(session, 5.1, after_s=5)).site == "s0", "what failed is not tried at every report"
        assert (await world.report(session, 5.1, after_s=10)).site == "s1"
        await world.assert_whole(session)

    played(tmp_path, story)


async def slow_digest(world: LiveWorld) -> str:
    return (await world.catalogue.versions("acme.guide", None))[1].digest


def test_several_positions_at_once_are_taken_in_order_and_decided_for_the_last(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        await asyncio.sleep(500)
        moved = await world.sessions.report(session.id, positions(world, (400, 9), (200, 19), (0, 29)), "acme")
        assert (moved.site, world.strikes.done.count("reserve")) == ("s3", 2)
        assert moved.position is not None and moved.position.at is not None
        await world.assert_whole(session)

    played(tmp_path, story)


def positions(world: LiveWorld, *past: tuple[int, float]) -> PositionsDocument:
    """Positions of so many seconds ago, so far along."""
    ways = [(format_time(world.clock.now() - ago), *along(km)) for ago, km in past]
    return PositionsDocument([PositionDocument(lat, lon, at) for at, lat, lon in ways])


def test_stores_that_lack_a_kind_are_passed_over(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        for store in ("s0", "s3"):
            await world.pool(store, "gpu", 1)
        session = await world.begin(needs={"cpu": 0.5, "gpu": 1})
        assert session.site == "s0"
        assert (await world.report(session, 12)).site == "s0"
        assert (await world.report(session, 20)).site == "s3", "the nearest that has a gpu at all"

    played(tmp_path, story)


def test_plain_calls_never_reach_a_session_and_sessions_are_only_for_those_who_may_call_them(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        assert world.host.ready("acme.guide") == []
        for caller in (OTHER, None):
            with pytest.raises(NotFound):
                await world.call(session, caller)
        assert not await world.invocations.is_public("acme.guide", session.id)
        public = await world.begin(device="kiosk", public=True)
        assert await world.call(public, None) == b"1"
        assert await world.invocations.is_public("acme.guide", public.id)
        assert not await world.invocations.is_public("acme.guide")
        assert not await world.invocations.is_public("acme.other", public.id)

    played(tmp_path, story)
