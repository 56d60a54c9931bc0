"""Quotas: how much of a kind a tenant may have leased at any instant, over all sites."""

import pytest

from maillage.kernel.asks import Ask
from maillage.kernel.errors import QuotaExceeded
from maillage.kernel.grants import Order, grant_all
from maillage.kernel.holdings import TRIM_ABOVE
from maillage.kernel.quotas import Pending, require
from maillage.kernel.snapshots import encode_ledger
from maillage.kernel.times import FOREVER, HOUR_S
from tests.kernel_world import NOW, World, refusal_of


def world_of(cpu: int | None = 4, sites: tuple[str, ...] = ("wm-1", "wm-2")) -> World:
    """Sites with plenty of room, and acme with a quota of cpu."""
    world = World()
    for site in sites:
        world.pool("cpu", 100, site)
        world.pool("memory", 100, site)
    if cpu is not None:
        world.policy.quotas = {"acme": {"cpu": cpu * 1_000}}
    return world


def test_the_quota_counts_all_sites_together_and_says_what_is_in_use() -> None:
    world = world_of(cpu=4)
    world.hour({"cpu": 3}, site="wm-1")
    refused = refusal_of(lambda: world.hour({"cpu": "1.5"}, site="wm-2"))
    assert isinstance(refused, QuotaExceeded)
    assert refused.extra == {"kind": "cpu", "quota": 4, "in_use": 3, "asked": 1.5}
    assert world.hour({"cpu": 1}, site="wm-2").state == "confirmed"


def test_it_counts_at_each_instant_and_not_in_sum() -> None:
    world = world_of(cpu=4)
    for hour in range(5):
        world.hour({"cpu": 4}, in_s=hour * HOUR_S)
    refused = refusal_of(lambda: world.lease({"cpu": 1}, NOW + 4 * HOUR_S, NOW + 6 * HOUR_S))
    assert isinstance(refused, QuotaExceeded)
    assert world.lease({"cpu": 4}, NOW + 5 * HOUR_S, NOW + 6 * HOUR_S).state == "confirmed"


def test_kinds_and_tenants_without_a_quota_are_free() -> None:
    world = world_of(cpu=1)
    assert world.hour({"memory": 90}).state == "confirmed"
    assert world.hour({"cpu": 90}, tenant="other").state == "confirmed"
    assert list(world.ledger.watched) == ["acme"], "the ledger keeps count for those who have a quota"


def test_a_refusal_records_nothing_and_displaces_nobody() -> None:
    world = world_of(cpu=4, sites=("wm-1",))
    spot = world.hour({"cpu": 100}, "spot", tenant="other")
    before = len(world.events)
    assert isinstance(refusal_of(lambda: world.hour({"cpu": 5})), QuotaExceeded)
    assert len(world.events) == before and world.known(spot).state == "confirmed"
    assert world.hour({"cpu": 4}).state == "confirmed"
    assert world.known(spot).state == "reclaimed"


def test_a_hold_counts_until_it_expires_and_a_lease_until_it_is_released() -> None:
    world = world_of(cpu=4)
    world.hour({"cpu": 4}, hold_s=60)
    assert isinstance(refusal_of(lambda: world.hour({"cpu": 1})), QuotaExceeded)
    world.tick(60)
    lease = world.hour({"cpu": 4})
    assert isinstance(refusal_of(lambda: world.hour({"cpu": 1})), QuotaExceeded)
    world.release(lease)
    assert world.hour({"cpu": 4}).state == "confirmed"


def test_what_was_released_a_moment_ago_is_free_for_an_ask_that_names_the_moment_before() -> None:
    world = world_of(cpu=4)
    lease = world.hour({"cpu": 4})
    world.tick(600)
    world.release(lease)
    again = world.lease({"cpu": 4}, world.now - 30, world.now + HOUR_S)
    assert again.start == world.now


def test_an_extension_is_bounded_too() -> None:
    world = world_of(cpu=4)
    early, _late = world.hour({"cpu": 3}), world.hour({"cpu": 2}, in_s=2 * HOUR_S)
    assert isinstance(refusal_of(lambda: world.extend(early, NOW + 2 * HOUR_S + 1)), QuotaExceeded)
    assert world.extend(early, NOW + 2 * HOUR_S).end == NOW + 2 * HOUR_S
    assert isinstance(refusal_of(lambda: world.extend(early, FOREVER)), QuotaExceeded)


