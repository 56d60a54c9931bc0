"""Cleanings from order to proof, with a simulated robot: what goes well, and what comes between."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid, NoCapacity, NotFound
from maillage.kernel.times import format_time
from maillage.services.robots.cleaning.documents import GiveWayWanted, OrderDocument, ResumeDocument
from maillage.services.robots.cleaning.errors import CleaningState
from maillage.services.robots.simulate.faults import Faults
from tests.unit.services.robots.cleaning.cleaning_world import EVENING, TENANT, Store, hall, store
from tests.unit.services.robots.robots_world import SITE, until

HOUR_S = 3_600
Story = Callable[[Store], Awaitable[None]]


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., None]:
    """Tells a story in a store of its own."""

    def tell(story: Story, robots: float = 1) -> None:
        async def whole() -> None:
            async with store(tmp_path, robots) as shop:
                await story(shop)

        asyncio.run(whole())

    return tell


def test_a_floor_is_cleaned_and_the_evidence_says_so(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        name = await shop.clean()
        await shop.until_state(name, "running")
        assert await shop.leases() == [("@cleaning", "house")]
        found = await shop.until_state(name, "done", "partly", "failed")
        assert (found.state, len(found.runs)) == ("done", 1)
        evidence = await shop.desk.evidence(name)
        figures = evidence.figures
        assert figures.share == found.share >= 0.98
        assert figures.cleaned_m2 + figures.missed_m2 == pytest.approx(figures.reachable_m2, abs=0.02)
        assert figures.path_m == pytest.approx(found.runs[0].planned_m, rel=0.05)
        assert (figures.gaps, figures.assists) == (0, 0)
        assert figures.battery_used is not None and 0 < figures.battery_used < 10
        assert figures.water_l is not None and figures.water_l > 0
        assert evidence.runs[0].order_id and evidence.runs[0].robot == "r1"
        assert (await shop.desk.picture(name)).startswith(b"\x89PNG")
        assert await shop.leases() == []
        assert shop.notes.topics().count("robots.cleaning.done") == 1

    told(story)


def test_missed_spots_and_tracks_are_drawn_in_metres_on_the_robots_map(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        name = await shop.clean()
        await shop.until_state(name, "done")
        drawn = (await shop.desk.evidence(name)).geojson
        kinds = [feature["properties"]["kind"] for feature in drawn["features"]]
        assert kinds[:2] == ["floor", "cleaned"]
        assert {"missed", "track"} == set(kinds[2:])
        track = next(feature for feature in drawn["features"] if feature["properties"]["kind"] == "track")
        places = track["geometry"]["coordinates"]
        assert len(places) == len(track["properties"]["coordTimes"]) >= 2
        assert all(-0.5 <= x <= 6.0 and -0.5 <= y <= 4.5 for x, y in places)

    told(story)


def test_a_part_of_the_floor_is_cleaned(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        corner = {"type": "Polygon", "coordinates": [[[3, 1], [6, 1], [6, 4.5], [3, 4.5], [3, 1]]]}
        name = await shop.clean(order=OrderDocument(area=corner))
        found = await shop.until_state(name, "done")
        evidence = await shop.desk.evidence(name)
        assert found.share >= 0.98
        assert evidence.figures.reachable_m2 < 3 * 3.5
        assert evidence.figures.path_m < 40

    told(story)


def test_a_robot_that_vanishes_leaves_a_part_and_the_rest_is_cleaned_later(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean(end=format_time(EVENING + 2 * HOUR_S))
        await shop.until_reached(name, 0.5)
        await robot.vanish()
        found = await shop.until_state(name, "waiting")
        assert found.reason == "robot_lost"
        assert 0.1 < found.share < 0.95
        assert await shop.leases() == [], "nobody is kept from leasing another one"
        shop.clock.advance(2 * HOUR_S)
        found = await shop.until_state(name, "partly")
        assert found.left_m2 is not None and found.left_m2 > 1
        first = found.runs[-1]

        shop.clock.advance(8 * HOUR_S)
        await robot.come_back()
        await until(lambda: shop.fleet.live("r1").in_touch and shop.fleet.live("r1").order_under_way is None)
        await shop.desk.resume(name, ResumeDocument())
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done"
        assert found.share >= 0.98
        assert found.runs[-1].planned_m < 0.95 * first.planned_m, "what was clean is not cleaned again"

    told(story)


def test_the_shop_needs_its_robot_and_gets_it_and_the_rest_is_cleaned_afterwards(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean()
        await shop.until_reached(name, 0.5)
        answer = await shop.desk.give_way(SITE, GiveWayWanted(format_time(EVENING + HOUR_S)))
        assert answer.cleanings == [name]
        found = await shop.until_state(name, "waiting")
        assert found.reason == "gave_way"
        assert (round(robot.body.x, 1), round(robot.body.y, 1)) == (0.0, 0.0), "it went to its dock"
        assert robot.body.charging and not robot.body.cleaning
        assert await shop.leases() == []
        await shop.lease(0.9)
        await shop.desk.cleanings.tick()
        assert (await shop.desk.get(name)).state == "waiting"

        shop.clock.advance(HOUR_S)
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done" and found.share >= 0.98
        assert [run.why for run in found.runs] == ["gave_way", ""]
        assert found.runs[1].planned_m < found.runs[0].planned_m

    told(story)


def test_giving_way_can_be_taken_back(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.desk.give_way(SITE, GiveWayWanted(format_time(EVENING + 5 * HOUR_S)))
        name = await shop.clean()
        assert (await shop.until_state(name, "waiting")).reason == "gave_way"
        assert (await shop.desk.gives_way(SITE)).until is not None
        await shop.desk.give_way(SITE, GiveWayWanted(None))
        await shop.until_state(name, "done")

    told(story)


def test_giving_way_is_remembered_over_a_restart(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.desk.give_way(SITE, GiveWayWanted(format_time(EVENING + HOUR_S)))
        await shop.restart()
        name = await shop.clean()
        assert (await shop.until_state(name, "waiting")).reason == "gave_way"

    told(story)


def test_while_a_tenant_has_the_robot_a_cleaning_waits_and_nothing_is_oversold(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(1.0)
        name = await shop.clean()
        found = await shop.until_state(name, "waiting")
        assert found.reason == "no_lease"
        assert await shop.committed() == 1_000
        assert (TENANT, "firm") in await shop.leases()
        shop.clock.advance(HOUR_S)
        await shop.until_state(name, "running")
        with pytest.raises(NoCapacity):
            await shop.lease(0.05)
        assert await shop.committed() == 1_000
        await shop.until_state(name, "done")
        await shop.lease(0.05)

    told(story)


def test_a_spot_lease_makes_room_for_the_house(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(10.0, "spot")
        name = await shop.clean()
        await shop.until_state(name, "running")
        assert await shop.leases() == [("@cleaning", "house")]
        assert await shop.committed() == 1_000

    told(story)


def test_a_window_too_short_for_a_tenants_lease_ends_in_failure_that_says_why(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        await shop.lease(3.0)
        name = await shop.clean(end=format_time(EVENING + HOUR_S))
        await shop.until_state(name, "waiting")
        shop.clock.advance(HOUR_S)
        found = await shop.until_state(name, "failed")
        assert found.reason == "no_lease" and "leased to others" in found.detail
        with pytest.raises(NotFound, match="nothing was driven"):
            await shop.desk.evidence(name)

    told(story)


def test_a_restart_of_ours_in_the_middle_changes_nothing(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot(pace=60.0)
        name = await shop.clean()
        before = await shop.until_reached(name, 0.3)
        await shop.restart()
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done" and found.share >= 0.98
        assert found.runs[0].mission == before.runs[0].mission
        assert await shop.leases() == []

    told(story)


def test_what_was_granted_just_before_a_crash_is_given_back(told) -> None:
    async def story(shop: Store) -> None:
        from maillage.services.robots.cleaning.slots import Slot

        now = shop.clock.now()
        assert await shop.desk.cleanings.leasing.take(SITE, Slot(now, now + HOUR_S), "lost")
        assert await shop.leases() == [("@cleaning", "house")]
        await shop.restart()
        assert await shop.leases() == []

    told(story)


def test_a_robot_whose_position_jumps_has_a_hole_in_its_evidence_that_is_cleaned_again(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot(Faults(jump_at=12))
        name = await shop.clean()
        found = await shop.until_state(name, "done", "partly", "failed")
        evidence = await shop.desk.evidence(name)
        first = evidence.runs[0]
        assert first.gaps >= 1
        assert first.area_m2 < 0.98 * evidence.figures.reachable_m2, "a jump covers nothing"
        assert found.state == "done" and evidence.figures.share >= 0.98
        assert len(found.runs) > 1

    told(story)


def test_a_person_pauses_and_resumes(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean()
        await shop.until_reached(name, 0.2)
        assert (await shop.desk.pause(name)).state == "paused"
        driven_m = robot.body.driven_m
        await asyncio.sleep(0.2)
        await shop.desk.cleanings.tick()
        assert robot.body.driven_m == driven_m
        assert (await shop.desk.get(name)).reason == "operator"
        assert (await shop.desk.resume(name, ResumeDocument())).state == "running"
        assert (await shop.until_state(name, "done")).share >= 0.98

    told(story)


def test_one_that_is_paused_when_its_window_closes_goes_home(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean(end=format_time(EVENING + HOUR_S))
        await shop.until_reached(name, 0.3)
        await shop.desk.pause(name)
        shop.clock.advance(HOUR_S - 30)
        found = await shop.until_state(name, "partly", "waiting")
        assert (round(robot.body.x, 1), round(robot.body.y, 1)) == (0.0, 0.0)
        shop.clock.advance(60)
        found = await shop.until_state(name, "partly")
        assert found.reason == "window_over"

    told(story)


def test_one_that_is_cancelled_goes_home_and_keeps_its_evidence(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean()
        await shop.until_reached(name, 0.4)
        await shop.desk.cancel(name)
        found = await shop.until_state(name, "cancelled")
        assert 0 < found.share < 0.98
        assert robot.body.charging
        assert (await shop.desk.evidence(name)).figures.cleaned_m2 == found.cleaned_m2
        assert (await shop.desk.cancel(name)).state == "cancelled"
        with pytest.raises(CleaningState):
            await shop.desk.resume(name, ResumeDocument())
        assert await shop.leases() == []

    told(story)


def test_one_that_has_not_begun_is_held_off_and_cancelled(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        name = await shop.clean(start=format_time(EVENING + HOUR_S))
        assert (await shop.desk.pause(name)).state == "paused"
        shop.clock.advance(HOUR_S)
        await shop.desk.cleanings.tick()
        assert (await shop.desk.get(name)).state == "paused"
        assert (await shop.desk.cancel(name)).state == "cancelled"
        with pytest.raises(CleaningState):
            await shop.desk.pause(name)

    told(story)


def test_a_person_who_takes_the_robot_over_is_an_assist(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot(Faults(manual_at=20))
        name = await shop.clean()
        found = await shop.until_state(name, "waiting")
        assert found.reason == "taken_over"
        await shop.desk.cleanings.tick()
        shop.clock.advance(300)
        robot.faults.manual_at = None
        robot.driver.mode = "AUTOMATIC"
        robot.driver.changed = True
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done"
        evidence = await shop.desk.evidence(name)
        assert [(each.cause, each.resolved_s) for each in evidence.assists] == [("taken_over", 300)]
        assert evidence.figures.assist_s == 300

    told(story)


def test_a_robot_that_can_not_clean_is_given_up_after_some_tries(told) -> None:
    async def story(shop: Store) -> None:
        await shop.robot(Faults(fail_action="startCleaning"))
        name = await shop.clean()
        while (found := await shop.until_state(name, "waiting", "failed")).state != "failed":
            await asyncio.sleep(0.02)
            shop.clock.advance(30)
        assert found.reason == "robot_failed" and "startCleaning failed" in found.detail
        assert len(found.runs) == 3
        assert await shop.leases() == []

    told(story)


def test_a_robot_with_little_battery_is_called_back_and_goes_on_once_it_is_charged(told) -> None:
    async def story(shop: Store) -> None:
        robot = await shop.robot()
        name = await shop.clean()
        await shop.until_reached(name, 0.3)
        robot.body.battery = 14.0
        found = await shop.until_state(name, "waiting")
        assert found.reason == "battery"
        robot.body.battery = 90.0
        await robot.report()
        shop.clock.advance(120)
        found = await shop.until_state(name, "done", "partly", "failed")
        assert found.state == "done"
        assert [run.why for run in found.runs] == ["battery", ""]

    told(story)


def test_without_a_robot_a_cleaning_waits_for_one(told) -> None:
    async def story(shop: Store) -> None:
        name = await shop.clean()
        found = await shop.until_state(name, "waiting")
        assert (found.reason, found.detail) == ("no_robot", "the site has no robot that cleans")
        await shop.robot()
        await shop.until_state(name, "done")

    told(story)


def test_what_can_not_be_asked_for_is_refused(told) -> None:
    async def story(shop: Store) -> None:
        with pytest.raises(Invalid, match="has no robot 'r9'"):
            await shop.clean(robot="r9")
        with pytest.raises(Invalid, match=r"window\.end"):
            await shop.clean(end=format_time(EVENING - 1))
        with pytest.raises(Invalid, match=r"window\.start"):
            await shop.clean(start=format_time(EVENING - 3 * HOUR_S))
        with pytest.raises(NotFound, match="there is no cleaning"):
            await shop.desk.get("cl_0")
        await shop.desk.floors.drop(SITE, "sales")
        with pytest.raises(NotFound, match="has no floor 'sales'"):
            await shop.clean()
        await shop.desk.floors.put(SITE, "sales", hall())

    told(story)
