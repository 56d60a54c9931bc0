"""Where a session should be: examples on a line of stores, and what holds on any way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.geo import unit_vector
from maillage.services.compute.follow.motion import Motion
from maillage.services.compute.follow.policy import Rules, choose
from maillage.services.compute.follow.stores import Stores
from tests.unit.services.compute.follow.follow_world import along, store

STORES = Stores([store(number) for number in range(4)])
PAIR = Stores([store(0), store(1)])
LONG_AGO = 1 << 30


def at(km: float) -> tuple[float, float, float]:
    return unit_vector(*along(km))


def test_another_store_has_to_be_nearer_by_more_than_the_hysteresis() -> None:
    rules = Rules(hysteresis_km=1)
    assert choose(rules, STORES, at(5.4), "s0", LONG_AGO) == []
    assert choose(rules, STORES, at(5.6), "s0", LONG_AGO) == ["s1"]


def test_without_hysteresis_the_nearest_is_taken() -> None:
    assert choose(Rules(hysteresis_km=0), STORES, at(5.1), "s0", LONG_AGO) == ["s1"]


def test_the_best_comes_first_and_those_not_worth_a_move_are_left_out() -> None:
    assert choose(Rules(), STORES, at(21), "s0", LONG_AGO) == ["s2", "s3", "s1"]


def test_a_session_stays_for_the_dwell_time() -> None:
    rules = Rules(dwell_s=60)
    assert choose(rules, STORES, at(10), "s0", 59) == []
    assert choose(rules, STORES, at(10), "s0", 60) == ["s1"]


def test_from_beyond_the_bound_a_store_within_is_taken_whatever_the_hysteresis() -> None:
    rules = Rules(bound_km=5, hysteresis_km=3)
    assert choose(rules, STORES, at(4.9), "s0", LONG_AGO) == []
    assert choose(rules, STORES, at(5.2), "s0", LONG_AGO) == ["s1"]


def test_where_no_store_is_within_the_bound_the_nearest_serves_by_the_usual_rule() -> None:
    rules = Rules(bound_km=1, hysteresis_km=1)
    assert choose(rules, STORES, at(5.4), "s0", LONG_AGO) == []
    assert choose(rules, STORES, at(7), "s0", LONG_AGO) == ["s1"]
    assert choose(rules, STORES, at(200), "", LONG_AGO) == ["s3", "s2", "s1", "s0"]


def test_a_store_that_is_no_more_is_left() -> None:
    assert choose(Rules(dwell_s=60), STORES, at(0), "closed", 0)[0] == "s0"


def test_prediction_looks_ahead_by_the_speed_of_late() -> None:
    motion = Motion(Rules(predict_s=60))
    motion.take(0, *along(0), 0)
    ahead = motion.take(60, *along(1), 60)
    assert ahead is not None
    assert STORES.km_to("s0", ahead) == pytest.approx(2, rel=1e-4)


ways = st.lists(st.floats(-2, 12), min_size=2, max_size=60)


def moves(rules: Rules, way: list[float]) -> int:
    """How often a session goes from one of two stores to the other."""
    current, count = "", 0
    for km in way:
        sites = choose(rules, PAIR, at(km), current, LONG_AGO)
        if sites:
            count += bool(current)
            current = sites[0]
    return count


@given(ways, st.floats(0, 12), st.floats(0, 12))
def test_between_two_stores_more_hysteresis_never_moves_more(way: list[float], one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert moves(Rules(hysteresis_km=more), way) <= moves(Rules(hysteresis_km=less), way)


@given(
    st.floats(-50, 80), st.sampled_from(["s0", "s1", "s2", "s3"]), st.floats(0.1, 40), st.floats(0, 20),
    st.integers(0, 200), st.integers(0, 200),
)  # fmt: skip
def test_each_move_has_its_reason(
    km: float, current: str, bound_km: float, hysteresis_km: float, dwell_s: int, dwelt_s: int
) -> None:
    rules = Rules(bound_km, hysteresis_km, dwell_s)
    here_km = STORES.km_to(current, at(km))
    assert here_km is not None
    sites = choose(rules, STORES, at(km), current, dwelt_s)
    assert not sites or dwelt_s >= dwell_s
    assert current not in sites
    distances = [STORES.km_to(site, at(km)) for site in sites]
    for site_km in distances:
        assert site_km is not None
        assert here_km - site_km > hysteresis_km or (here_km > bound_km >= site_km)
    assert distances == sorted(distances)  # type: ignore[type-var]
