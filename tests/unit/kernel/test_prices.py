"""Prices: which entry of the book counts, and what a lease costs by it."""

import pytest

from maillage.kernel.errors import Invalid, PriceAboveCap, UnknownKind
from maillage.kernel.leases import Lease
from maillage.kernel.policy import Policy
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook, PriceEntry, Pricing
from maillage.kernel.times import DAY_S, HOUR_S, WEEK_S
from tests.kernel_world import NOW, World, at, refusal_of

CHEAP_NIGHTS = PriceBook(
    entries=[
        PriceEntry("cpu", "1.00"),
        PriceEntry("cpu", "0.50", hours=[(day * 24, day * 24 + 8) for day in range(7)]),
    ]
)


def world_of(*entries: PriceEntry, size: float = 10, tz: str = "Etc/UTC", region: str = "") -> World:
    world = World(PriceBook(entries=list(entries)))
    world.site(tz=tz, region=region)
    world.pool("cpu", size)
    world.pool("memory", size)
    return world


def test_a_kind_without_an_entry_costs_nothing() -> None:
    assert world_of().hour({"cpu": 4}).per_hour == 0


def test_all_kinds_of_a_lease_are_paid_by_their_quantity() -> None:
    world = world_of(PriceEntry("cpu", "0.042"), PriceEntry("memory", "0.0056"))
    assert world.hour({"cpu": 2, "memory": 0.5}).per_hour == 2 * 42_000 + 2_800


def test_half_a_micro_unit_is_rounded_up() -> None:
    world = world_of(PriceEntry("cpu", "0.000001"))
    assert [world.hour({"cpu": quantity}).per_hour for quantity in (0.499, 0.5, 1.499, 1.5)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("entries", "price"),
    [
        ([PriceEntry("cpu", "1")], 1_000_000),
        ([PriceEntry("cpu", "1"), PriceEntry("cpu", "2", region="AR")], 2_000_000),
        ([PriceEntry("cpu", "2", region="AR"), PriceEntry("cpu", "1")], 2_000_000),
        ([PriceEntry("cpu", "1"), PriceEntry("cpu", "2", region="TX")], 1_000_000),
        ([PriceEntry("cpu", "3", site="wm-1"), PriceEntry("cpu", "2", region="AR")], 3_000_000),
        ([PriceEntry("cpu", "3", site="wm-2"), PriceEntry("cpu", "2", region="AR")], 2_000_000),
        ([PriceEntry("cpu", "2", region="AR"), PriceEntry("cpu", "4", hours=[(0, 168)])], 2_000_000),
        ([PriceEntry("cpu", "2", region="AR"), PriceEntry("cpu", "5", region="AR", hours=[(32, 33)])], 5_000_000),
        ([PriceEntry("cpu", "2"), PriceEntry("cpu", "5", hours=[(33, 34)])], 2_000_000),
        ([PriceEntry("cpu", "1"), PriceEntry("cpu", "2")], 2_000_000),
        ([PriceEntry("cpu", "9", "spot"), PriceEntry("cpu", "9", "house")], 0),
    ],
)
def test_the_most_specific_entry_counts_and_of_equals_the_last(entries: list[PriceEntry], price: int) -> None:
    # The world begins on a Tuesday at 08:00: hour 32 of the week.
    assert world_of(*entries, region="AR").hour({"cpu": 1}).per_hour == price


def test_hours_are_those_of_the_clock_of_the_store() -> None:
    entries = PriceEntry("cpu", "1"), PriceEntry("cpu", "7", hours=[(26, 27)])  # Tuesday 02:00, 08:00 UTC in Chicago
    assert world_of(*entries, tz="America/Chicago").hour({"cpu": 1}).per_hour == 7_000_000
    assert world_of(*entries, tz="Etc/UTC").hour({"cpu": 1}).per_hour == 1_000_000


def test_a_lease_over_several_hours_costs_their_mean() -> None:
    world = world_of(*CHEAP_NIGHTS.entries)
    evening = at("2026-12-01T22:00:00Z")
    assert world.lease({"cpu": 1}, evening, evening + 4 * HOUR_S).per_hour == 750_000
    half_past = at("2026-12-02T07:30:00Z")
    assert world.lease({"cpu": 1}, half_past, half_past + 2 * HOUR_S).per_hour == 875_000
    day = world.lease({"cpu": 1}, evening, evening + DAY_S).per_hour
    assert day == round((16 * 1_000_000 + 8 * 500_000) / 24)
    assert world.lease({"cpu": 1}, evening, evening + 52 * WEEK_S).per_hour == day
    assert world.lease({"cpu": 1}).per_hour == day


