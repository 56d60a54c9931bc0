"""What any store of an app's values promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.engines.sqlite_values import SqliteValues

MOST = 1_000


@pytest.fixture(params=[SqliteValues], ids=["sqlite"])
def values(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteValues]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def test_a_value_is_found_again_under_its_lease_and_key_only(values: SqliteValues) -> None:
    assert values.put("lease-1", "seen", b"\0\xff", MOST)
    assert values.put("lease-2", "seen", b"other", MOST)
    assert values.get("lease-1", "seen") == b"\0\xff"
    assert values.get("lease-2", "seen") == b"other"
    assert values.get("lease-1", "unseen") is None
    assert values.get("lease-3", "seen") is None


def test_a_value_may_be_empty_and_is_not_absent_then(values: SqliteValues) -> None:
    assert values.put("lease-1", "k", b"", MOST)
    assert values.get("lease-1", "k") == b""


def test_keys_and_values_count_to_the_byte(values: SqliteValues) -> None:
    assert values.put("lease-1", "ä", b"x" * (MOST - 2), MOST)
    assert not values.put("lease-1", "k", b"", MOST)
    assert values.put("lease-1", "ä", b"x" * (MOST - 3), MOST)
    assert values.put("lease-1", "k", b"", MOST)
    assert not values.put("lease-1", "k", b"1", MOST)
    assert values.get("lease-1", "k") == b""


def test_what_is_taken_away_makes_room(values: SqliteValues) -> None:
    assert values.put("lease-1", "a", b"x" * 900, MOST)
    assert not values.put("lease-1", "b", b"x" * 900, MOST)
    assert values.put("lease-1", "a", None, MOST)
    assert values.put("lease-1", "a", None, MOST)
    assert values.put("lease-1", "b", b"x" * 900, MOST)
    assert values.items("lease-1") == [("b", b"x" * 900)]


def test_a_lease_that_became_smaller_may_still_shrink_what_it_keeps(values: SqliteValues) -> None:
    assert values.put("lease-1", "a", b"x" * 900, MOST)
    assert not values.put("lease-1", "a", b"x" * 950, 500)
    assert values.put("lease-1", "a", b"x" * 600, 500)


def test_dropping_a_lease_takes_all_of_it_and_nothing_else(values: SqliteValues) -> None:
    values.put("lease-1", "a", b"x" * 990, MOST)
    values.put("lease-2", "a", b"2", MOST)
    values.drop("lease-1")
    assert values.items("lease-1") == []
    assert values.items("lease-2") == [("a", b"2")]
    assert values.put("lease-1", "b", b"x" * 990, MOST)


def test_keys_and_leases_are_told_and_what_was_dropped_is_not(values: SqliteValues) -> None:
    assert values.leases() == values.keys("lease-1") == []
    for lease, key in (("lease-2", "b"), ("lease-1", "a"), ("lease-2", "a")):
        values.put(lease, key, b"x", MOST)
    assert (values.keys("lease-2"), values.keys("lease-1")) == (["a", "b"], ["a"])
    values.drop("lease-1")
    values.put("lease-2", "a", None, MOST)
    assert (values.leases(), values.keys("lease-2")) == (["lease-2"], ["b"])


def test_many_threads_at_once_lose_nothing_and_never_exceed_the_most(values: SqliteValues) -> None:
    def fill(thread: int) -> int:
        return sum(values.put("lease-1", f"{thread}-{nth}", b"x" * 20, MOST) for nth in range(20))

    with ThreadPoolExecutor(8) as pool:
        kept = sum(pool.map(fill, range(8)))
    items = values.items("lease-1")
    size = sum(len(key.encode()) + len(value) for key, value in items)
    assert len(items) == kept
    assert MOST - 25 < size <= MOST


def test_values_survive_the_process(tmp_path: Path) -> None:
    first = SqliteValues(tmp_path)
    first.put("lease-1", "a", b"x" * 990, MOST)
    first.close()
    second = SqliteValues(tmp_path)
    assert second.get("lease-1", "a") == b"x" * 990
    assert not second.put("lease-1", "b", b"x" * 20, MOST)
    second.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.binary(max_size=60)), max_size=30))
def test_whatever_is_put_a_dictionary_of_limited_size_would_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, bytes | None]]
) -> None:
    values = SqliteValues(tmp_path_factory.mktemp("values"))
    model: dict[str, bytes] = {}
    for key, value in changes:
        wanted = {k: v for k, v in (model | {key: value}).items() if v is not None}
        before, after = (sum(len(k) + len(v) for k, v in each.items()) for each in (model, wanted))
        fits = after <= 100 or after <= before
        assert values.put("lease", key, value, 100) is fits
        model = wanted if fits else model
    assert dict(values.items("lease")) == model
    values.close()
