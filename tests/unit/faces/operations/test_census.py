"""The census: the same figures as a plain count, taken in slices, and not more often than it should."""

import asyncio
from collections import Counter

import pytest

from maillage.faces.operations import census as room
from maillage.faces.operations.census import Census
from tests.kernel_world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Several sites and kinds, leases of all classes in several states; counted in tiny slices."""
    monkeypatch.setattr(room, "SLICE_LEASES", 7)
    monkeypatch.setattr(room, "SLICE_POOLS", 2)
    one = World()
    for number in range(5):
        one.pool("cpu", 10, site=f"wm-{number}")
        one.pool("gpu", 2.5, site=f"wm-{number}")
    for number in range(20):
        cls = ("firm", "spot", "house")[number % 3]
        one.hour({"cpu": 0.5}, cls, in_s=(number % 2) * 7_200, site=f"wm-{number % 5}")  # type: ignore[arg-type]
    one.release(one.hour({"gpu": 1}, site="wm-0"))
    one.hour({"gpu": 1}, site="wm-1", hold_s=60)
    return one


def census_of(world: World) -> Census:
    return Census(lambda: world.ledger, world.clock.now)


def test_it_finds_what_a_plain_count_finds(world: World) -> None:
    census = census_of(world)
    asyncio.run(census.refresh())
    found = census.found
    assert found.sites == 5
    states = Counter(lease.state for lease in world.ledger.leases.values())
    assert {state: count for state, count in found.leases.items() if count} == states
    for kind in ("cpu", "gpu"):
        pools = [pools[kind] for pools in world.ledger.pools.values()]
        sums = found.pools[kind]
        assert sums.size == sum(pool.size_at(world.now) for pool in pools)
        assert sums.committed == sum(pool.committed.peak(world.now, world.now + 1) for pool in pools)
        assert sums.all == sum(pool.all.peak(world.now, world.now + 1) for pool in pools)
    assert found.pools["cpu"].all > found.pools["cpu"].committed > 0


@pytest.mark.parametrize(("fresh_s", "sites"), [(60.0, 5), (0.0, 6)])
def test_a_count_is_kept_for_a_while(world: World, monkeypatch: pytest.MonkeyPatch, fresh_s: float, sites: int) -> None:
    monkeypatch.setattr(room, "FRESH_S", fresh_s)
    monkeypatch.setattr(room, "SPARED", 0)
    census = census_of(world)

    async def story() -> None:
        await asyncio.gather(*(census.refresh() for _ in range(3)))
        world.pool("disk", 1, site="wm-9")
        await census.refresh()

    asyncio.run(story())
    assert census.found.sites == sites


def test_others_go_first_between_two_slices(world: World) -> None:
    census, turns = census_of(world), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def story() -> None:
        going = asyncio.create_task(other())
        await census.refresh()
        going.cancel()

    asyncio.run(story())
    assert turns >= 22 // 7 + 10 // 2


def test_a_ledger_that_grows_meanwhile_is_no_trouble(world: World) -> None:
    census = census_of(world)

    async def grow() -> None:
        for number in range(10, 40):
            world.pool("cpu", 1, site=f"wm-{number}")
            await asyncio.sleep(0)

    async def story() -> None:
        await asyncio.gather(census.refresh(), grow())

    asyncio.run(story())
    assert census.found.sites == 5
