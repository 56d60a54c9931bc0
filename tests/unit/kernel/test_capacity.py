"""What a store offers: sizes that grow and shrink, hours, and who stands in the way."""

import pytest

from maillage.kernel.capacity import LEASES_NAMED
from maillage.kernel.errors import Invalid, NoCapacity, NotFound, PoolInUse, UnknownKind
from maillage.kernel.times import DAY_S, HOUR_S, format_time
from tests.kernel_world import NOW, World, refusal_of

SHOP_HOURS = {day: [("06:00", "22:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@pytest.fixture
def world() -> World:
    world = World()
    world.pool("cpu", 4)
    return world


def test_a_pool_needs_a_site_and_a_known_kind(world: World) -> None:
    world.site("wm-2")
    with pytest.raises(UnknownKind, match="teleport"):
        world.pool("teleport", 1)
    plan = refusal_of(lambda: world.pool("cpu", 1, site="wm-2") and world.release("wm-2~9"))
    assert isinstance(plan, NotFound)


def test_a_plan_that_says_nothing_new_leaves_no_event(world: World) -> None:
    world.pool("visit", 2, notice_s=60, calendar=SHOP_HOURS)
    events = len(world.events)
    world.pool("cpu", 4)
    world.pool("cpu", "4.000", since=NOW + DAY_S)
    world.pool("visit", 2, notice_s=60, calendar={day: [("06:00", "12:00"), ("12:00", "22:00")] for day in SHOP_HOURS})
    world.site("wm-1")
    assert len(world.events) == events
    world.pool("cpu", 4, notice_s=1)
    assert len(world.events) == events + 1


def test_a_calendar_that_never_closes_is_none(world: World) -> None:
    assert world.pool("cpu", 4, calendar={day: [("00:00", "24:00")] for day in SHOP_HOURS}).calendar is None


def test_a_pool_can_shrink_to_what_is_leased_and_no_further(world: World) -> None:
    leases = [world.hour({"cpu": 1}) for _ in range(3)]
    refused = refusal_of(lambda: world.pool("cpu", "2.999"))
    assert isinstance(refused, PoolInUse)
    assert refused.extra["committed"] == 3
    assert refused.extra["at"] == format_time(NOW)
    assert refused.extra["leases"] == [lease.id for lease in leases]
    world.pool("cpu", 3)
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 0.001})


def test_a_shrink_names_only_who_stands_in_its_way_and_not_too_many(world: World) -> None:
    world.pool("cpu", 30)
    world.hour({"cpu": 1})
    later = [world.hour({"cpu": 1}, in_s=2 * HOUR_S).id for _ in range(25)]
    refused = refusal_of(lambda: world.pool("cpu", 2))
    assert refused.extra["leases"] == later[:LEASES_NAMED]
    assert refused.extra["leases_in_the_way"] == 25


def test_a_shrink_works_from_when_the_leases_are_over(world: World) -> None:
    world.hour({"cpu": 3})
    with pytest.raises(PoolInUse):
        world.pool("cpu", 1, since=NOW + HOUR_S - 1)
    world.pool("cpu", 1, since=NOW + HOUR_S)
    assert (world.free("cpu"), world.free("cpu", NOW + HOUR_S)) == (1, 1)


def test_holds_stand_in_the_way_too(world: World) -> None:
    held = world.hour({"cpu": 3}, hold_s=60)
    assert refusal_of(lambda: world.pool("cpu", 1)).extra["leases"] == [held.id]
    world.tick(60)
    assert world.pool("cpu", 1).size_at(world.now) == 1_000


def test_spot_goes_when_its_pool_shrinks_the_newest_first(world: World) -> None:
    firm, old, new = world.lease({"cpu": 1}), world.lease({"cpu": 1}, cls="spot"), world.lease({"cpu": 2}, cls="spot")
    world.tick(600)
    world.pool("cpu", 2)
    assert [world.known(lease).state for lease in (firm, old, new)] == ["confirmed", "confirmed", "reclaimed"]
    assert (world.known(new).end, world.known(new).reason) == (NOW + 600, "made room for resize")


def test_spot_runs_on_until_a_planned_shrink(world: World) -> None:
    running, to_come = world.lease({"cpu": 2}, cls="spot"), world.hour({"cpu": 2}, "spot", in_s=DAY_S)
    world.pool("cpu", 0, since=NOW + DAY_S)
    assert (world.known(running).state, world.known(running).end) == ("reclaimed", NOW + DAY_S)
    assert (world.known(to_come).state, world.known(to_come).end) == ("reclaimed", NOW + DAY_S)
    assert world.free("cpu") == 2


def test_a_shrink_that_is_refused_displaces_nobody(world: World) -> None:
    world.lease({"cpu": 2})
    spot = world.lease({"cpu": 2}, cls="spot")
    with pytest.raises(PoolInUse):
        world.pool("cpu", 1)
    assert world.known(spot).state == "confirmed"


def test_a_size_of_the_past_is_a_size_from_now(world: World) -> None:
    world.tick(HOUR_S)
    assert world.pool("cpu", 9, since=NOW).size_at(NOW) == 4_000


def test_a_calendar_may_not_close_on_a_lease(world: World) -> None:
    inside = world.lease({"cpu": 1}, NOW, NOW + 14 * HOUR_S)
    world.pool("cpu", 4, calendar=SHOP_HOURS)
    world.pool("cpu", 4)
    outside = world.lease({"cpu": 1}, NOW, NOW + 14 * HOUR_S + 1, "spot")
    refused = refusal_of(lambda: world.pool("cpu", 4, calendar=SHOP_HOURS))
    assert isinstance(refused, PoolInUse)
    assert refused.extra["leases"] == [outside.id]
    world.release(outside)
    world.pool("cpu", 4, calendar=SHOP_HOURS)
    assert world.known(inside).state == "confirmed"
    with pytest.raises(NoCapacity):
        world.extend(inside, NOW + 14 * HOUR_S + 1)


def test_only_what_is_left_of_a_lease_must_be_open(world: World) -> None:
    world.lease({"cpu": 1}, NOW, NOW + DAY_S)
    world.tick(23 * HOUR_S)
    world.pool("cpu", 4, calendar=SHOP_HOURS)


def test_a_plan_without_a_calendar_opens_the_pool_always(world: World) -> None:
    world.pool("visit", 1, calendar=SHOP_HOURS)
    with pytest.raises(NoCapacity):
        world.lease({"visit": 1})
    world.pool("visit", 1)
    world.lease({"visit": 1})


def test_a_calendar_that_can_not_be_changes_nothing(world: World) -> None:
    events = len(world.events)
    with pytest.raises(Invalid, match="calendar"):
        world.pool("cpu", 4, calendar={"mon": [("20:00", "08:00")]})
    assert len(world.events) == events


def test_hours_move_with_the_time_zone_of_the_store(world: World) -> None:
    world.pool("visit", 1, calendar={"tue": [("09:00", "10:00")]})
    nine = NOW + HOUR_S
    world.release(world.lease({"visit": 1}, nine, nine + HOUR_S))
    world.site("wm-1", tz="Europe/Paris")
    with pytest.raises(NoCapacity):
        world.lease({"visit": 1}, nine, nine + HOUR_S)
    world.lease({"visit": 1}, nine - HOUR_S, nine)
    world.check_replay()
