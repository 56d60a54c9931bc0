"""The profile by hour of the week, the tail above it, and what is expected next."""

import numpy as np
import pytest

from maillage.kernel.errors import Invalid
from maillage.services.compute.harvest.profile import DEAD_BAND, Expectation, hourly_levels, learn, tail_level

SAMPLES = 12
WEEK = 168 * SAMPLES


def hours_of(weeks: int) -> np.ndarray:
    return np.arange(weeks * WEEK) // SAMPLES % 168


def test_an_hour_has_the_level_of_itself_and_its_neighbours_in_all_weeks() -> None:
    need = np.full((2 * WEEK, 1), 0.1)
    need[10 * SAMPLES : 11 * SAMPLES] = 0.4  # hour 10 of the first week
    need[WEEK : WEEK + SAMPLES] = 0.3  # hour 0 of the second
    levels = hourly_levels(need, hours_of(2), 1.0)[:, 0]
    assert levels[[9, 10, 11]].tolist() == [0.4, 0.4, 0.4]
    assert levels[[167, 0, 1]].tolist() == [0.3, 0.3, 0.3]
    assert set(np.delete(levels, [9, 10, 11, 167, 0, 1])) == {0.1}


def test_an_hour_of_which_nothing_is_known_has_the_highest_level() -> None:
    levels = hourly_levels(np.array([[0.2], [0.5]]), np.array([3, 60]), 1.0)[:, 0]
    assert (levels[3], levels[60], levels[100]) == (0.2, 0.5, 0.5)


def test_far_quantiles_of_an_exponential_sample_are_found_beyond_it() -> None:
    sample = np.random.default_rng(7).exponential(0.02, 2_000)
    assert tail_level(sample, 0.9999) == pytest.approx(0.02 * np.log(10_000), rel=0.12)
    assert tail_level(sample, 0.9) == np.quantile(sample, 0.9)


def test_a_sample_without_a_tail_is_never_exceeded_by_more_than_its_highest() -> None:
    assert tail_level(np.full(300, 0.07), 0.9999) == pytest.approx(0.07)


def test_a_far_quantile_takes_a_larger_margin() -> None:
    need = np.random.default_rng(1).uniform(0.1, 0.3, (2 * WEEK, 2))
    near, far = (learn(need, hours_of(2), quantile, SAMPLES).margin for quantile in (0.9, 0.9999))
    assert 0 <= near < far


def test_a_steady_need_takes_no_margin() -> None:
    model = learn(np.full((2 * WEEK, 1), 0.25), hours_of(2), 0.9999, SAMPLES)
    assert model.margin == 0
    assert np.allclose(model.levels, 0.25)


def test_weeks_that_differ_give_a_margin_though_a_profile_of_both_covers_them() -> None:
    need = np.full((2 * WEEK, 1), 0.1)
    need[WEEK + 600 : WEEK + 603] = 0.5  # one surge in the second week, of which the first knows nothing
    assert learn(need, hours_of(2), 0.9999, SAMPLES).margin > 0.1


def test_less_than_two_weeks_are_too_little() -> None:
    with pytest.raises(Invalid, match="two whole weeks, 4,032 samples; there are 4,031"):
        learn(np.zeros((2 * WEEK - 1, 1)), hours_of(2)[:-1], 0.99, SAMPLES)


def test_the_last_hour_is_remembered_for_an_hour() -> None:
    expectation = Expectation(np.full((168, 1), 0.1), 0.0, SAMPLES)
    expectation.see(np.array([0.4]), 0)
    for _ in range(SAMPLES - 1):
        assert expectation.see(np.array([0.2]), 0) == 0.4
    assert expectation.see(np.array([0.2]), 0) == 0.2


def test_small_changes_are_not_followed() -> None:
    expectation = Expectation(np.zeros((168, 1)), 0.5, 1)
    expectation.see(np.array([0.3]), 0)
    assert expectation.see(np.array([0.3 - DEAD_BAND * 0.9]), 0) == 0.3
    assert expectation.see(np.array([0.3 - DEAD_BAND * 1.1]), 0) == 0.3 - DEAD_BAND * 1.1


def test_the_level_is_never_below_the_use() -> None:
    expectation = Expectation(np.zeros((168, 1)), 0.5, 1)
    expectation.see(np.array([0.3]), 0)
    assert expectation.see(np.array([0.3 + DEAD_BAND / 2]), 0) == 0.3 + DEAD_BAND / 2
