"""Granting: all kinds of an ask or nothing, to the last thousandth, and who must go for whom."""

import pytest

from maillage.kernel.asks import HOLD_MAX_S
from maillage.kernel.errors import Invalid, NoCapacity, NoticeTooShort, UnknownSite
from maillage.kernel.leases import Lease, LeaseClass, site_of
from maillage.kernel.times import FOREVER, HORIZON_S, HOUR_S, format_time
from tests.kernel_world import NOW, World, refusal_of


def world_of(**sizes: float) -> World:
    world = World()
    for kind, size in sizes.items():
        world.pool(kind, size)
    return world


def reasons_of(refusal: Exception) -> list[tuple[str, str]]:
    return [(short.kind, short.why) for short in refusal.extra["reasons"]]  # type: ignore[attr-defined]


def states(world: World, *leases: Lease) -> list[str]:
    return [world.known(lease).state for lease in leases]


def test_a_lease_says_who_has_what_where_and_until_when() -> None:
    world = world_of(cpu=8, memory=32)
    lease = world.hour({"cpu": 4, "memory": 16}, tenant="acme")
    assert (lease.tenant, lease.site, lease.cls, lease.state) == ("acme", "wm-1", "firm", "confirmed")
    assert lease.needs == {"cpu": 4_000, "memory": 16_000}
    assert (lease.start, lease.end) == (NOW, NOW + HOUR_S)
    assert site_of(lease.id) == "wm-1"
    assert (world.free("cpu"), world.free("memory")) == (4, 16)
    assert world.free("cpu", start=lease.end) == 8


def test_all_kinds_or_none() -> None:
    world = world_of(cpu=8, memory=1)
    refused = refusal_of(lambda: world.hour({"cpu": 4, "memory": 2}))
    assert isinstance(refused, NoCapacity)
    assert reasons_of(refused) == [("memory", "full")]
    assert world.free("cpu") == 8


def test_a_site_without_the_attributes_asked_for_is_refused_by_their_names() -> None:
    world = World()
    world.site(has_clinic=False, type="Express")
    world.pool("cpu", 8)
    refused = refusal_of(lambda: world.hour({"cpu": 1}, attributes={"has_clinic": True, "type": "Express"}))
    assert isinstance(refused, NoCapacity)
    assert reasons_of(refused) == [("has_clinic", "attribute")]
    assert world.hour({"cpu": 1}, attributes={"has_clinic": False}).state == "confirmed"


def test_the_last_thousandth_is_granted_and_the_one_after_it_refused() -> None:
    world = world_of(cpu="7.999")
    world.hour({"cpu": 4})
    refused = refusal_of(lambda: world.hour({"cpu": 4}))
    assert refused.extra["reasons"][0].available == 3.999
    world.hour({"cpu": 3.999})
    assert world.free("cpu") == 0
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 0.001})


def test_every_kind_has_its_reason() -> None:
    world = world_of(cpu=1, memory=1)
    world.pool("visit", 1, calendar={"mon": [("08:00", "12:00")]})
    refused = refusal_of(lambda: world.hour({"gpu": 1, "cpu": 2, "visit": 1, "memory": 1}))
    assert reasons_of(refused) == [("gpu", "no_pool"), ("cpu", "full"), ("visit", "closed")]
    assert "offers no gpu" in refused.detail
    assert "1 of 1 cpu free" in refused.detail
    assert "visit is closed at 2026-12-01T08:00:00Z" in refused.detail


def test_one_busy_second_is_enough_to_refuse() -> None:
    world = world_of(cpu=1)
    world.lease({"cpu": 1}, NOW + 600, NOW + 601)
    refused = refusal_of(lambda: world.hour({"cpu": 1}))
    assert refused.extra["reasons"][0].at == format_time(NOW + 600)
    world.lease({"cpu": 1}, NOW, NOW + 600)
    world.lease({"cpu": 1}, NOW + 601)


def test_an_open_lease_meets_every_later_one() -> None:
    world = world_of(cpu=1)
    world.lease({"cpu": 1}, NOW + 100 * HOUR_S)
    world.lease({"cpu": 1}, NOW, NOW + 100 * HOUR_S)
    with pytest.raises(NoCapacity):
        world.lease({"cpu": 1}, NOW + 40_000 * HOUR_S, NOW + 40_001 * HOUR_S)


