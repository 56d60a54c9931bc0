"""When a robot can be had within a window."""

from maillage.kernel.times import HOUR_S
from maillage.services.robots.cleaning.slots import Slot, best_slot, free_slots
from tests.kernel_world import NOW, SITE, World

EVENING = NOW + 12 * HOUR_S
MORNING = EVENING + 9 * HOUR_S


def slots(world: World) -> list[Slot]:
    return free_slots(world.ledger.pools[SITE]["robot"], EVENING, MORNING)


def hours(first: float, last: float) -> Slot:
    return Slot(EVENING + int(first * HOUR_S), EVENING + int(last * HOUR_S))


def test_an_empty_pool_is_free_throughout() -> None:
    world = World()
    world.pool("robot", 1)
    assert slots(world) == [hours(0, 9)]


def test_firm_and_house_leases_stand_in_the_way_and_spot_does_not() -> None:
    world = World()
    world.pool("robot", 1)
    world.lease({"robot": 1}, EVENING + HOUR_S, EVENING + 2 * HOUR_S)
    world.lease({"robot": 1}, EVENING + 3 * HOUR_S, EVENING + 4 * HOUR_S, "house")
    world.lease({"robot": 1}, EVENING + 5 * HOUR_S, EVENING + 6 * HOUR_S, "spot")
    assert slots(world) == [hours(0, 1), hours(2, 3), hours(4, 9)]


def test_a_second_robot_is_free_while_the_first_is_leased() -> None:
    world = World()
    world.pool("robot", 2)
    world.lease({"robot": 1}, EVENING + HOUR_S, EVENING + 2 * HOUR_S)
    assert slots(world) == [hours(0, 9)]


def test_a_pool_that_grows_and_one_that_is_closed_at_night() -> None:
    world = World()
    world.pool("robot", 0)
    world.pool("robot", 1, since=EVENING + HOUR_S)
    assert slots(world) == [hours(1, 9)]
    world = World()
    world.pool("robot", 1, calendar={"tue": [("00:00", "22:00")], "wed": [("03:30", "04:00"), ("04:10", "24:00")]})
    assert slots(world) == [hours(0, 2), hours(7.5, 8), Slot(EVENING + 8 * HOUR_S + 600, MORNING)]


def test_the_first_that_is_long_enough_is_taken_else_the_longest() -> None:
    free = [hours(0, 0.5), hours(1, 3), hours(4, 9)]
    assert best_slot(free, 2 * HOUR_S, 600) == hours(1, 3)
    assert best_slot(free, HOUR_S, 600) == hours(1, 2)
    assert best_slot(free, 8 * HOUR_S, 600) == hours(4, 9)
    assert best_slot([hours(0, 0.1)], HOUR_S, 600) is None
    assert best_slot([], HOUR_S, 600) is None
