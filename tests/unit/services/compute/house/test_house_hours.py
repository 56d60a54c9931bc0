"""Hours by the store's clock, and what is remembered of them."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.times import DAY_S, HOUR_S, WEEK_S
from maillage.services.compute.house.history import SLOTS_KEPT, UNKNOWN, History
from maillage.services.compute.house.hours import hour_at, hours_from
from maillage.services.compute.house.model import SLOT_S, Slot
from maillage.services.compute.house.outlook import WEEKS, fit
from tests.kernel_world import at

ZONES = ("America/Chicago", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Etc/UTC")


@given(st.integers(at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z")), st.sampled_from(ZONES), st.integers(1, 40))
def test_hours_follow_on_one_another_whatever_the_clock_does(instant: int, tz: str, count: int) -> None:
    hours = hours_from(instant, ZoneInfo(tz), count)
    assert hours[0].start <= instant < hours[0].end
    assert len(hours) == count
    for hour, following in pairwise(hours):
        assert hour.end == following.start
        assert following.of_week == hour_at(following.start, ZoneInfo(tz)).of_week
        assert (following.of_week - hour.of_week) % 168 in (0, 1, 2)
    assert all(0 < hour.end - hour.start <= HOUR_S for hour in hours)


@pytest.mark.parametrize(("day", "length"), [("2026-11-01T05:00:00Z", 25), ("2027-03-14T06:00:00Z", 23)])
def test_a_day_on_which_the_clock_changes_has_an_hour_more_or_less(day: str, length: int) -> None:
    hours = hours_from(at(day), ZoneInfo("America/Chicago"), length)
    of_day = [hour.of_week % 24 for hour in hours]
    assert (of_day[0], of_day[-1]) == (0, 23)
    assert (of_day.count(1), of_day.count(2)) == ((2, 1) if length == 25 else (1, 0))


def test_a_slot_has_the_mean_and_the_maximum_of_what_was_seen() -> None:
    assert History([]).rising is None
    history = History([])
    assert [history.see(3_000 + second, use) for second, use in ((0, 4), (5, 10), (299, 1))] == [None] * 3
    assert (history.rising, history.highest) == (10, 10)
    assert history.see(3_300, None) == Slot(10, 5, 10)
    assert history.see(3_600, None) is None
    assert history.peaks(9, 3).tolist() == [UNKNOWN, 10, UNKNOWN]


def test_a_clock_that_is_set_back_makes_no_slot_twice() -> None:
    history = History([])
    history.see(3_000, 4)
    assert history.see(2_000, 9) is None
    assert history.see(3_300, 1) == Slot(10, 6, 9)


def test_only_the_last_weeks_are_remembered() -> None:
    history = History(Slot(number, number, number) for number in range(SLOTS_KEPT + 5))
    assert history.peaks(4, 2).tolist() == [UNKNOWN, 5]


def test_a_week_with_too_many_gaps_is_not_learnt_from() -> None:
    week = WEEK_S // SLOT_S
    peaks = np.full(WEEKS * week, 8_000, dtype=np.int64)
    peaks[: week // 5] = UNKNOWN
    peaks[week + 5 : week + 100] = UNKNOWN
    first = at("2026-11-02T00:00:00Z") // SLOT_S
    model, weeks = fit(first, peaks, ZoneInfo("Etc/UTC"), 0.999, 16_000)
    assert model is not None and weeks == 3
    assert np.allclose(model.levels, 0.5) and model.margin == 0
    peaks[week:] = UNKNOWN
    assert fit(first, peaks, ZoneInfo("Etc/UTC"), 0.999, 16_000) == (None, 0)
    assert DAY_S * 28 == WEEKS * WEEK_S
