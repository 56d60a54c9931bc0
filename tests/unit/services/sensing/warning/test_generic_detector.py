"""The detector for any series: it looks back only, means the same on every scale, and finds what NAB labels."""

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.services.sensing.warning.benchmark import score_folder
from maillage.services.sensing.warning.generic import STANDARD, THRESHOLD, Detector
from tests.shared_data import shared_file

HOUR, DAY = 3_600.0, 86_400.0


def season(days: int, interval_s: float = HOUR, seed: int = 1) -> list[tuple[float, float]]:
    noise = random.Random(seed)
    rows = int(days * DAY / interval_s)
    wave = 2 * math.pi * interval_s / DAY
    return [(row * interval_s, 20 + 3 * math.sin(row * wave) + noise.gauss(0, 0.5)) for row in range(rows)]


def scores(rows: list[tuple[float, float]]) -> list[float]:
    detector = Detector()
    return [detector.score(at, value) for at, value in rows]


def alarms(rows: list[tuple[float, float]]) -> list[float]:
    return [at for (at, _), score in zip(rows, scores(rows), strict=True) if score >= THRESHOLD]


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.floats(min_value=-10, max_value=3 * DAY, allow_nan=False), min_size=1, max_size=120),
    values=st.lists(st.floats(min_value=-1e6, max_value=1e6, allow_nan=False), min_size=120, max_size=120),
    cut=st.integers(min_value=1, max_value=120),
)
def test_what_comes_later_changes_no_score(gaps: list[float], values: list[float], cut: int) -> None:
    at, rows = 0.0, []
    for gap, value in zip(gaps, values, strict=False):
        at += gap
        rows.append((at, value))
    assert scores(rows)[:cut] == scores(rows[:cut])
    assert all(0.0 <= score <= 1.0 for score in scores(rows))


def test_a_prefix_of_a_real_length_has_the_same_scores() -> None:
    rows = season(40)
    rows[700] = (rows[700][0], 60.0)
    whole = scores(rows)
    assert max(whole) >= THRESHOLD
    for cut in (1, 11, 12, 13, 300, 701, 900):
        assert scores(rows[:cut]) == whole[:cut]


def test_a_season_is_no_alarm_and_a_leap_out_of_it_is() -> None:
    rows = season(60)
    by_chance = alarms(rows)
    assert len(by_chance) <= 2  # the threshold is at once in sixty days
    leap = [(at, value + (12.0 if at >= 50 * DAY else 0.0)) for at, value in rows]
    found = [at for at in alarms(leap) if at not in by_chance]
    assert found[0] == 50 * DAY


def test_unit_offset_and_direction_do_not_matter() -> None:
    rows = season(60)
    rows[1_200] = (rows[1_200][0], 35.0)
    plain = scores(rows)
    for scale, offset in ((1.8, 32.0), (1_000.0, -5.0), (-1.0, 0.0)):
        other = scores([(at, scale * value + offset) for at, value in rows])
        assert other == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("interval_s", [1.0, 60.0, 300.0, 1_800.0, 3_600.0, 7_200.0])
def test_the_interval_is_learnt(interval_s: float) -> None:
    detector = Detector()
    for row in range(50):
        detector.score(row * interval_s, float(row % 7))
    assert detector.interval_s == interval_s
    assert detector.block_s == min(max(DAY, 24 * interval_s), 1_440 * interval_s)


def test_irregular_rows_and_long_gaps_are_no_alarm_by_themselves() -> None:
    chance = random.Random(3)
    rows = [row for row in season(90, 600.0) if chance.random() < 0.4 and not 40 * DAY < row[0] < 46 * DAY]
    assert len(alarms(rows)) <= 3


def test_a_constant_series_is_silent_until_it_moves() -> None:
    rows = [(row * HOUR, 4.0) for row in range(600)]
    assert alarms(rows) == []
    assert alarms([*rows, (600 * HOUR, 4.1)]) == [600 * HOUR]


def test_a_row_that_is_not_later_scores_nothing_and_is_not_learnt() -> None:
    rows = season(30)
    detector, clean = Detector(), scores(rows)
    dirty = []
    for at, value in rows:
        dirty.append(detector.score(at, value))
        assert detector.score(at, 1e6) == 0.0
        assert detector.score(at - 7 * DAY, -1e6) == 0.0
    assert dirty == clean


def test_what_goes_on_is_told_once_and_again_when_it_gets_worse_or_after_a_week() -> None:
    rows = season(40)
    higher = [(at, value + (12.0 if at >= 20 * DAY else 0.0)) for at, value in rows]
    found = [at / DAY for at in alarms(higher) if at >= 20 * DAY]
    assert found[0] == 20.0
    assert len(found) <= 4
    worse = [(at, value + (60.0 if at >= 22 * DAY else 0.0)) for at, value in higher]
    assert 22.0 in {at / DAY for at in alarms(worse)}
    assert 22.0 not in found


def test_memory_does_not_grow() -> None:
    detector = Detector()
    for at, value in season(300, 4 * HOUR):
        detector.score(at, value)
    assert all(window.above.known <= STANDARD.keep for window in detector._windows)


def test_one_threshold_meets_the_goals_on_both_series_of_nab() -> None:
    folder = shared_file("data/nab/labels.json").parent
    ambient, machine = score_folder(folder)
    assert (ambient.null, machine.null) == (-2.0, -4.0)
    assert machine.score.raw >= 1.4
    assert ambient.score.raw >= 1.1


@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        {"return_period": 48.0},
        {"return_period": 72.0},
        {"keep": 72},
        {"keep": 108},
        {"slow": 8.0},
        {"slow": 12.0},
        {"learn": 6},
        {"learn": 8},
        {"remind": 5.6},
        {"remind": 8.4},
        {"rest": 0.8},
        {"rest": 1.2},
        {"windows": (0.0, 0.8 / 24, 0.2, 0.8)},
        {"windows": (0.0, 1.2 / 24, 0.3, 1.2)},
    ],
)
def test_a_fifth_more_or_less_of_any_figure_still_meets_the_goals(change: dict[str, object]) -> None:
    folder = shared_file("data/nab/labels.json").parent
    ambient, machine = score_folder(folder, msgspec.structs.replace(STANDARD, **change))
    assert machine.score.raw >= 1.4
    assert ambient.score.raw >= 1.1
