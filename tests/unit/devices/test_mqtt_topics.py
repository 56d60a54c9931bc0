"""What is a topic, what is a filter, which filter takes which topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.devices.topics import Filters, covers, filter_problem, matches, topic_problem, widest

LEVELS = st.lists(st.sampled_from(["a", "b", "", "$x"]), min_size=1, max_size=4)
FILTERS = st.tuples(st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4), st.booleans()).map(
    lambda made: "/".join([*made[0], "#"] if made[1] else made[0])
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "taken"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("$SYS/+", "$SYS/x", True),
    ],
)
def test_a_filter_takes_a_topic_as_the_standard_says(topic_filter: str, topic: str, taken: bool) -> None:
    assert matches(topic_filter, topic) is taken
    assert Filters([topic_filter]).take(topic) is taken
    assert Filters(["other", topic_filter]).take(topic) is taken


@pytest.mark.parametrize("bad", ["", "a+/b", "a/#/b", "a#", "+a", "a\0b", "a\nb", "x" * 1025, "a" + "/" * 64, "\ud800"])
def test_what_is_no_filter_is_told(bad: str) -> None:
    assert filter_problem(bad)


@pytest.mark.parametrize("bad", ["", "a/+", "#", "a\0", "\ud800"])
def test_what_is_no_topic_is_told(bad: str) -> None:
    assert topic_problem(bad)


@pytest.mark.parametrize("good", ["a", "/", "a/b c/ä", "$SYS/x"])
def test_a_topic_is_a_filter_as_well(good: str) -> None:
    assert topic_problem(good) == "" and filter_problem(good) == ""


def test_shared_subscriptions_are_refused() -> None:
    assert "shared" in filter_problem("$share/group/a")


@given(FILTERS, FILTERS, LEVELS.map("/".join))
def test_what_a_covered_filter_takes_its_cover_takes(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and matches(narrow, topic):
        assert matches(wide, topic)


@given(FILTERS)
def test_a_filter_covers_itself(one: str) -> None:
    assert covers(one, one)


@given(st.lists(FILTERS, max_size=6), LEVELS.map("/".join))
def test_the_widest_take_what_all_take(filters: list[str], topic: str) -> None:
    taken = any(matches(one, topic) for one in filters)
    assert any(matches(one, topic) for one in widest(filters)) is taken
    assert Filters(filters).take(topic) is taken
