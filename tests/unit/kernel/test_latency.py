"""Round trips: an estimate that shows what it is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.latency import ACCESS_MS, estimate, reach_km


@given(st.floats(0, 20_040))
def test_the_parts_add_up_and_each_says_what_it_rests_on(distance_km: float) -> None:
    trip = estimate(distance_km)
    assert trip.ms == pytest.approx(sum(part.ms for part in trip.parts), abs=0.0011)
    assert {part.name: part.basis for part in trip.parts} == {"access": "modelled", "fibre": "modelled"}


def test_sixteen_kilometres_cost_a_third_of_a_millisecond() -> None:
    assert estimate(16).ms - ACCESS_MS == pytest.approx(0.33, abs=0.005)


@given(st.floats(0, 20_040))
def test_within_its_own_estimate_a_site_is_within_reach(distance_km: float) -> None:
    assert reach_km(estimate(distance_km).ms) == pytest.approx(distance_km, abs=0.05)


def test_nothing_is_nearer_than_the_last_mile() -> None:
    assert reach_km(ACCESS_MS) == 0
    assert reach_km(ACCESS_MS - 0.001) < 0
