"""A key makes an ask safe to repeat: for a day, for its tenant, for its body, through any restart."""

import pytest

from maillage.kernel.errors import KeyReused, NoCapacity
from maillage.kernel.ledger import KEY_WINDOW_S
from tests.kernel_world import NOW, World, refusal_of


@pytest.fixture
def world() -> World:
    world = World()
    world.pool("cpu", 4)
    return world


def test_the_same_key_and_body_give_the_same_lease(world: World) -> None:
    first = world.hour({"cpu": 1}, key="order-7")
    events = len(world.events)
    assert world.hour({"cpu": 1}, key="order-7").id == first.id
    assert len(world.events) == events
    assert world.free("cpu") == 3


def test_the_same_key_with_another_body_is_refused_and_names_the_lease(world: World) -> None:
    first = world.hour({"cpu": 1}, key="order-7", body="one")
    refused = refusal_of(lambda: world.hour({"cpu": 2}, key="order-7", body="two"))
    assert isinstance(refused, KeyReused)
    assert refused.extra["lease"] == first.id


def test_two_tenants_may_use_the_same_key(world: World) -> None:
    first = world.hour({"cpu": 1}, key="order-7", tenant="acme")
    assert world.hour({"cpu": 1}, key="order-7", tenant="other").id != first.id


def test_keys_and_tenants_do_not_run_into_each_other(world: World) -> None:
    first = world.hour({"cpu": 1}, key="b-c", tenant="a")
    assert world.hour({"cpu": 1}, key="c", tenant="a-b").id != first.id


def test_a_key_is_remembered_for_a_day_to_the_second(world: World) -> None:
    first = world.lease({"cpu": 1}, key="order-7")
    world.clock.set(NOW + KEY_WINDOW_S - 1)
    assert world.lease({"cpu": 1}, key="order-7").id == first.id
    assert isinstance(refusal_of(lambda: world.lease({"cpu": 1}, key="order-7", body="other")), KeyReused)
    world.clock.set(NOW + KEY_WINDOW_S)
    second = world.lease({"cpu": 1}, key="order-7", body="other")
    assert second.id != first.id
    world.clock.advance(KEY_WINDOW_S - 1)
    assert world.lease({"cpu": 1}, key="order-7", body="other").id == second.id


def test_a_refusal_is_not_remembered(world: World) -> None:
    filling = world.lease({"cpu": 4})
    with pytest.raises(NoCapacity):
        world.lease({"cpu": 1}, key="order-7", body="one")
    world.release(filling)
    assert world.lease({"cpu": 1}, key="order-7", body="two").state == "confirmed"


def test_a_repeat_gives_the_lease_as_it_is_by_now(world: World) -> None:
    lease = world.hour({"cpu": 1}, key="order-7")
    world.release(lease)
    assert world.hour({"cpu": 1}, key="order-7").state == "released"


def test_a_repeat_is_answered_even_when_its_start_has_passed(world: World) -> None:
    first = world.lease({"cpu": 1}, NOW, NOW + 7_200, key="order-7")
    world.clock.advance(3_600)
    assert world.lease({"cpu": 1}, NOW, NOW + 7_200, key="order-7").id == first.id


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_a_key_survives_a_restart_and_is_forgotten_in_time_all_the_same(world: World, with_snapshot: bool) -> None:
    first = world.lease({"cpu": 1}, key="order-7")
    if with_snapshot:
        world.take_snapshot()
    world.restart()
    assert world.lease({"cpu": 1}, key="order-7").id == first.id
    world.clock.set(NOW + KEY_WINDOW_S)
    assert world.lease({"cpu": 1}, key="order-7").id != first.id
    world.check_replay()


def test_keys_that_are_over_take_no_room(world: World) -> None:
    for number in range(50):
        world.release(world.lease({"cpu": 1}, key=f"order-{number % 7}-{number}"))
        world.clock.advance(3_600)
    assert len(world.ledger.keys) == 24
    world.check_replay()
