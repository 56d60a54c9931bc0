"""One ask for several sites: a lease at each of them, or nothing anywhere."""

from typing import Any

import pytest

from maillage.kernel.errors import Invalid, KeyReused, KeyVoid, NoCapacity, PriceAboveCap, Refusal, UnknownSite
from maillage.kernel.events import Leased, Reclaimed
from maillage.kernel.grants import Order, grant_all, item_key
from maillage.kernel.leases import Lease
from maillage.kernel.ledger import KEY_WINDOW_S
from maillage.kernel.moves import void
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import HOUR_S
from tests.kernel_world import NOW, World, ask_for, refusal_of

SITES = ("s-1", "s-2", "s-3", "s-4")


def chain(book: PriceBook | None = None, **pool: Any) -> World:
    """Four sites with 4 cpu each."""
    world = World(book or PriceBook())
    for site in SITES:
        world.pool("cpu", 4, site, **pool)
    return world


@pytest.fixture
def world() -> World:
    return chain()


def ask_all(
    world: World,
    cpu: float,
    *sites: str,
    count: int | None = None,
    key: str | None = None,
    body: str = "body",
    tenant: str = "acme",
    start: int | None = NOW,
    **more: Any,
) -> list[Lease]:
    """An hour from the beginning on, at so many of these sites; at each of them unless told otherwise."""
    ask = ask_for({"cpu": cpu}, start, NOW + HOUR_S, **more)
    order = Order(tenant, ask, sites, key, None if key is None else body)
    leases: list[Lease] = world.do(lambda scribe: grant_all(scribe, order, len(sites) if count is None else count))
    return leases


def refused(world: World, *words: Any, **more: Any) -> Refusal:
    """The refusal, once it is seen that it changed nothing."""
    events = len(world.events)
    refusal = refusal_of(lambda: ask_all(world, *words, **more))
    assert len(world.events) == events
    world.check_replay()
    return refusal


# -- all or nothing ----------------------------------------------------------------------------------------------------


def test_each_site_grants_a_lease_of_the_whole_ask(world: World) -> None:
    leases = ask_all(world, 3, *SITES)
    assert [lease.site for lease in leases] == list(SITES)
    assert all(lease.needs == {"cpu": 3_000} and lease.state == "confirmed" for lease in leases)
    assert [world.free("cpu", site=site) for site in SITES] == [1, 1, 1, 1]
    world.check_replay()


def test_where_one_site_is_full_nothing_is_taken_anywhere(world: World) -> None:
    world.hour({"cpu": 2}, site="s-3")
    refusal = refused(world, 3, *SITES)
    assert isinstance(refusal, NoCapacity)
    assert (refusal.extra["able"], refusal.extra["count"]) == (3, 4)
    assert refusal.extra["refused"] == {"s-3": "no-capacity"}
    assert "2 of 4 cpu" in refusal.detail and refusal.extra["reasons"][0].kind == "cpu"
    assert [world.free("cpu", site=site) for site in SITES] == [4, 4, 2, 4]


def test_of_more_sites_than_wanted_the_first_that_can_are_taken(world: World) -> None:
    world.hour({"cpu": 2}, site="s-1")
    assert [lease.site for lease in ask_all(world, 3, *SITES, count=2)] == ["s-2", "s-3"]
    assert world.free("cpu", site="s-4") == 4


def test_a_site_is_never_taken_twice_even_if_it_is_named_twice(world: World) -> None:
    refusal = refused(world, 3, "s-1", "s-1", "s-1")
    assert isinstance(refusal, NoCapacity) and refusal.extra["able"] == 1
    assert [lease.site for lease in ask_all(world, 3, "s-1", "s-1", "s-2", count=2)] == ["s-1", "s-2"]


def test_a_site_that_does_not_exist_is_a_mistake_of_the_ask_not_a_want_of_room(world: World) -> None:
    assert isinstance(refused(world, 1, "s-1", "nowhere"), UnknownSite)


