"""Network path before distance: the site whose roof serves a device is the first to be found for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.asks import Ask, Near
from maillage.kernel.network_paths import NetworkPaths, Path, Served
from maillage.kernel.search import Found
from maillage.kernel.times import HOUR_S
from tests.kernel_world import NOW, ask_for
from tests.unit.kernel.test_find import BENTONVILLE, Chain

DEVICE, STRANGER = "10.40.1.7", "203.0.113.7"
RANGE = "10.40.0.0/16"
NETWORK = Path("network", f"{RANGE} breaks out at the roof of s-4")


@pytest.fixture
def chain() -> Chain:
    """Six sites in a row, of which the fourth serves the device."""
    chain = Chain()
    chain.row(6, cpu=4)
    chain.finder.paths.replace([(RANGE, "s-4")])
    return chain


def near(device: str | None = DEVICE, cpu: float = 1, limit: int = 3, within_km: float | None = None) -> Ask:
    place = Near(*BENTONVILLE, within_km=within_km, device=device)
    return ask_for({"cpu": cpu}, NOW, NOW + HOUR_S, near=place, limit=limit)


def sites(found: Found) -> list[str]:
    return [match.site for match in found.matches]


def path(found: Found, number: int = 0) -> Path:
    assert found.routed is not None
    return found.routed.path(found.matches[number].site)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_narrowest_range_says_who_serves_a_device() -> None:
    paths = NetworkPaths()
    paths.replace([("10.0.0.0/8", "wm-1"), (RANGE, "wm-2"), ("2001:db8:40::/48", "wm-3")])
    assert paths.site_of("10.1.1.1") == Served("wm-1", "10.0.0.0/8")
    assert paths.site_of(DEVICE) == paths.site_of(f"::ffff:{DEVICE}") == Served("wm-2", RANGE)
    assert paths.site_of("2001:db8:40::7") == Served("wm-3", "2001:db8:40::/48")
    assert paths.site_of("2001:db8:41::7") is None


def test_a_range_that_two_claim_goes_to_the_first() -> None:
    paths = NetworkPaths()
    paths.replace([(RANGE, "wm-1"), (RANGE, "wm-2")])
    assert paths.site_of(DEVICE) == Served("wm-1", RANGE)


def test_a_replaced_table_says_nothing_of_what_was_in_it_before() -> None:
    paths = NetworkPaths()
    assert not paths and paths.site_of(DEVICE) is None
    paths.replace([(RANGE, "wm-1")])
    with pytest.raises(ValueError, match="host bits"):
        paths.replace([("10.41.0.0/16", "wm-1"), ("10.42.0.1/16", "wm-2")])
    assert paths.site_of(DEVICE) and not paths.site_of("10.41.0.1")
    paths.replace([])
    assert not paths and paths.site_of(DEVICE) is None


# -- finding -----------------------------------------------------------------------------------------------------------


def test_the_site_that_serves_the_device_comes_before_the_nearest(chain: Chain) -> None:
    found = chain.finder.find(near(), NOW)
    assert sites(found) == ["s-4", "s-1", "s-2"]
    assert [match.distance_km for match in found.matches] == pytest.approx([30, 0, 10], abs=0.001)
    assert path(found) == NETWORK
    assert path(found, 1) == Path("distance", f"comes after s-4, whose roof serves {RANGE}")
    assert found.passed_over == {}


def test_one_match_is_the_serving_site_and_nobody_nearer_was_passed_over(chain: Chain) -> None:
    chain.lease({"cpu": 4}, site="s-1")
    for _ in range(2):  # the second with what the first has learnt
        found = chain.finder.find(near(limit=1), NOW)
        assert sites(found) == ["s-4"] and found.passed_over == {}


def test_a_device_that_no_roof_serves_is_found_by_distance(chain: Chain) -> None:
    found = chain.finder.find(near(STRANGER), NOW)
    assert sites(found) == ["s-1", "s-2", "s-3"]
    assert path(found) == Path("distance", f"no roof serves {STRANGER}")


def test_without_a_device_nothing_is_said_of_paths(chain: Chain) -> None:
    found = chain.finder.find(near(None), NOW)
    assert sites(found) == ["s-1", "s-2", "s-3"] and found.routed is None


def test_a_serving_site_that_is_full_is_passed_over_and_the_reason_shown(chain: Chain) -> None:
    chain.lease({"cpu": 4}, site="s-4")
    for _ in range(3):
        found = chain.finder.find(near(), NOW)
        assert sites(found) == ["s-1", "s-2", "s-3"]
        assert path(found) == Path("distance", f"s-4, whose roof serves {RANGE}, is passed over: full:cpu")
        assert found.passed_over == {"full:cpu": 1}


def test_the_reach_that_was_asked_holds_for_the_serving_site_too(chain: Chain) -> None:
    found = chain.finder.find(near(within_km=25), NOW)
    assert sites(found) == ["s-1", "s-2", "s-3"]
    assert path(found) == Path("distance", f"s-4, whose roof serves {RANGE}, lies beyond the reach asked")
    assert sites(chain.finder.find(near(within_km=31), NOW))[0] == "s-4"


def test_a_serving_site_that_is_shut_or_unknown_is_not_taken(chain: Chain) -> None:
    chain.finder.shut = lambda site: "out_of_reach" if site == "s-4" else None
    found = chain.finder.find(near(), NOW)
    assert sites(found) == ["s-1", "s-2", "s-3"]
    assert path(found).reason.endswith("is passed over: out_of_reach")
    chain.finder.paths.replace([(RANGE, "wm-9")])
    found = chain.finder.find(near(), NOW)
    assert path(found) == Path("distance", f"wm-9, whose roof serves {RANGE}, is not known here")


def test_what_a_hub_holds_at_a_store_that_is_cut_off_is_on_its_path(chain: Chain) -> None:
    chain.site("s-4~h1", BENTONVILLE[0] + 0.27, BENTONVILLE[1])
    chain.pool("cpu", 4, "s-4~h1")
    chain.finder.shut = lambda site: "out_of_reach" if site == "s-4" else None
    found = chain.finder.find(near(), NOW)
    assert sites(found)[0] == "s-4~h1" and path(found) == NETWORK


def test_many_are_found_as_each_by_itself(chain: Chain) -> None:
    chain.lease({"cpu": 3}, site="s-4")
    asks = [near(), near(None), near(STRANGER), near(cpu=2), near(limit=1), near(within_km=5)]
    together = chain.finder.find_many(asks, NOW)
    alone = [chain.finder.find(ask, NOW) for ask in asks]
    assert [sites(found) for found in together] == [sites(found) for found in alone]
    assert [found.routed for found in together] == [found.routed for found in alone]


@given(st.sets(st.integers(1, 12)), st.integers(1, 12), st.integers(1, 8), st.sampled_from([None, 15.0, 45.0, 200.0]))
def test_the_serving_site_moves_to_the_front_and_nothing_else_changes(
    full: set[int], serving: int, limit: int, within_km: float | None
) -> None:
    chain = Chain()
    chain.row(12, cpu=4)
    for number in full:
        chain.lease({"cpu": 4}, site=f"s-{number}")
    chain.finder.paths.replace([(RANGE, f"s-{serving}")])
    for _ in range(2):
        plain = sites(chain.finder.find(near(None, 2, 12, within_km), NOW))
        served = f"s-{serving}"
        expected = [served] + [site for site in plain if site != served] if served in plain else plain
        assert sites(chain.finder.find(near(DEVICE, 2, limit, within_km), NOW)) == expected[:limit]
        (found,) = chain.finder.find_many([near(DEVICE, 2, limit, within_km)], NOW)
        assert sites(found) == expected[:limit]
