"""Schedules: what is leased ahead, what begins when, and what is gone on with."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from maillage.kernel.calendars import DAYS
from maillage.kernel.errors import Invalid, NoCapacity, NotFound
from maillage.kernel.times import DAY_S, format_time, parse_time
from maillage.services.robots.cleaning.documents import CleaningDocument, GiveWayWanted
from maillage.services.robots.cleaning.errors import FloorInUse
from maillage.services.robots.cleaning.schedule_documents import NewSchedule, ScheduleDocument
from tests.unit.services.robots.cleaning.cleaning_world import EVENING, TENANT, Store, hall, store
from tests.unit.services.robots.robots_world import SITE

HOUR_S = 3_600
NIGHTLY = {day: [("21:30", "06:30")] for day in DAYS}
Story = Callable[[Store], Awaitable[None]]


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Story], None]:
    """Tells a story in a store of its own, at 18:30 of a Tuesday in Paris."""

    def tell(story: Story) -> None:
        async def whole() -> None:
            async with store(tmp_path) as shop:
                shop.clock.set(EVENING - 3 * HOUR_S)
                await story(shop)

        asyncio.run(whole())

    return tell


async def put(shop: Store, **more) -> ScheduleDocument:
    return await shop.desk.schedules.put(SITE, "nightly", NewSchedule(floor="sales", **{"windows": NIGHTLY, **more}))


async def only(shop: Store) -> CleaningDocument:
    (found,), _ = await shop.desk.some(SITE, None, None, None, 10)
    return found


def test_a_robot_is_leased_for_the_next_week_as_long_as_a_cleaning_takes_and_the_rest_is_sold(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        found = await put(shop)
        assert [window.start[:10] for window in found.coming] == [f"2026-12-0{day}" for day in range(1, 8)]
        assert all(window.leased_from == window.start and window.lease for window in found.coming)
        leased_s = parse_time(found.coming[0].leased_until or "", "") - EVENING
        assert 120 < leased_s < HOUR_S, "and not the whole night"
        with pytest.raises(NoCapacity):
            await shop.lease(0.1, start=EVENING)
        await shop.lease(5.0, start=EVENING + leased_s)
        assert await shop.committed() == 1_000

    told(story)


def test_it_begins_with_its_window_on_the_lease_made_ahead_and_rolls_on(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        ahead = (await put(shop)).coming[0].lease
        await shop.desk.cleanings.tick()
        assert await shop.desk.some(SITE, None, None, None, 10) == ([], None)
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        found = await shop.until_state((await only(shop)).id, "done", "partly", "failed")
        assert (found.state, found.schedule) == ("done", "nightly")
        assert found.runs[0].lease == ahead
        shop.clock.advance(2 * HOUR_S)
        await shop.desk.cleanings.tick()
        assert (await only(shop)).id == found.id, "once a night"
        schedule = shop.desk.schedules.get(SITE, "nightly")
        assert schedule.last == "2026-12-01"
        assert [window.start[:10] for window in schedule.coming] == [f"2026-12-0{day}" for day in range(2, 9)]

    told(story)


def test_what_a_night_leaves_is_gone_on_with_in_the_next_and_not_begun_anew(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await put(shop)
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        name = (await only(shop)).id
        await shop.until_reached(name, 0.5)
        await shop.desk.give_way(SITE, GiveWayWanted(format_time(EVENING + 10 * HOUR_S)))
        found = await shop.until_state(name, "waiting")
        assert found.reason == "gave_way"
        first = found.runs[0]

        shop.clock.set(EVENING + 12 * HOUR_S)
        await shop.desk.cleanings.tick()
        following = shop.desk.cleanings.book.schedules[SITE, "nightly"].ahead[0]
        assert following.window == EVENING + DAY_S
        shop.clock.set(EVENING + DAY_S)
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done" and found.share >= 0.98
        assert found.runs[1].planned_m < 0.9 * first.planned_m
        assert (await only(shop)).id == name, "the rest took the place of the whole"
        assert shop.desk.schedules.get(SITE, "nightly").last == "2026-12-02"
        shop.clock.set(EVENING + 2 * DAY_S)
        await shop.desk.cleanings.tick()
        assert len((await shop.desk.some(SITE, None, None, None, 10))[0]) == 2

    told(story)


def test_a_tenant_who_was_first_is_worked_round(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(2.0, start=EVENING)
        await shop.lease(9.0, start=EVENING + DAY_S)
        found = await put(shop)
        assert found.coming[0].leased_from == format_time(EVENING + 2 * HOUR_S), "later in the same night"
        assert found.coming[1].lease is None, "not at all"
        assert found.coming[2].lease is not None
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        name = (await only(shop)).id
        waits = await shop.until_state(name, "waiting")
        assert waits.reason == "no_lease"
        assert (TENANT, "firm") in await shop.leases()
        shop.clock.set(EVENING + 2 * HOUR_S)
        await shop.until_state(name, "done")
        assert await shop.committed() == 1_000

    told(story)


def test_a_night_in_which_the_robot_is_leased_to_somebody_is_made_up_for_in_the_next(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(10.0, start=EVENING)
        await put(shop)
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        name = (await only(shop)).id
        await shop.until_state(name, "waiting")
        shop.clock.set(EVENING + DAY_S)
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done"

    told(story)


def test_one_that_can_not_be_done_in_its_windows_ends(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(60.0, start=EVENING)
        await put(shop, carry_windows=1)
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        name = (await only(shop)).id
        shop.clock.set(EVENING + DAY_S)
        assert (await shop.until_state(name, "waiting")).reason == "no_lease"
        shop.clock.set(EVENING + DAY_S + 10 * HOUR_S)
        found = await shop.until_state(name, "failed")
        assert found.reason == "no_lease"

    told(story)


def test_giving_way_gives_back_what_was_leased_ahead_until_then(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await put(shop)
        await shop.desk.give_way(SITE, GiveWayWanted(format_time(EVENING + 2 * HOUR_S)))
        found = shop.desk.schedules.get(SITE, "nightly")
        assert found.coming[0].leased_from == format_time(EVENING + 2 * HOUR_S)
        await shop.lease(2.0, start=EVENING)
        assert await shop.committed() == 1_000

    told(story)


def test_every_third_day_and_off(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        found = await put(shop, every_days=3)
        assert [window.start[:10] for window in found.coming] == ["2026-12-01", "2026-12-04", "2026-12-07"]
        assert (await put(shop, on=False)).coming == []
        assert await shop.committed() == 0, "nothing stays leased for one that is off"
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        assert await shop.desk.some(SITE, None, None, None, 10) == ([], None)

    told(story)


def test_putting_it_again_and_a_restart_lease_nothing_twice(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        before = await put(shop)
        for _ in range(2):
            await put(shop)
        await shop.restart()
        await shop.desk.cleanings.tick()
        assert await shop.committed() == 1_000
        leases = await shop.desk.cleanings.leasing.standing()
        assert len(leases) == len(before.coming) == 7
        await shop.desk.schedules.drop(SITE, "nightly")
        assert await shop.desk.cleanings.leasing.standing() == set()
        with pytest.raises(NotFound):
            shop.desk.schedules.get(SITE, "nightly")

    told(story)


def test_a_floor_that_changes_has_its_leases_made_anew_and_one_that_is_wanted_stays(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        small = (await put(shop)).coming[0]
        assert (await shop.desk.floors.put(SITE, "sales", hall(20.0, 12.0))).revision == 2
        large = shop.desk.schedules.get(SITE, "nightly").coming[0]
        assert (large.leased_until or "") > (small.leased_until or "")
        with pytest.raises(FloorInUse, match="schedule nightly"):
            await shop.desk.floors.drop(SITE, "sales")

    told(story)


def test_what_is_no_schedule_is_refused(told) -> None:
    async def story(shop: Store) -> None:
        with pytest.raises(Invalid, match="has no window"):
            await put(shop, windows={})
        with pytest.raises(NotFound, match="has no floor 'attic'"):
            await shop.desk.schedules.put(SITE, "nightly", NewSchedule(floor="attic", windows=NIGHTLY))
        with pytest.raises(NotFound, match="site"):
            await shop.desk.schedules.put("nowhere", "nightly", NewSchedule(floor="sales", windows=NIGHTLY))
        with pytest.raises(Invalid, match="an id is 1 to 64"):
            await shop.desk.schedules.put(SITE, "every night", NewSchedule(floor="sales", windows=NIGHTLY))
        with pytest.raises(Invalid, match="has no robot"):
            await put(shop, robot="r9")

    told(story)


def test_a_schedule_that_changes_under_a_run_leaves_the_run_its_lease(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot(pace=30.0)
        ahead = (await put(shop)).coming[0].lease
        shop.clock.set(EVENING)
        await shop.desk.cleanings.tick()
        name = (await only(shop)).id
        assert (await shop.until_reached(name, 0.1)).runs[0].lease == ahead
        await put(shop, every_days=2)
        await shop.desk.schedules.drop(SITE, "nightly")
        await shop.desk.cleanings.tick()
        assert await shop.leases() == [("@cleaning", "house")]
        assert (await shop.until_state(name, "done")).share >= 0.98
        assert await shop.leases() == []

    told(story)
