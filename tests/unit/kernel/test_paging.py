"""Pages: every matching entry once, however long the list has grown meanwhile."""

import pytest

from maillage.kernel.errors import Invalid
from maillage.kernel.paging import SCAN_MAX, Page, page


def pages_of(entries: list[int], limit: int, filters: object = "f") -> list[list[int]]:
    found, cursor = [], None
    while True:
        one: Page[int] = page(entries, lambda number: number % 2 == 0, filters, cursor, limit)
        found.append(one.items)
        if one.next is None:
            return found
        cursor = one.next


def test_the_pages_of_a_list_are_the_list() -> None:
    assert pages_of(list(range(9)), 2) == [[0, 2], [4, 6], [8]]
    assert pages_of(list(range(5)), 100) == [[0, 2, 4]]
    assert pages_of([], 1) == [[]]


def test_what_is_added_meanwhile_comes_at_the_end() -> None:
    entries = [0, 2, 4]
    first = page(entries, lambda _: True, "f", None, 2)
    entries.append(6)
    assert page(entries, lambda _: True, "f", first.next, 9).items == [4, 6]


def test_a_full_last_page_says_that_there_is_no_other() -> None:
    assert page([1, 2], lambda _: True, "f", None, 2).next is None


def test_a_filter_that_matches_little_gives_short_pages_and_goes_on() -> None:
    entries = range(SCAN_MAX * 2 + 1)
    first = page(entries, lambda number: number == SCAN_MAX * 2, "f", None, 5)
    assert (first.items, first.next is not None) == ([], True)
    assert sum(map(len, pages_of(list(entries), 1_000))) == SCAN_MAX + 1


@pytest.mark.parametrize("cursor", ["", "1", "x-1", "-1-aaaa", "1-00000000", "²-1", "1" * 17 + "-1", "\0"])
def test_a_cursor_that_this_list_did_not_give_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        page([1, 2, 3], lambda _: True, "f", cursor, 1)


def test_a_cursor_is_of_its_filters_only() -> None:
    cursor = page([1, 2, 3], lambda _: True, ("acme", None), None, 1).next
    assert page([1, 2, 3], lambda _: True, ("acme", None), cursor, 1).items == [2]
    with pytest.raises(Invalid, match="cursor"):
        page([1, 2, 3], lambda _: True, ("other", None), cursor, 1)
