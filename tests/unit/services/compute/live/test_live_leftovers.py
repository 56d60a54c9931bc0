"""What apps kept under leases that are over: it can be saved for a while, then it is gone, or somebody carries it on.

Some minutes stand for the week.
"""

import asyncio
from pathlib import Path

import pytest

from maillage.services.compute.live import leftovers
from maillage.services.compute.live.leftovers import KEEP_S
from tests.unit.services.compute.live.live_world import LiveWorld, played

MOST = 1 << 20
WEEK, SOON = 1_200, 200


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEEP_S == 7 * 86_400
    monkeypatch.setattr(leftovers, "KEEP_S", WEEK)
    monkeypatch.setattr(leftovers, "LOOK_EVERY_S", 30.0)


def kept(world: LiveWorld) -> set[str]:
    return set(world.values.leases())


async def lease_that_kept(world: LiveWorld, **more: object) -> str:
    lease = (await world.lease("s0", **more)).id
    assert world.values.put(lease, "k", b"v", MOST)
    return lease


def test_what_a_lease_kept_is_thrown_away_a_week_after_its_end_and_not_before(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        ended = await lease_that_kept(world, for_s=SOON)
        released, open_end = await lease_that_kept(world), await lease_that_kept(world)
        await world.office.release(released, None)
        await asyncio.sleep(WEEK - SOON / 2)
        assert kept(world) == {ended, released, open_end}
        await asyncio.sleep(SOON)
        assert kept(world) == {ended, open_end}
        await asyncio.sleep(SOON)
        assert kept(world) == {open_end}
        assert world.values.get(open_end, "k") == b"v"

    played(tmp_path, story)


def test_what_a_reclaimed_lease_kept_goes_a_week_after_it_had_to_leave(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        spot = await lease_that_kept(world, cls="spot")
        await world.lease("s0", needs={"cpu": 4}, cls="house")
        await asyncio.sleep(WEEK + SOON)
        assert kept(world) == set()
        assert (await world.office.get_lease(spot, None)).state == "reclaimed"

    played(tmp_path, story)


def test_an_app_that_is_deployed_again_on_its_lease_finds_what_it_kept_however_late(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        lease = await lease_that_kept(world)
        await asyncio.sleep(WEEK + SOON)
        assert kept(world) == {lease}
        await world.deploy("acme.guide", leases=[lease])
        await world.until(lambda: world.state(lease) == "ready")
        assert world.values.get(lease, "k") == b"v"

    played(tmp_path, story)


def test_a_session_that_found_no_room_for_more_than_a_week_goes_on_with_what_it_kept(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin(silence_s=WEEK, **{"class": "spot"})
        assert await world.call(session) == b"1"
        others = [await world.lease(f"s{number}", needs={"cpu": 4}, cls="house") for number in range(4)]
        for _ in range(2):
            await world.report(session, 0, after_s=WEEK - SOON)
        assert kept(world) == {session.instance}
        await world.office.release(others[0].id, None)
        await world.until(lambda: world.seen(session).state == "ready", 80)
        assert await world.call(session) == b"2"

    played(tmp_path, story)


def test_what_a_session_left_behind_it_took_along_and_nothing_waits_for_a_week(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        session = await world.begin()
        assert await world.call(session) == b"1"
        moved = await world.report(session, 10)
        assert kept(world) == {moved.instance} != {session.instance}

    played(tmp_path, story)


def test_what_belongs_to_no_lease_of_the_ledger_goes_a_week_after_that_was_seen(tmp_path: Path) -> None:
    async def story(world: LiveWorld) -> None:
        world.values.put("s0~4711", "k", b"v", MOST)
        await asyncio.sleep(WEEK - SOON)
        assert kept(world) == {"s0~4711"}
        await asyncio.sleep(2 * SOON)
        assert kept(world) == set()

    played(tmp_path, story)
