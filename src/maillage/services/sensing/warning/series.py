"""A series in a CSV file: ``timestamp,value``, and other columns of numbers where they are wanted."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.files import BROKEN_GZIP, open_data_file

ROWS_MAX = 5_000_000
LATE_SHARE_MAX = 0.01
"""Recorders do put a few rows twice or out of order, as when a clock is set back; a file with more of them is not in
order of time, and no series."""
MISSING = ("", "nan", "null", "none", "na", "n/a")
"""What stands for no value, in any case of letters."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A series as it was read. ``at_s`` seconds since 1970, ``stamps`` as written, ``columns`` a list each in the order
    of rows; a value that is missing is NaN. ``late`` rows are not later than one before them."""

    at_s: list[float]
    stamps: list[str]
    columns: dict[str, list[float]]
    late: int


def read_table(
    path: Path,
    wanted: Sequence[str] = ("value",),
    advance: Callable[[int], object] = lambda _: None,
) -> Table:
    """The columns ``timestamp`` and ``wanted`` of a CSV file, plain or packed with gzip.

    A time is ISO 8601, in UTC where it names no zone. Malformed, naming the line, for what can't be read, for a value
    that is no finite number and not missing, and for a file that is not in order of time. Invalid when it can't be
    opened.
    """
    with open_data_file(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            return _read(reader, lambda: reader.line_num, wanted, advance)
        except Invalid as invalid:
            raise Malformed(f"{path.name}, line {reader.line_num}: {invalid.detail}", line=reader.line_num) from None
        except UnicodeDecodeError:
            raise Malformed(
                f"{path.name}: after line {reader.line_num} it is not UTF-8 text; is it a CSV file?"
            ) from None
        except csv.Error as error:
            raise Malformed(f"{path.name}, line {reader.line_num} is not CSV: {error}", line=reader.line_num) from None
        except BROKEN_GZIP as error:
            raise Malformed(f"{path.name}: the packed file is damaged or was cut short ({error})") from None
        except OSError as error:
            raise Invalid("file", f"{path} can't be read: {error.strerror or error}") from None


def parse_time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time; ValueError for anything else."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _read(
    reader: Iterator[list[str]], line: Callable[[], int], wanted: Sequence[str], advance: Callable[[int], object]
) -> Table:
    places = _places(next(reader, []), wanted)
    width, time_at = max(places.values()) + 1, places["timestamp"]
    columns: dict[str, list[float]] = {name: [] for name in wanted}
    at_s: list[float] = []
    stamps: list[str] = []
    latest, late, late_line = -math.inf, 0, 0
    for fields in reader:
        if len(fields) < width:
            if not "".join(fields).strip():
                continue
            raise Invalid("columns", f"there are {len(fields)} where {width} are needed")
        stamp = fields[time_at].strip()
        try:
            at = parse_time(stamp)
        except (ValueError, OverflowError):
            raise Invalid("timestamp", f"{stamp[:40]!r} is not a time such as 2026-01-31T08:00:00Z") from None
        if at > latest:
            latest = at
        else:
            late, late_line = late + 1, late_line or line()
        at_s.append(at)
        stamps.append(stamp)
        for name, column in columns.items():
            column.append(_number(name, fields[places[name]]))
        if len(at_s) % 10_000 == 0:
            advance(10_000)
            if len(at_s) > ROWS_MAX:
                raise Invalid("rows", f"are more than {ROWS_MAX:,}; split the file")
    if not at_s:
        raise Invalid("rows", "there are none below the header")
    if late > LATE_SHARE_MAX * len(at_s):
        raise Invalid(
            "timestamp",
            f"{late:,} of {len(at_s):,} rows are not later than those before them, the first in line "
            f"{late_line:,}; sort the file by time and leave each time once",
        )
    return Table(at_s=at_s, stamps=stamps, columns=columns, late=late)


def _places(header: list[str], wanted: Sequence[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    if not "".join(names):
        raise Invalid("header", "there is none; the first line names the columns, such as timestamp,value")
    for name in ("timestamp", *wanted):
        if names.count(name) != 1:
            what = "there twice" if name in names else f"not among {', '.join(names)[:60]!r}"
            raise Invalid("header", f"the column {name} is {what}; the first line must be such as timestamp,value")
    return {name: names.index(name) for name in ("timestamp", *wanted)}


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        if text.strip().lower() in MISSING:
            return math.nan
        raise Invalid(name, f"{text[:40]!r} is no number such as -18.5, and not left empty either") from None
    if math.isinf(number):
        raise Invalid(name, f"{text[:40]!r} is not finite")
    return number
