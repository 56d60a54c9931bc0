"""What can be done to a lease after it was granted, and what time does to it."""

import pytest

from maillage.kernel.errors import Invalid, LeaseState, NoCapacity, NotFound, NoticeTooShort
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import FOREVER, HORIZON_S, HOUR_S, format_time
from tests.kernel_world import NOW, World, refusal_of


@pytest.fixture
def world() -> World:
    world = World(PriceBook(entries=[PriceEntry("cpu", "1.00"), PriceEntry("cpu", "1.00", "spot")]))
    world.pool("cpu", 4)
    return world


def test_confirming_twice_is_the_same_as_once(world: World) -> None:
    held = world.hour({"cpu": 1}, hold_s=600)
    assert world.confirm(held).state == "confirmed"
    events = len(world.events)
    assert world.confirm(held).hold_until is None
    assert len(world.events) == events


def test_a_hold_can_be_confirmed_to_its_last_second(world: World) -> None:
    held = world.hour({"cpu": 1}, hold_s=600)
    world.clock.set(NOW + 599)
    assert world.confirm(held).state == "confirmed"
    world.tick(1)
    assert world.known(held).state == "confirmed"


def test_at_the_second_a_hold_runs_out_it_is_gone_before_anybody_is_asked(world: World) -> None:
    held = world.hour({"cpu": 4}, hold_s=600)
    world.clock.set(NOW + 600)
    refused = refusal_of(lambda: world.confirm(held))
    assert isinstance(refused, LeaseState)
    assert (refused.extra["state"], refused.extra["end"]) == ("expired", format_time(NOW + 600))
    assert world.hour({"cpu": 4}).state == "confirmed"
    assert (world.known(held).end, world.known(held).charge) == (NOW + 600, 0)


def test_a_hold_on_a_lease_to_come_expires_to_nothing(world: World) -> None:
    held = world.hour({"cpu": 4}, in_s=HOUR_S, hold_s=600)
    world.tick(600)
    assert (world.known(held).state, world.known(held).end) == ("expired", NOW + HOUR_S)
    assert world.free("cpu", NOW + HOUR_S) == 4


def test_the_second_before_its_end_a_lease_runs_and_at_its_end_it_has_ended(world: World) -> None:
    lease = world.hour({"cpu": 4})
    world.tick(HOUR_S - 1)
    assert world.known(lease).state == "confirmed"
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 1})
    world.clock.advance(1)
    assert world.hour({"cpu": 4}).start == lease.end
    assert (world.known(lease).state, world.known(lease).charge) == ("ended", 4_000_000)


def test_extending_twice_is_the_same_as_once(world: World) -> None:
    lease = world.hour({"cpu": 1})
    assert world.extend(lease, NOW + 2 * HOUR_S).end == NOW + 2 * HOUR_S
    events = len(world.events)
    world.extend(lease, NOW + 2 * HOUR_S)
    assert len(world.events) == events
    world.tick(HOUR_S)
    assert world.known(lease).state == "confirmed"
    world.tick(HOUR_S)
    assert (world.known(lease).state, world.known(lease).charge) == ("ended", 2_000_000)


def test_a_lease_is_extended_only_where_there_is_room(world: World) -> None:
    lease = world.hour({"cpu": 3})
    world.hour({"cpu": 2}, in_s=2 * HOUR_S)
    world.extend(lease, NOW + 2 * HOUR_S)
    with pytest.raises(NoCapacity):
        world.extend(lease, NOW + 2 * HOUR_S + 1)
    assert world.known(lease).end == NOW + 2 * HOUR_S


def test_an_extension_does_not_stand_in_its_own_way(world: World) -> None:
    lease = world.hour({"cpu": 4})
    assert world.extend(lease, FOREVER).end == FOREVER
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 1}, in_s=10_000 * HOUR_S)


def test_an_extension_displaces_spot_after_its_notice(world: World) -> None:
    world.pool("cpu", 4, notice_s=HOUR_S + 1)
    lease = world.hour({"cpu": 4})
    spot = world.lease({"cpu": 1}, NOW + HOUR_S, cls="spot")
    with pytest.raises(NoticeTooShort):
        world.extend(lease, NOW + 2 * HOUR_S)
    world.pool("cpu", 4, notice_s=HOUR_S)
    world.extend(lease, NOW + 2 * HOUR_S)
    assert (world.known(spot).state, world.known(spot).reason) == ("reclaimed", f"makes room for {lease.id}")


def test_a_hold_can_be_extended_and_still_runs_out(world: World) -> None:
    held = world.hour({"cpu": 1}, hold_s=600)
    world.extend(held, NOW + 2 * HOUR_S)
    world.tick(600)
    assert world.known(held).state == "expired"
    assert world.free("cpu", NOW, NOW + 2 * HOUR_S) == 3  # of what was its first 600 s
    assert world.free("cpu") == 4


@pytest.mark.parametrize(
    ("end", "problem"),
    [(NOW + 1, "before the lease's end"), (NOW + HORIZON_S + 1, "50 years")],
)
def test_an_end_that_can_not_be_is_refused(world: World, end: int, problem: str) -> None:
    lease = world.hour({"cpu": 1})
    with pytest.raises(Invalid, match=problem):
        world.extend(lease, end)