def test_the_attributes_must_be_those_of_every_site(world: World) -> None:
    world.site("s-2", has_clinic=True)
    refusal = refused(world, 1, "s-2", "s-3", attributes={"has_clinic": True})
    assert refusal.extra["refused"] == {"s-3": "no-capacity"}


def test_the_time_is_looked_at_before_any_site(world: World) -> None:
    world.clock.advance(2 * HOUR_S)
    assert isinstance(refused(world, 1, *SITES), Invalid)


def test_without_a_start_all_begin_at_the_same_instant(world: World) -> None:
    world.clock.advance(7)
    assert {lease.start for lease in ask_all(world, 1, *SITES, start=None)} == {NOW + 7}


def test_holds_run_out_together_and_at_the_latest_with_their_leases(world: World) -> None:
    leases = ask_all(world, 1, "s-1", "s-2", hold_s=60)
    assert [(lease.state, lease.hold_until) for lease in leases] == [("held", NOW + 60)] * 2
    assert {lease.hold_until for lease in ask_all(world, 1, "s-1", "s-2", hold_s=2 * HOUR_S)} == {NOW + HOUR_S}
    world.confirm(leases[0].id)
    world.tick(60)
    assert [world.known(lease.id).state for lease in leases] == ["confirmed", "expired"]


# -- price -------------------------------------------------------------------------------------------------------------

BOOK = PriceBook(entries=[PriceEntry("cpu", "1"), PriceEntry("cpu", "3", site="s-2")])


def test_each_lease_has_the_price_of_its_site_and_the_cap_is_for_each() -> None:
    world = chain(BOOK)
    leases = ask_all(world, 2, "s-1", "s-2", max_price="6")
    assert [lease.per_hour for lease in leases] == [2_000_000, 6_000_000]
    refusal = refused(world, 2, "s-1", "s-2", max_price="5.999999")
    assert refusal.extra["refused"] == {"s-2": PriceAboveCap.slug}
    assert "above the cap" in refusal.detail


# -- spot makes room ---------------------------------------------------------------------------------------------------


def test_the_house_takes_back_spot_at_each_site_that_needs_it(world: World) -> None:
    spot = [world.hour({"cpu": 2}, "spot", site=site) for site in ("s-1", "s-3", "s-3")]
    leases = ask_all(world, 4, "s-1", "s-2", "s-3", cls="house")
    assert [world.known(lease).state for lease in spot] == ["reclaimed"] * 3
    by = {event.lease: event.by for event in world.events if isinstance(event, Reclaimed)}
    assert by == {spot[0].id: leases[0].id, spot[1].id: leases[2].id, spot[2].id: leases[2].id}
    world.check_replay()


def test_where_one_site_refuses_no_spot_lease_goes_anywhere(world: World) -> None:
    spot = world.hour({"cpu": 2}, "spot", site="s-1")
    world.hour({"cpu": 4}, site="s-2")
    assert refused(world, 4, "s-1", "s-2", cls="house").extra["refused"] == {"s-2": "no-capacity"}
    assert world.known(spot).state == "confirmed"


def test_a_firm_ask_waits_for_the_notice_of_the_site_that_needs_it_most() -> None:
    world = chain(notice_s=600)
    spot = world.lease({"cpu": 2}, cls="spot", site="s-2")
    refusal = refused(world, 4, "s-1", "s-2")
    assert refusal.extra["refused"] == {"s-2": "notice-too-short"}
    assert [lease.site for lease in ask_all(world, 4, "s-1", "s-2", "s-3", count=2)] == ["s-1", "s-3"]
    ask_all(world, 4, "s-2", "s-4", start=NOW + 600)
    assert (world.known(spot).state, world.known(spot).end) == ("reclaimed", NOW + 600)


# -- repeating ---------------------------------------------------------------------------------------------------------