def test_a_shrink_that_is_planned_counts_from_its_instant_on() -> None:
    world = world_of(cpu=4)
    world.pool("cpu", 2, since=NOW + HOUR_S)
    world.hour({"cpu": 4})
    with pytest.raises(NoCapacity):
        world.lease({"cpu": 3}, NOW + HOUR_S, NOW + HOUR_S + 1)
    world.lease({"cpu": 2}, NOW + HOUR_S)


@pytest.mark.parametrize("cls", ["house", "firm"])
def test_house_and_firm_share_what_there_is(cls: LeaseClass) -> None:
    world = world_of(cpu=2)
    world.hour({"cpu": 1}, "house")
    world.hour({"cpu": 1}, "firm")
    for other in ("house", "firm", "spot"):
        with pytest.raises(NoCapacity):
            world.hour({"cpu": 1}, other)  # type: ignore[arg-type]


def test_spot_takes_what_is_left_and_no_more() -> None:
    world = world_of(cpu=3)
    world.hour({"cpu": 1}, "firm")
    world.hour({"cpu": 1}, "spot")
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 2}, "spot")
    world.hour({"cpu": 1}, "spot")


def test_a_hold_takes_its_place_like_a_lease() -> None:
    world = world_of(cpu=1)
    held = world.hour({"cpu": 1}, hold_s=600)
    assert (held.state, held.hold_until) == ("held", NOW + 600)
    with pytest.raises(NoCapacity):
        world.hour({"cpu": 1})


def test_a_hold_never_outlasts_its_lease() -> None:
    world = world_of(cpu=1)
    assert world.hour({"cpu": 1}, hold_s=HOLD_MAX_S).hold_until == NOW + HOUR_S


# -- spot makes room -------------------------------------------------------------------------------------------


def test_house_displaces_spot_at_once() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=3_600)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.tick(100)
    house = world.hour({"cpu": 1}, "house")
    gone = world.known(spot)
    assert (gone.state, gone.end, gone.reason) == ("reclaimed", NOW + 100, f"made room for {house.id}")


def test_firm_is_refused_while_the_notice_runs_with_a_start_that_works() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    spot = world.lease({"cpu": 1}, cls="spot")
    refused = refusal_of(lambda: world.lease({"cpu": 1}, NOW + 299))
    assert isinstance(refused, NoticeTooShort)
    assert reasons_of(refused) == [("cpu", "reclaim_notice")]
    assert refused.extra["notice_s"] == 300
    assert refused.extra["earliest_start"] == format_time(NOW + 300)
    assert states(world, spot) == ["confirmed"]
    world.lease({"cpu": 1}, NOW + 300)
    leaving = world.known(spot)
    assert (leaving.state, leaving.end) == ("reclaimed", NOW + 300)
    assert world.free("cpu") == 0  # it runs until its notice is over


def test_without_notice_firm_displaces_at_once() -> None:
    world = world_of(cpu=1)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.lease({"cpu": 1})
    assert states(world, spot) == ["reclaimed"]


def test_no_start_is_promised_where_a_later_one_meets_a_firm_lease() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    world.lease({"cpu": 1}, NOW, NOW + 300, "spot")
    world.lease({"cpu": 1}, NOW + 300, NOW + 900)
    refused = refusal_of(lambda: world.lease({"cpu": 1}, NOW, NOW + 200))
    assert isinstance(refused, NoticeTooShort)
    assert "earliest_start" not in refused.extra


def test_no_start_is_promised_where_a_later_one_meets_a_longer_notice() -> None:
    world = world_of()
    world.pool("cpu", 1, notice_s=60)
    world.pool("memory", 1, notice_s=7_200)
    world.lease({"cpu": 1}, NOW, NOW + HOUR_S, "spot")
    world.lease({"memory": 1}, NOW + 60, NOW + HOUR_S, "spot")
    refused = refusal_of(lambda: world.lease({"cpu": 1, "memory": 1}, NOW, NOW + 60))
    assert isinstance(refused, NoticeTooShort)
    assert "earliest_start" not in refused.extra