def test_the_hour_that_comes_twice_is_paid_twice() -> None:
    entries = PriceEntry("cpu", "1"), PriceEntry("cpu", "4", hours=[(145, 146)])  # Sunday 01:00 to 02:00
    world = world_of(*entries, tz="America/Chicago")
    midnight = at("2027-11-07T00:00:00-05:00")
    assert world.lease({"cpu": 1}, midnight, midnight + 4 * HOUR_S).per_hour == (1 + 4 + 4 + 1) * 1_000_000 // 4


def test_spot_costs_its_floor_in_an_empty_pool_and_nears_the_list_as_it_fills() -> None:
    world = world_of(PriceEntry("cpu", "1.00"), PriceEntry("cpu", "0.20", "spot"), size=10)
    assert world.hour({"cpu": 1}, "spot").per_hour == 200_000
    world.hour({"cpu": 4}, "firm")
    assert world.hour({"cpu": 1}, "spot").per_hour == 200_000 + 800_000 * 5 // 10
    world.hour({"cpu": 3}, "spot")
    assert world.hour({"cpu": 1}, "spot").per_hour == 200_000 + 800_000 * 9 // 10


def test_a_floor_above_the_list_stays_where_it_is() -> None:
    world = world_of(PriceEntry("cpu", "1.00"), PriceEntry("cpu", "3.00", "spot"), size=2)
    world.hour({"cpu": 1})
    assert world.hour({"cpu": 1}, "spot").per_hour == 3_000_000


def test_what_was_granted_keeps_its_price_when_the_book_changes() -> None:
    world = world_of(PriceEntry("cpu", "1.00"))
    before = world.hour({"cpu": 1})
    world.policy.replace_book(PriceBook(entries=[PriceEntry("cpu", "9.00")]))
    assert world.extend(before, before.end + HOUR_S).per_hour == 1_000_000
    assert world.hour({"cpu": 1}).per_hour == 9_000_000


def test_a_cap_is_met_exactly_and_missed_by_a_micro_unit() -> None:
    world = world_of(PriceEntry("cpu", "1.25"))
    two_hours: dict[str, int] = {"start": NOW, "end": NOW + 2 * HOUR_S}
    assert world.lease({"cpu": 2}, **two_hours, max_price="5").per_hour == 2_500_000
    refused = refusal_of(lambda: world.lease({"cpu": 2}, **two_hours, max_price="4.999999"))
    assert isinstance(refused, PriceAboveCap)
    assert (refused.extra["amount"], refused.extra["max_price"]) == ("5.00", "4.999999")


def test_the_cap_of_an_open_lease_is_on_its_hour() -> None:
    world = world_of(PriceEntry("cpu", "1.25"))
    assert world.lease({"cpu": 2}, max_price="2.50").per_hour == 2_500_000
    with pytest.raises(PriceAboveCap):
        world.lease({"cpu": 2}, max_price="2.49")


def test_an_ask_above_its_cap_displaces_nobody() -> None:
    world = world_of(PriceEntry("cpu", "1.00"), size=1)
    spot: Lease = world.hour({"cpu": 1}, "spot")
    with pytest.raises(PriceAboveCap):
        world.hour({"cpu": 1}, "firm", max_price="0.50")
    assert world.known(spot).state == "confirmed"


@pytest.mark.parametrize(
    ("book", "field"),
    [
        (PriceBook("EURO"), "currency"),
        (PriceBook("usd"), "currency"),
        (PriceBook(reclaim_credit_s=-1), "reclaim_credit_s"),
        (PriceBook(reclaim_credit_s=31 * DAY_S), "reclaim_credit_s"),
        (PriceBook(entries=[PriceEntry("cpu", "a lot")]), "entries[0].per_unit_hour"),
        (PriceBook(entries=[PriceEntry("cpu", "1"), PriceEntry("cpu", "-1")]), "entries[1].per_unit_hour"),
        (PriceBook(entries=[PriceEntry("cpu", "1", hours=[(8, 8)])]), "entries[0].hours"),
        (PriceBook(entries=[PriceEntry("cpu", "1", hours=[(160, 169)])]), "entries[0].hours"),
        (PriceBook(entries=[PriceEntry("cpu", "1")] * 10_001), "entries"),
    ],
)
def test_a_book_that_can_not_be_is_refused_by_the_field_that_is_wrong(book: PriceBook, field: str) -> None:
    refused = refusal_of(lambda: Pricing(book))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == field


def test_a_book_that_names_no_known_kind_changes_nothing() -> None:
    policy = Policy()
    with pytest.raises(UnknownKind):
        policy.replace_book(PriceBook(entries=[PriceEntry("teleport", "1")]))
    assert policy.pricing.book is DEFAULT_BOOK