def test_a_repeat_with_its_key_gets_the_same_leases_and_changes_nothing(world: World) -> None:
    first = [lease.id for lease in ask_all(world, 3, *SITES, count=3, key="order-7")]
    events = len(world.events)
    world.clock.advance(HOUR_S - 1)
    assert [lease.id for lease in ask_all(world, 3, *SITES, count=3, key="order-7")] == first
    world.restart()
    assert [lease.id for lease in ask_all(world, 3, *SITES, count=3, key="order-7")] == first
    assert len(world.events) == events


def test_a_repeat_finds_its_leases_whatever_sites_are_offered_by_now(world: World) -> None:
    first = [lease.id for lease in ask_all(world, 3, "s-1", "s-2", key="order-7")]
    assert [lease.id for lease in ask_all(world, 3, "s-4", count=2, key="order-7")] == first
    assert [lease.id for lease in ask_all(world, 3, count=2, key="order-7")] == first


def test_a_repeat_shows_what_has_become_of_each(world: World) -> None:
    leases = ask_all(world, 3, "s-1", "s-2", key="order-7")
    world.release(leases[1])
    assert [lease.state for lease in ask_all(world, 3, "s-1", "s-2", key="order-7")] == ["confirmed", "released"]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_key_with_another_body_is_refused_however_many_it_asks_for(world: World, count: int) -> None:
    first = ask_all(world, 1, *SITES, count=3, key="order-7", body="one")
    refusal = refused(world, 1, *SITES, count=count, key="order-7", body="two")
    assert isinstance(refusal, KeyReused) and refusal.extra["lease"] == first[0].id
    single = refusal_of(lambda: world.hour({"cpu": 1}, site="s-4", key="order-7", body="two"))
    assert isinstance(single, KeyReused)


def test_a_key_that_got_one_lease_does_not_get_several(world: World) -> None:
    world.hour({"cpu": 1}, site="s-1", key="order-7", body="one")
    assert isinstance(refused(world, 1, "s-1", "s-2", key="order-7", body="two"), KeyReused)


@pytest.mark.parametrize("other", ["order-7/1", "order-7#1", "order-7 1", "order-71"])
def test_no_key_that_a_caller_may_choose_meets_that_of_one_of_several(world: World, other: str) -> None:
    world.hour({"cpu": 1}, site="s-4", key=other, body="one")
    leases = ask_all(world, 1, "s-1", "s-2", key="order-7", body="two")
    assert len(leases) == 2
    assert not item_key("order-7", 1).isprintable()


def test_the_key_is_remembered_for_a_day_and_then_granted_anew(world: World) -> None:
    first = ask_all(world, 1, "s-1", "s-2", key="order-7")
    world.clock.set(NOW + KEY_WINDOW_S)
    ask = ask_for({"cpu": 1})
    order = Order("acme", ask, ("s-1", "s-2"), "order-7", "another")
    again = world.do(lambda scribe: grant_all(scribe, order, 2))
    assert {lease.id for lease in again}.isdisjoint({lease.id for lease in first})


def test_a_refusal_is_not_remembered(world: World) -> None:
    filling = world.hour({"cpu": 4}, site="s-2")
    refused(world, 1, "s-1", "s-2", key="order-7")
    world.release(filling)
    assert len(ask_all(world, 1, "s-1", "s-2", key="order-7", body="another")) == 2


def test_each_lease_is_in_the_journal_with_a_key_of_its_own(world: World) -> None:
    ask_all(world, 1, "s-1", "s-2", "s-3", key="order-7")
    keys = [event.key for event in world.events if isinstance(event, Leased)]
    assert keys[0] == "order-7" and len(set(keys)) == 3


def test_a_key_that_was_made_void_gets_none_of_the_several(world: World) -> None:
    world.do(lambda scribe: void(scribe, "s-1", "acme", "order-7"))
    assert isinstance(refused(world, 1, "s-1", "s-2", key="order-7"), KeyVoid)
