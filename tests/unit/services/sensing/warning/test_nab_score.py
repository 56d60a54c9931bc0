"""NAB's raw score, against cases worked out by hand from its published description."""

import math

import pytest

from maillage.services.sensing.warning.nab import STANDARD, probation_rows, scaled_sigmoid, score

ROWS = 10_000
WINDOWS = [(2_000, 2_099), (5_000, 5_099)]


def detections(*rows: int) -> list[bool]:
    return [row in rows for row in range(ROWS)]


def test_a_detector_that_never_speaks_loses_every_window() -> None:
    assert score(detections(), WINDOWS).raw == -2.0
    assert score(detections(), [*WINDOWS, (7_000, 7_099), (8_000, 8_099)]).raw == -4.0


def test_the_first_row_of_every_window_and_nothing_else_is_perfect() -> None:
    perfect = score(detections(2_000, 5_000), WINDOWS)
    assert perfect.raw == pytest.approx(2.0)
    assert (perfect.windows, perfect.found, perfect.false) == (2, 2, 0)


def test_a_window_counts_once_by_its_first_detection() -> None:
    once = score(detections(2_050), WINDOWS).raw
    assert score(detections(*range(2_050, 2_100)), WINDOWS).raw == once
    # (2_099 - 2_050 + 1) / 100 = half a window before the end: 2 / (1 + e^-2.5) - 1 = 0.84828
    assert once == pytest.approx(0.84828 / 0.98661 - 1.0, abs=1e-4)


def test_the_last_row_of_a_window_is_worth_next_to_nothing_but_no_miss() -> None:
    worth = 2.0 / (1.0 + math.exp(-0.05)) - 1.0
    assert score(detections(2_099, 5_000), WINDOWS).raw == pytest.approx(worth / scaled_sigmoid(-1.0) + 1.0)


def test_a_false_detection_costs_the_more_the_later_it_is() -> None:
    perfect = (2_000, 5_000)
    before = score(detections(1_000, *perfect), WINDOWS)
    assert before.raw == pytest.approx(2.0 - 0.11)
    assert before.false == 1
    just_late = score(detections(*perfect, 2_100), WINDOWS).raw
    # One row past a window of 100: 1/99 of a width.
    assert just_late == pytest.approx(2.0 + 0.11 * (2.0 / (1.0 + math.exp(5.0 / 99.0)) - 1.0))
    one_width = score(detections(*perfect, 2_099 + 99), WINDOWS).raw
    assert one_width == pytest.approx(2.0 - 0.11 * 0.98661, abs=1e-5)
    assert score(detections(*perfect, 4_999), WINDOWS).raw == pytest.approx(2.0 - 0.11)


def test_probation_is_the_first_fifteen_percent_but_no_more_than_750_rows() -> None:
    assert [probation_rows(rows) for rows in (100, 4_999, 5_000, 22_695)] == [15, 749, 750, 750]
    assert score(detections(*range(750)), WINDOWS).raw == -2.0
    assert score(detections(750), WINDOWS).raw == pytest.approx(-2.11)


def test_a_window_in_the_probation_does_not_count() -> None:
    assert score(detections(), [(100, 200)]).windows == 0


def test_the_sigmoid_has_its_published_values() -> None:
    published = {-1.0: 0.98661, -0.5: 0.84828, 0.0: 0.0, 1.0: -0.98661, 3.0: -1.0, 7.0: -1.0}
    assert {at: round(scaled_sigmoid(at), 5) for at in published} == published
    assert (STANDARD.hit, STANDARD.false, STANDARD.miss) == (1.0, 0.11, 1.0)
