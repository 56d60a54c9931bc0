"""Pools: sizes that change over time, two classes of commitment, hours."""

from zoneinfo import ZoneInfo

import pytest

from maillage.kernel.calendars import calendar_of
from maillage.kernel.pools import Pool
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from tests.kernel_world import NOW, World, at


def pool_of(size: int) -> Pool:
    pool = Pool("cpu", ZoneInfo("Etc/UTC"))
    pool.resize(NOW, size, NOW)
    return pool


def test_a_pool_has_room_to_its_last_thousandth() -> None:
    pool = pool_of(4_000)
    pool.commit(NOW, NOW + 10, 3_999, spot=False)
    assert pool.has_room(NOW, NOW + 10, 1, spot=False)
    assert not pool.has_room(NOW, NOW + 10, 2, spot=False)


def test_leases_that_touch_do_not_meet() -> None:
    pool = pool_of(1_000)
    pool.commit(NOW + 10, NOW + 20, 1_000, spot=False)
    assert pool.has_room(NOW, NOW + 10, 1_000, spot=False)
    assert pool.has_room(NOW + 20, NOW + 30, 1_000, spot=False)
    assert not pool.has_room(NOW, NOW + 11, 1, spot=False)
    assert not pool.has_room(NOW + 19, NOW + 30, 1, spot=False)


def test_spot_stands_in_the_way_of_spot_only() -> None:
    pool = pool_of(1_000)
    pool.commit(NOW, NOW + 10, 700, spot=True)
    assert pool.has_room(NOW, NOW + 10, 1_000, spot=False)
    assert pool.room(NOW, NOW + 10, spot=True) == 300
    pool.commit(NOW, NOW + 5, 200, spot=False)
    assert pool.room(NOW, NOW + 10, spot=True) == 100
    assert pool.room(NOW, NOW + 10, spot=False) == 800


def test_a_planned_size_holds_from_its_instant_on() -> None:
    pool = pool_of(4_000)
    pool.resize(NOW + DAY_S, 8_000, NOW)
    pool.resize(NOW + 2 * DAY_S, 2_000, NOW)
    assert [pool.size_at(NOW + days * DAY_S) for days in range(4)] == [4_000, 8_000, 2_000, 2_000]
    assert pool.size_segments(NOW, NOW + 3 * DAY_S) == [
        (NOW, NOW + DAY_S, 4_000),
        (NOW + DAY_S, NOW + 2 * DAY_S, 8_000),
        (NOW + 2 * DAY_S, NOW + 3 * DAY_S, 2_000),
    ]
    assert pool.room(NOW + DAY_S, NOW + 2 * DAY_S, spot=False) == 8_000
    assert pool.room(NOW + DAY_S, NOW + 2 * DAY_S + 1, spot=False) == 2_000
    assert pool.most_room(NOW, NOW + 3 * DAY_S, spot=False) == 8_000
    assert pool.room(NOW, FOREVER, spot=False) == 2_000


def test_a_size_from_now_drops_what_was_planned_for_later() -> None:
    pool = pool_of(4_000)
    pool.resize(NOW + DAY_S, 8_000, NOW)
    pool.resize(NOW, 5_000, NOW)
    assert pool.size_at(NOW + 2 * DAY_S) == 5_000


def test_before_its_hours_a_pool_is_closed_and_after_them_full_or_not() -> None:
    pool = pool_of(1_000)
    pool.calendar = calendar_of({"tue": [("09:00", "10:00")]})
    nine, ten = at("2026-12-01T09:00:00Z"), at("2026-12-01T10:00:00Z")
    assert pool.has_room(nine, ten, 1_000, spot=False)
    assert not pool.has_room(nine, ten + 1, 1, spot=False)
    assert pool.shortfall(nine, ten + 1, 1, spot=False).why == "closed"
    assert pool.shortfall(nine, ten + 1, 1, spot=False).at == "2026-12-01T10:00:00Z"
    pool.commit(nine + 600, ten, 400, spot=False)
    short = pool.shortfall(nine, ten, 700, spot=False)
    assert (short.why, short.at, short.available, short.size) == ("full", "2026-12-01T09:10:00Z", 0.6, 1)


@pytest.mark.parametrize("cls", ["firm", "spot"])
def test_a_pool_that_has_been_busy_for_long_forgets_its_past_and_nothing_else(cls: str) -> None:
    world = World()
    world.pool("cpu", 3)
    long = world.lease({"cpu": 1}, end=world.now + 900 * HOUR_S)
    for hour in range(400):
        world.hour({"cpu": 0.5 + 0.5 * (hour % 2)}, cls)  # type: ignore[arg-type]
        world.hour({"cpu": 1}, cls, in_s=10 * HOUR_S)  # type: ignore[arg-type]
        world.tick(HOUR_S)
    pool = world.ledger.pools["wm-1"]["cpu"]
    assert len(pool.all.times) < 120
    assert world.free("cpu", spot=False) == (2 if cls == "spot" else 1)
    assert world.free("cpu", spot=True) == 1
    assert world.free("cpu", start=long.end - 1) == 2
    assert world.free("cpu", start=long.end) == 3
    world.check_replay()
