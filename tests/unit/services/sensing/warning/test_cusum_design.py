"""Thresholds follow from how often one may cry wolf."""

import random
from statistics import mean

import pytest

from maillage.services.sensing.warning.cusum import CAP, Cusum, run_length, threshold_for
from maillage.services.sensing.warning.gauge import Gauge


def test_run_lengths_are_those_of_the_tables() -> None:
    # Montgomery, "Introduction to Statistical Quality Control", table of one-sided run lengths for k = 0.5: h = 4
    # gives 336, h = 5 gives 930.
    assert run_length(4.0) == pytest.approx(336, rel=0.02)
    assert run_length(5.0) == pytest.approx(930, rel=0.02)


@pytest.mark.parametrize("samples", [100, 5_000, 200_000])
def test_the_threshold_has_the_run_length_it_was_designed_for(samples: int) -> None:
    assert run_length(threshold_for(samples)) == pytest.approx(samples, rel=1e-6)


def test_normal_samples_pass_it_about_as_rarely_as_designed() -> None:
    chance, threshold, lengths = random.Random(1), threshold_for(300), []
    for _ in range(300):
        cusum, length = Cusum(), 0
        while cusum.up <= threshold:
            cusum.add(chance.gauss(0, 1), threshold)
            length += 1
        lengths.append(length)
    assert 240 < mean(lengths) < 380


def test_one_wild_reading_is_not_enough_and_a_shift_is_found_both_ways() -> None:
    threshold = threshold_for(200_000)
    wild = Cusum()
    wild.add(1_000.0, threshold)
    assert wild.up < threshold
    up, down = Cusum(), Cusum()
    for _ in range(12):
        up.add(2.0, threshold)
        down.add(-2.0, threshold)
    assert up.up > threshold
    assert down.down > threshold
    assert up.down == down.up == 0.0


def test_a_sum_stops_growing_and_comes_down_again() -> None:
    cusum = Cusum()
    for _ in range(1_000):
        cusum.add(4.0, 10.0)
    assert cusum.up == CAP * 10.0
    for _ in range(31):
        cusum.add(0.0, 10.0)
    assert cusum.up == 0.0


def test_a_gauge_knows_mean_spread_and_correlation() -> None:
    chance, gauge = random.Random(2), Gauge(5_000, 0.01)
    last, samples = 0.0, []
    for _ in range(4_000):
        last = 0.6 * last + chance.gauss(0, 1)
        samples.append(5 + last)
        gauge.learn(5 + last)
    assert gauge.mean == pytest.approx(5, abs=0.2)
    assert gauge.sigma == pytest.approx(1.25, rel=0.1)  # 1 / sqrt(1 - 0.36)
    # Correlated samples count less: sqrt((1 + 0.6) / (1 - 0.6)) = 2.
    assert gauge.z(5 + 2 * 1.25) == pytest.approx(1.0, abs=0.25)
