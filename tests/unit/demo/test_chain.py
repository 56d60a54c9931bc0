"""The demo chain: real cities, plausible stores, and the same each time."""

import re
from collections import Counter
from random import Random

import pytest

from maillage.demo.chain import OFFSET_KM_MAX, STORE_TYPES, PoolPlan, capacity_of, generate_sites
from maillage.kernel.calendars import WeeklyCalendar
from maillage.kernel.kinds import DEFAULT_KINDS
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.site_files import form_of, open_site_file, read_sites
from maillage.kernel.sites import AttributeValue, Site, checked_site
from tests.shared_data import shared_file

KINDS = [kind.name for kind in DEFAULT_KINDS]


@pytest.fixture(scope="module")
def chain() -> list[Site]:
    return generate_sites()


def store(**attributes: AttributeValue) -> Site:
    return Site(id="a", name="A", lat=36.3, lon=-94.1, tz="America/Chicago", attributes=attributes)


def plans_of(site: Site, seed: int = 1) -> dict[str, PoolPlan]:
    return {plan.kind: plan for plan in capacity_of(site, Random(seed))}


def test_the_chain_has_as_many_stores_as_asked_each_of_them_sound(chain: list[Site]) -> None:
    assert [site.id for site in chain] == [f"st-{number:05d}" for number in range(1, 5_001)]
    for site in chain:
        checked_site(site)


def test_the_same_seed_gives_the_same_chain_and_another_seed_another(chain: list[Site]) -> None:
    assert generate_sites() == chain
    assert generate_sites(seed=2) != chain


def test_stores_stand_where_people_are(chain: list[Site]) -> None:
    by_region = Counter(site.region for site in chain)
    assert by_region.most_common(1)[0][0] == "CA"
    assert {region for region, _ in by_region.most_common(4)} == {"CA", "NY", "TX", "FL"}
    assert {"AK", "HI"} <= set(by_region)
    assert {site.country for site in chain} == {"US"}
    assert {site.tz for site in chain} >= {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"}


def test_a_store_is_named_after_its_city_and_stands_near_it(chain: list[Site]) -> None:
    chicago = [site for site in chain if re.fullmatch(r"Chicago \d+", site.name)]
    assert chicago[0].name == "Chicago 1"
    assert len({(site.lat, site.lon) for site in chicago}) == len(chicago) > 10
    for site in chicago:
        assert abs(site.lat - 41.85) < OFFSET_KM_MAX / 111
        assert abs(site.lon + 87.65) < OFFSET_KM_MAX / 111 / 0.74


def test_no_two_stores_share_a_name(chain: list[Site]) -> None:
    assert len({site.name for site in chain}) == len(chain)


def test_most_stores_are_of_the_largest_type_and_only_some_have_a_clinic(chain: list[Site]) -> None:
    types = Counter(site.attributes["type"] for site in chain)
    assert [name for name, _ in types.most_common()] == list(STORE_TYPES)
    clinics = sum(site.attributes["has_clinic"] is True for site in chain)
    assert 0.1 < clinics / len(chain) < 0.4


def test_a_chain_of_no_stores_is_empty() -> None:
    assert generate_sites(0) == []


def test_a_large_store_with_a_clinic_offers_every_kind() -> None:
    assert sorted(plans_of(store(type="Supercenter", has_clinic=True))) == sorted(KINDS)


def test_a_store_without_a_clinic_sees_no_patients() -> None:
    assert "visit" not in plans_of(store(type="Supercenter", has_clinic=False))
    assert "visit" not in plans_of(store(type="Supercenter"))


def test_a_larger_type_offers_more() -> None:
    large, middle, small = (plans_of(store(type=name)) for name in STORE_TYPES)
    for kind in ("cpu", "pallet_ambient", "pickup_slot"):
        assert large[kind].size > middle[kind].size > small[kind].size


def test_a_store_of_unknown_type_is_taken_for_a_small_one() -> None:
    assert plans_of(store(type="Gas")) == plans_of(store(type="Express"))
    assert plans_of(store()) == plans_of(store(type="Express"))


def test_slots_and_visits_follow_opening_hours_and_the_rest_is_always_there() -> None:
    plans = plans_of(store(type="Supercenter", has_clinic=True))
    calendars = {kind: plan.calendar for kind, plan in plans.items() if plan.calendar is not None}
    assert sorted(calendars) == ["delivery_slot", "pickup_slot", "visit"]
    assert calendars["pickup_slot"]["sun"] == [("08:00", "20:00")]
    assert list(calendars["visit"]) == ["mon", "tue", "wed", "thu", "fri"]
    for calendar in calendars.values():
        assert WeeklyCalendar(calendar).document() == calendar


def test_spot_leases_of_computers_get_half_a_minute_and_of_pallets_an_hour() -> None:
    plans = plans_of(store(type="Supercenter", has_clinic=True))
    assert {plans[kind].notice_s for kind in ("cpu", "memory", "gpu", "disk")} == {30}
    assert {plan.notice_s for kind, plan in plans.items() if kind.startswith("pallet_")} == {3_600}
    assert plans["dock"].notice_s == plans["visit"].notice_s == 0


def test_every_store_of_a_real_chain_gets_pools_that_can_be_set_up() -> None:
    path = shared_file("data/sites/walmart_us_2018.csv")
    with open_site_file(path) as stream:
        sites = [site for site in read_sites(stream, form_of(path.name)) if isinstance(site, Site)]
    random = Random(1)
    for site in sites:
        plans = capacity_of(site, random)
        assert {plan.kind for plan in plans} <= set(KINDS)
        assert len(plans) >= 10
        for plan in plans:
            to_thousandths(plan.size, plan.kind)