def test_of_two_pools_the_longer_notice_counts() -> None:
    world = world_of()
    world.pool("cpu", 1, notice_s=60)
    world.pool("memory", 1, notice_s=120)
    world.lease({"cpu": 1, "memory": 1}, cls="spot")
    assert refusal_of(lambda: world.lease({"cpu": 1, "memory": 1}, NOW + 60)).extra["notice_s"] == 120
    world.lease({"cpu": 1}, NOW + 60)


def test_where_no_spot_stands_there_is_no_notice_to_wait_for() -> None:
    world = world_of(cpu=2)
    world.pool("cpu", 2, notice_s=3_600)
    world.lease({"cpu": 1}, cls="spot")
    assert world.lease({"cpu": 1}).start == NOW


def test_the_newest_spot_goes_first_and_no_more_than_must() -> None:
    world = world_of(cpu=4)
    first, second, third, fourth = (world.hour({"cpu": 1}, "spot") for _ in range(4))
    world.hour({"cpu": 2}, "house")
    assert states(world, first, second, third, fourth) == ["confirmed", "confirmed", "reclaimed", "reclaimed"]


def test_spot_that_would_not_help_stays() -> None:
    world = world_of(cpu=2)
    in_the_way = world.hour({"cpu": 2}, "spot")
    later = world.hour({"cpu": 2}, "spot", in_s=HOUR_S)
    world.hour({"cpu": 1}, "house")
    assert states(world, in_the_way, later) == ["reclaimed", "confirmed"]


def test_a_lease_that_goes_frees_all_its_kinds() -> None:
    world = world_of(cpu=2, memory=2)
    only_memory = world.hour({"memory": 1}, "spot")
    both = world.hour({"cpu": 2, "memory": 1}, "spot")
    world.hour({"cpu": 1, "memory": 1}, "house")
    assert states(world, only_memory, both) == ["confirmed", "reclaimed"]
    assert (world.free("cpu"), world.free("memory")) == (1, 0)


def test_several_kinds_may_need_several_to_go() -> None:
    world = world_of(cpu=1, memory=1)
    cpu, memory = world.hour({"cpu": 1}, "spot"), world.hour({"memory": 1}, "spot")
    world.hour({"cpu": 1, "memory": 1}, "house")
    assert states(world, cpu, memory) == ["reclaimed", "reclaimed"]


def test_spot_that_has_not_begun_is_cancelled_whole() -> None:
    world = world_of(cpu=1)
    spot = world.hour({"cpu": 1}, "spot", in_s=HOUR_S)
    world.lease({"cpu": 1}, NOW + HOUR_S + 1_800, NOW + 3 * HOUR_S)
    gone = world.known(spot)
    assert (gone.state, gone.start, gone.end, gone.charge) == ("reclaimed", NOW + HOUR_S, NOW + HOUR_S, 0)
    assert world.free("cpu", NOW + HOUR_S, NOW + HOUR_S + 1_800) == 1


def test_a_held_spot_lease_goes_at_once() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    held = world.lease({"cpu": 1}, cls="spot", hold_s=600)
    world.lease({"cpu": 1}, NOW + 300)
    gone = world.known(held)
    assert (gone.state, gone.end, gone.hold_until) == ("reclaimed", NOW, None)
    world.lease({"cpu": 1}, NOW, NOW + 300)


def test_one_that_runs_out_its_notice_can_be_cut_shorter_by_somebody_in_a_hurry() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.lease({"cpu": 1}, NOW + 600)
    assert world.known(spot).end == NOW + 600
    world.tick(100)
    house = world.lease({"cpu": 1}, NOW + 100, NOW + 600, "house")
    gone = world.known(spot)
    assert (gone.state, gone.end, gone.reason) == ("reclaimed", NOW + 100, f"made room for {house.id}")
    world.tick(HOUR_S)
    world.check_replay()


def test_one_that_runs_out_its_notice_can_be_cut_after_a_restart_too() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.lease({"cpu": 1}, NOW + 600)
    world.take_snapshot()
    world.restart()
    world.lease({"cpu": 1}, NOW, NOW + 600, "house")
    assert world.known(spot).end == NOW