def test_an_open_lease_has_no_later_end(world: World) -> None:
    lease = world.lease({"cpu": 1})
    with pytest.raises(Invalid, match="open"):
        world.extend(lease, NOW + HOUR_S)


def test_releasing_twice_is_the_same_as_once(world: World) -> None:
    lease = world.lease({"cpu": 4})
    world.tick(1_800)
    assert world.release(lease).end == NOW + 1_800
    world.tick(100)
    assert world.release(lease).end == NOW + 1_800
    assert world.known(lease).charge == 2_000_000
    assert world.free("cpu") == 4


def test_what_is_released_before_it_begins_costs_nothing(world: World) -> None:
    lease = world.hour({"cpu": 4}, in_s=HOUR_S)
    released = world.release(lease)
    assert (released.state, released.end, released.charge) == ("released", lease.start, 0)
    assert world.free("cpu", NOW + HOUR_S) == 4


def test_a_hold_that_is_released_costs_nothing(world: World) -> None:
    held = world.hour({"cpu": 4}, hold_s=600)
    world.tick(300)
    assert (world.release(held).charge, world.free("cpu")) == (0, 4)


def test_what_is_over_can_not_be_moved(world: World) -> None:
    ended, expired = world.hour({"cpu": 1}), world.hour({"cpu": 1}, hold_s=60)
    released, reclaimed = world.hour({"cpu": 1}), world.hour({"cpu": 1}, "spot")
    world.release(released)
    world.hour({"cpu": 2}, "house")
    world.tick(HOUR_S)
    states = {"ended": ended, "expired": expired, "released": released, "reclaimed": reclaimed}
    for state, lease in states.items():
        assert world.known(lease).state == state
        moves = [lambda it=lease: world.confirm(it), lambda it=lease: world.extend(it, NOW + 9 * HOUR_S)]
        if state != "released":
            moves.append(lambda it=lease: world.release(it))
        for move in moves:
            refused = refusal_of(move)
            assert isinstance(refused, LeaseState)
            assert refused.extra["state"] == state
            assert state in refused.detail


def test_a_lease_is_moved_by_its_tenant_only_and_others_learn_nothing_of_it(world: World) -> None:
    lease = world.hour({"cpu": 1}, tenant="acme", hold_s=600)
    for move in (world.confirm, world.release):
        refused = refusal_of(lambda move=move: move(lease, "other"))
        unknown = refusal_of(lambda move=move: move("wm-1~999", "other"))
        assert isinstance(refused, NotFound)
        assert refused.detail.replace(lease.id, "wm-1~999") == unknown.detail
    assert world.confirm(lease, "acme").state == "confirmed"
    assert world.release(lease, None).state == "released"


def test_measures_add_up_per_meter(world: World) -> None:
    lease = world.hour({"cpu": 1})
    world.measure(lease, {"cpu_hours": 500, "gigabytes": 1_000})
    world.measure(lease, {"cpu_hours": 250})
    assert world.ledger.measured[lease.id] == {"cpu_hours": 750, "gigabytes": 1_000}
    with pytest.raises(Invalid, match="at most 64"):
        world.measure(lease, {f"meter-{number}": 1 for number in range(63)})
    world.check_replay()


def test_thousands_that_end_at_once_are_entered_bit_by_bit_and_none_of_them_can_be_moved() -> None:
    world = World()
    world.pool("cpu", 10_000)
    first = [world.lease({"cpu": 1}, NOW, NOW + 60).id for _ in range(2_001)]
    last = world.lease({"cpu": 1}, NOW, NOW + 61)
    spot = world.lease({"cpu": 1}, NOW + 61, cls="spot")
    world.clock.set(NOW + 100)
    for move in (lambda: world.extend(last, NOW + 200), lambda: world.release(last)):
        with pytest.raises(LeaseState, match="ended"):
            move()
    world.tick()
    assert {world.known(name).state for name in first} == {"ended"}
    assert (world.known(last).state, world.known(spot).state) == ("ended", "confirmed")


# -- a clock that jumps ---------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_makes_time_stand_still(world: World) -> None:
    world.tick(HOUR_S)
    lease = world.lease({"cpu": 1})
    world.clock.set(NOW)
    assert world.lease({"cpu": 1}).start == NOW + HOUR_S
    assert world.release(lease).charge == 0
    assert [event.at for event in world.events] == sorted(event.at for event in world.events)


def test_time_stands_still_after_a_restart_too(world: World) -> None:
    world.tick(HOUR_S)
    world.lease({"cpu": 1})
    world.clock.set(0)
    world.restart()
    assert world.lease({"cpu": 1}).start == NOW + HOUR_S


def test_a_clock_that_jumps_years_ahead_lets_everything_end_as_it_should(world: World) -> None:
    held, lease, open_lease = world.hour({"cpu": 1}, hold_s=600), world.hour({"cpu": 1}), world.lease({"cpu": 1})
    world.tick(40 * 366 * 24 * HOUR_S)
    assert (world.known(held).state, world.known(held).end) == ("expired", NOW + 600)
    assert (world.known(lease).state, world.known(lease).charge) == ("ended", 1_000_000)
    assert world.known(open_lease).state == "confirmed"
    assert world.free("cpu") == 3
    world.check_replay()
