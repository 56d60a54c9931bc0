"""Pages of a list that only grows: a cursor is a position in it, tied to the filters it was made for."""

import zlib
from collections.abc import Callable, Iterable, Sized
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from maillage.kernel.errors import Invalid

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
SCAN_MAX = 50_000
"""Entries looked at for one page: a filter that matches little gives short pages, never a long wait."""


class SizedIterable(Sized, Iterable[T_co], Protocol[T_co]):
    """A list, or the values of a dict."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """``next`` is the cursor of the following page, null on the last."""

    items: list[T]
    next: str | None


def page(
    entries: SizedIterable[T], matches: Callable[[T], bool], filters: Any, cursor: str | None, limit: int
) -> Page[T]:
    """The matching entries from the cursor on, at most ``limit``."""
    position = 0 if cursor is None else _position(cursor, filters)
    found: list[T] = []
    last = min(len(entries), position + SCAN_MAX)
    for entry in islice(entries, position, last):
        position += 1
        if matches(entry):
            found.append(entry)
            if len(found) == limit:
                break
    return Page(found, None if position >= len(entries) else f"{position}-{_mark(filters)}")


def _position(cursor: str, filters: Any) -> int:
    position, _, mark = cursor.partition("-")
    if not (position.isascii() and position.isdigit() and len(position) < 16 and mark == _mark(filters)):
        raise Invalid("cursor", "is not one that this list gave for these filters; start again without it")
    return int(position)


def _mark(filters: Any) -> str:
    return f"{zlib.crc32(repr(filters).encode()):08x}"