def test_one_that_runs_out_its_notice_is_over_when_it_has() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 1, notice_s=300)
    spot = world.lease({"cpu": 1}, cls="spot")
    firm = world.lease({"cpu": 1}, NOW + 300)
    world.tick(300)
    world.release(firm)
    house = world.lease({"cpu": 1}, cls="house")
    assert world.known(spot).reason == f"makes room for {firm.id}"
    assert house.start == NOW + 300


def test_nobody_is_displaced_in_the_past() -> None:
    world = world_of(cpu=1)
    spot = world.lease({"cpu": 1}, cls="spot")
    world.tick(1_000)
    for cls in ("house", "firm"):
        lease = world.lease({"cpu": 1}, world.now - 60, world.now + 600, cls)  # type: ignore[arg-type]
        assert lease.start == world.now
        assert world.free("cpu", lease.start - 1) == 0  # and not less
        world.release(lease)
        world.tick(1_000)
        spot = world.lease({"cpu": 1}, cls="spot")
        world.tick(1_000)
    assert world.known(spot).state == "confirmed"


def test_spot_that_is_gone_already_does_not_hinder_who_starts_a_little_in_the_past() -> None:
    world = world_of(cpu=1)
    world.lease({"cpu": 1}, NOW, NOW + 100, "spot")
    world.tick(130)
    assert world.lease({"cpu": 1}, world.now - 60, cls="house").start == world.now


def test_a_start_within_the_last_minute_is_kept_where_nobody_is_displaced() -> None:
    world = world_of(cpu=1)
    world.tick(60)
    assert world.lease({"cpu": 1}, NOW, NOW + 120).start == NOW


@pytest.mark.parametrize("cls", ["house", "firm", "spot"])
def test_a_start_before_the_pool_came_into_being_means_now(cls: LeaseClass) -> None:
    world = world_of(cpu=1)
    assert world.lease({"cpu": 1}, NOW - 60, NOW + 60, cls).start == NOW


def test_spot_that_begins_this_very_second_makes_room_for_who_asked_a_second_ago() -> None:
    world = world_of(cpu=1)
    world.tick(100)
    spot = world.hour({"cpu": 1}, "spot")
    firm = world.lease({"cpu": 1}, world.now - 1)
    assert (world.known(spot).state, firm.start) == ("reclaimed", world.now)


# -- asks that can't be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (NOW - 61, NOW + 60, "start"),
        (NOW + HORIZON_S + 1, FOREVER, "start"),
        (NOW + 60, NOW + 60, "end"),
        (NOW + 60, NOW, "end"),
        (NOW - 60, NOW, "end"),
        (NOW, NOW + HORIZON_S + 1, "end"),
    ],
)
def test_an_interval_that_can_not_be_is_refused(start: int, end: int, field: str) -> None:
    refused = refusal_of(lambda: world_of(cpu=1).lease({"cpu": 1}, start, end))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == field


def test_an_interval_may_reach_fifty_years_ahead() -> None:
    assert world_of(cpu=1).lease({"cpu": 1}, NOW, NOW + HORIZON_S).end == NOW + HORIZON_S


def test_an_unknown_site_is_named() -> None:
    refused = refusal_of(lambda: world_of(cpu=1).lease({"cpu": 1}, site="wm-9"))
    assert isinstance(refused, UnknownSite)
    assert refused.extra["site"] == "wm-9"


def test_of_several_sites_the_first_that_can_grants() -> None:
    world = world_of(cpu=1)
    world.pool("cpu", 4, site="wm-2")
    world.pool("cpu", 4, site="wm-3")
    assert world.hour({"cpu": 2}, site=("wm-1", "wm-2", "wm-3")).site == "wm-2"


def test_when_no_site_can_all_say_why() -> None:
    world = world_of(cpu=1)
    world.site("wm-2")
    refused = refusal_of(lambda: world.hour({"cpu": 2}, site=("wm-1", "wm-2")))
    assert isinstance(refused, NoCapacity)
    assert refused.extra["refused"] == {"wm-1": "no-capacity", "wm-2": "no-capacity"}
    assert reasons_of(refused) == [("cpu", "full")]