def test_a_quota_that_is_lowered_below_what_is_in_use_only_stops_more() -> None:
    world = world_of(cpu=None)
    lease = world.hour({"cpu": 50})
    world.policy.quotas = {"acme": {"cpu": 4_000}}
    refused = refusal_of(lambda: world.hour({"cpu": 1}))
    assert refused.extra["in_use"] == 50
    assert world.known(lease).state == "confirmed"
    world.policy.quotas = {"acme": {"cpu": 0}}
    world.release(lease)
    assert isinstance(refusal_of(lambda: world.hour({"cpu": "0.001"})), QuotaExceeded)
    world.policy.quotas = {}
    assert world.hour({"cpu": 60}).state == "confirmed"


def test_a_repeated_ask_gets_its_lease_again_whatever_the_quota() -> None:
    world = world_of(cpu=4)
    lease = world.hour({"cpu": 4}, key="k")
    assert world.hour({"cpu": 4}, key="k").id == lease.id


def test_an_ask_for_several_sites_counts_as_often() -> None:
    world = world_of(cpu=4)
    ask = Ask({"cpu": 3_000}, None, FOREVER, None, None, "firm", sites=("wm-1", "wm-2"))
    order = Order("acme", ask, ("wm-1", "wm-2"))
    refused = refusal_of(lambda: world.do(lambda scribe: grant_all(scribe, order, 2)))
    assert isinstance(refused, QuotaExceeded) and refused.extra["asked"] == 6
    world.policy.quotas = {"acme": {"cpu": 6_000}}
    assert len(world.do(lambda scribe: grant_all(scribe, order, 2))) == 2


def test_the_count_outlives_a_restart_and_stands_in_no_snapshot() -> None:
    world = world_of(cpu=4)
    world.hour({"cpu": 3})
    assert encode_ledger(world.ledger) == encode_ledger(world.replayed())
    world.take_snapshot()
    world.restart()
    assert world.ledger.watched == {}
    assert refusal_of(lambda: world.hour({"cpu": 2})).extra["in_use"] == 3
    world.check_replay()


def test_the_past_is_forgotten_before_it_gets_long() -> None:
    world = world_of(cpu=1_000)
    for number in range(TRIM_ABOVE):
        world.lease({"cpu": 1 + number % 2}, world.now, world.now + 30)
        world.tick(60)
    curve = world.ledger.watched["acme"].curves["cpu"]
    assert len(curve.times) <= TRIM_ABOVE + 2
    assert curve.peak(world.now, FOREVER) == 0


# -- what a hub asks of its mirror -------------------------------------------------------------------------------------


def test_what_was_promised_elsewhere_counts_with_what_the_ledger_shows() -> None:
    world = world_of(cpu=4)
    world.hour({"cpu": 2})
    quotas, end = world.policy.quotas, NOW + HOUR_S
    pending = [
        Pending({"cpu": 1_000}, NOW, end),
        Pending({"memory": 9_000}, NOW, end),
        Pending({"cpu": 1}, end, FOREVER),
    ]
    require(world.ledger, quotas, "acme", {"cpu": 1_000}, NOW, end, pending)
    with pytest.raises(QuotaExceeded) as refused:
        require(world.ledger, quotas, "acme", {"cpu": 1_001}, NOW, end, pending)
    assert refused.value.extra["in_use"] == 3
    require(world.ledger, quotas, "acme", {"cpu": 2_000}, NOW, end)
    require(world.ledger, quotas, "nobody", {"cpu": 1_000_000}, NOW, end, pending)


def test_what_is_promised_before_anything_was_leased_counts_too() -> None:
    world = world_of(cpu=4)
    with pytest.raises(QuotaExceeded):
        require(
            world.ledger,
            world.policy.quotas,
            "acme",
            {"cpu": 3_000},
            NOW,
            FOREVER,
            [Pending({"cpu": 2_000}, NOW, FOREVER)],
        )
