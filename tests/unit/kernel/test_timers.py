"""Timers: what is due, in order, and each once."""

from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.timers import Timers


def timers_of(*entries: tuple[int, str]) -> Timers:
    timers = Timers()
    for at, name in entries:
        timers.add(at, name)
    return timers


def test_nothing_is_due_before_its_second() -> None:
    timers = timers_of((10, "a"))
    assert (timers.next_at, timers.pop_due(9, 100)) == (10, [])
    assert (timers.pop_due(10, 100), timers.next_at) == (["a"], None)


def test_the_earliest_come_first_and_those_of_one_second_as_they_were_added() -> None:
    timers = timers_of((20, "c"), (10, "b"), (10, "a"), (30, "d"))
    assert timers.pop_due(25, 100) == ["b", "a", "c"]
    assert timers.next_at == 30


def test_what_is_too_much_for_one_call_waits_for_the_next() -> None:
    timers = timers_of((10, "a"), (10, "b"), (11, "c"), (12, "d"))
    assert timers.pop_due(99, 1) == ["a", "b"]  # of one second all at once
    assert timers.pop_due(99, 2) == ["c", "d"]


@given(st.lists(st.tuples(st.integers(0, 20), st.text(max_size=2))), st.lists(st.integers(0, 25)))
def test_every_entry_comes_once_when_it_is_due(entries: list[tuple[int, str]], looks: list[int]) -> None:
    timers, waiting = timers_of(*entries), list(entries)
    for now in sorted(looks):
        due = sorted((entry for entry in waiting if entry[0] <= now), key=lambda entry: entry[0])
        waiting = [entry for entry in waiting if entry[0] > now]
        assert timers.pop_due(now, 1_000) == [name for _, name in due]
        assert timers.next_at == min((at for at, _ in waiting), default=None)
