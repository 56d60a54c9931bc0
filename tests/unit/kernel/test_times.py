"""Instants: what is read, what is written, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.kernel.times import FOREVER, format_end, format_time, month_bounds, month_of, parse_time

YEAR_9999_END = 253_402_300_799


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-12-01T08:00:00Z", 1_796_112_000),
        ("2026-12-01T09:00:00+01:00", 1_796_112_000),
        ("2026-12-01T02:00:00-06:00", 1_796_112_000),
        ("2026-12-01T08:00:00.999Z", 1_796_112_000),
        ("9999-12-31T23:59:59Z", YEAR_9999_END),
    ],
)
def test_an_instant_is_read_to_the_second_whatever_its_offset(text: str, second: int) -> None:
    assert parse_time(text, "start") == second


@pytest.mark.parametrize("text", ["2026-12-01T08:00:00", "2026-12-01 08:00", "2026-12-01"])
def test_a_time_without_a_zone_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Invalid, match="no zone") as refused:
        parse_time(text, "start")
    assert refused.value.extra["field"] == "start"
    assert f"{text}Z" in refused.value.detail


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "12", "\0", "9" * 64])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="RFC 3339"):
        parse_time(text, "end")


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59.9Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-14:00"],
)
def test_an_instant_before_1970_or_after_9999_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="years 1970 to 9999"):
        parse_time(text, "start")


@given(st.integers(0, YEAR_9999_END))
def test_what_is_written_is_read_back(second: int) -> None:
    assert parse_time(format_time(second), "start") == second


def test_an_open_lease_has_no_end_to_write() -> None:
    assert format_end(FOREVER) is None
    assert format_end(0) == "1970-01-01T00:00:00Z"


def test_a_month_reaches_to_the_first_second_of_the_next() -> None:
    first, beyond = month_bounds("2026-12")
    assert (format_time(first), format_time(beyond)) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert month_of(first) == month_of(beyond - 1) == "2026-12"
    assert month_of(beyond) == "2027-01"


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "2026-1", "202612", "0000-01", "dec", "", "2026-12-01", "2026-²1"]
)
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(Invalid, match="month"):
        month_bounds(month)
