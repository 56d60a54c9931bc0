"""The feed: all that is committed, in order, from anywhere on."""

import asyncio
from collections.abc import Awaitable, Callable

from maillage.kernel.events import Event
from maillage.kernel.feed import Feed
from tests.kernel_world import World


def followed(story: Callable[[World, Feed], Awaitable[None]]) -> None:
    async def tell() -> None:
        world = World()
        feed = Feed(world.journal, world.announcer)
        world.pool("cpu", 1_000)
        await asyncio.wait_for(story(world, feed), 20)

    asyncio.run(tell())


async def first(feed: Feed, pos: int, count: int) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    async for entry in feed.follow(pos, idle_s=10):
        if entry is not None:
            found.append(entry)
        if len(found) == count:
            break
    return found


def test_who_follows_from_the_beginning_hears_all_that_ever_was() -> None:
    async def story(world: World, feed: Feed) -> None:
        for _ in range(200):
            world.hour({"cpu": 1})
        assert await first(feed, 0, 202) == list(enumerate(world.events))
        assert feed.end == 202

    followed(story)


def test_who_comes_back_goes_on_in_the_middle_of_a_batch() -> None:
    async def story(world: World, feed: Feed) -> None:
        spot = [world.hour({"cpu": 250}, "spot") for _ in range(4)]
        world.hour({"cpu": 1_000}, "house")  # one batch: four reclaims and a grant
        end = feed.end
        assert len(spot) == 4
        assert await first(feed, end - 3, 3) == list(enumerate(world.events))[end - 3 :]

    followed(story)


def test_who_waits_hears_of_what_comes() -> None:
    async def story(world: World, feed: Feed) -> None:
        waiting = [asyncio.create_task(first(feed, feed.end, 3)) for _ in range(3)]
        for _ in range(3):
            await asyncio.sleep(0.005)
            world.hour({"cpu": 1})
        for heard in await asyncio.gather(*waiting):
            assert heard == list(enumerate(world.events))[2:]

    followed(story)


def test_where_nothing_comes_the_follower_is_told_so_again_and_again() -> None:
    async def story(world: World, feed: Feed) -> None:
        quiet = 0
        async for entry in feed.follow(feed.end, idle_s=0.01):
            assert entry is None
            quiet += 1
            if quiet == 3:
                break

    followed(story)


def test_who_asks_for_events_to_come_gets_them_from_there() -> None:
    async def story(world: World, feed: Feed) -> None:
        waiting = asyncio.create_task(first(feed, feed.end + 2, 1))
        await asyncio.sleep(0.005)
        for _ in range(3):
            world.hour({"cpu": 1})
        assert await waiting == [(4, world.events[4])]

    followed(story)


def test_when_the_feed_is_closed_whoever_follows_and_whoever_comes_later_reaches_the_end() -> None:
    async def story(world: World, feed: Feed) -> None:
        waiting = [asyncio.create_task(first(feed, feed.end, 1)) for _ in range(3)]
        await asyncio.sleep(0.005)
        feed.close()
        assert await asyncio.gather(*waiting) == [[], [], []]
        assert await first(feed, 0, 1) == []

    followed(story)


def test_a_follower_in_the_middle_of_old_events_stops_when_the_feed_is_closed() -> None:
    async def story(world: World, feed: Feed) -> None:
        for _ in range(50):
            world.hour({"cpu": 1})
        heard = 0
        async for _ in feed.follow(0, idle_s=10):
            heard += 1
            if heard == 5:
                feed.close()
        assert heard == 5

    followed(story)
