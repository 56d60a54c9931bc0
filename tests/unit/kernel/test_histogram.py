"""Histograms: each value in the first bucket that holds it."""

import pytest

from maillage.kernel.histogram import COUNTS, SECONDS, Histogram


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (1, 0), (1.5, 1), (2, 1), (3, 2), (4, 2), (4.01, 3), (99, 3)])
def test_a_bound_belongs_to_its_own_bucket(value: float, bucket: int) -> None:
    histogram = Histogram((1, 2, 4))
    histogram.observe(value)
    assert histogram.counts[bucket] == sum(histogram.counts) == 1
    assert histogram.total == value


@pytest.mark.parametrize("bounds", [SECONDS, COUNTS])
def test_bounds_grow(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


def test_two_can_be_counted_together() -> None:
    both, other = Histogram((1, 2)), Histogram((1, 2))
    both.observe(1)
    other.observe(1)
    other.observe(9)
    both.add(other)
    assert (both.counts, both.total) == ([2, 0, 1], 11)
    assert (other.counts, other.total) == ([1, 0, 1], 10)
