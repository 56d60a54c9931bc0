"""Step functions: equal to what counting second by second gives."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.curves import StepFunction

SPANS = st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 5)).map(
    lambda span: (span[0], span[0] + span[1], span[2])
)


def curve_of(*spans: tuple[int, int, int]) -> StepFunction:
    curve = StepFunction()
    for span in spans:
        curve.add(*span)
    return curve


def test_a_curve_to_which_nothing_was_added_is_flat() -> None:
    assert StepFunction().segments(5, 9) == [(5, 9, 0)]


def test_spans_that_touch_do_not_add_up() -> None:
    curve = curve_of((10, 20, 3), (20, 30, 3))
    assert curve.peak(0, 100) == 3
    assert curve.segments(10, 30) == [(10, 30, 3)]


def test_the_second_before_and_the_second_after_lie_outside() -> None:
    curve = curve_of((10, 20, 3))
    assert (curve.peak(0, 10), curve.peak(0, 11), curve.peak(19, 20), curve.peak(20, 21)) == (0, 3, 3, 0)
    assert (curve.trough(10, 20), curve.trough(9, 20), curve.trough(10, 21)) == (3, 0, 0)


@given(st.lists(SPANS, max_size=12), st.integers(0, 60), st.integers(1, 20))
def test_a_curve_says_what_counting_second_by_second_says(
    spans: list[tuple[int, int, int]], start: int, length: int
) -> None:
    curve, end = curve_of(*spans), start + length
    level: Counter[int] = Counter()
    for first, beyond, quantity in spans:
        level.update(dict.fromkeys(range(first, beyond), quantity))
    counted = [level[second] for second in range(start, end)]
    assert curve.peak(start, end) == max(counted)
    assert curve.trough(start, end) == min(counted)
    pieces = curve.segments(start, end)
    assert [quantity for first, beyond, quantity in pieces for _ in range(first, beyond)] == counted
    assert (pieces[0][0], pieces[-1][1]) == (start, end)


@given(st.lists(SPANS, max_size=12), st.randoms(use_true_random=False))
def test_equal_functions_are_equal_lists_whatever_their_history(spans: list[tuple[int, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    curve = curve_of(*spans)
    shuffled = list(spans)
    random.shuffle(shuffled)
    other = curve_of(*shuffled)
    for first, beyond, quantity in shuffled:
        other.add(first, beyond, quantity)
        other.add(first, beyond, -quantity)
    assert (curve.times, curve.levels) == (other.times, other.levels)
    for first, beyond, quantity in shuffled:
        curve.add(first, beyond, -quantity)
    assert (curve.times, curve.levels) == ([0], [0])


@given(st.lists(SPANS, max_size=12), st.integers(0, 60))
def test_cutting_off_the_past_changes_nothing_from_then_on(spans: list[tuple[int, int, int]], before: int) -> None:
    whole, cut = curve_of(*spans), curve_of(*spans)
    cut.trim(before)
    assert cut.segments(before, 99) == whole.segments(before, 99)
    assert len(cut.times) <= len(whole.times)


def test_a_copy_goes_its_own_way() -> None:
    curve = curve_of((10, 20, 3))
    copy = curve.copy()
    copy.add(10, 20, 4)
    assert (curve.peak(10, 20), copy.peak(10, 20)) == (3, 7)
