"""The log as a CSV file (RFC 4180, UTF-8) that can be checked by itself: it holds all that is hashed."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import msgspec

from maillage.kernel.errors import Invalid
from maillage.services.sensing.coldchain.haccp.checking import Checker, Verdict
from maillage.services.sensing.coldchain.haccp.entry import Entry, canonical, members

COLUMNS = ("site", "seq", "at", "kind", "unit", "device", "by", "text", "data", "previous", "hash")
CELL_MAX = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a spreadsheet takes for the beginning of a formula, and the sign that says that it is none."""


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """The header, then a line for each entry."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        row = {**members(entry), "data": canonical(entry.data), "hash": entry.hash}
        writer.writerow([_cell(row[name]) for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    if rest := out.getvalue():
        yield rest


def check_csv(file: TextIO) -> Verdict:
    """The verdict on an exported file; of one that is a part of a log, on that part. Invalid for what is no such file.
    Open it with ``newline=""``."""
    csv.field_size_limit(CELL_MAX)
    rows = csv.reader(file, strict=True)
    checker = Checker()
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise Invalid("file", f"is no export of a log: its first line must be {','.join(COLUMNS)}")
        for row in rows:
            if not checker.take(*_entry(row, rows.line_num)):
                break
    except csv.Error as fault:
        raise Invalid("file", f"line {rows.line_num} is no CSV: {fault}") from None
    except UnicodeDecodeError:
        raise Invalid("file", "is not UTF-8") from None
    return checker.verdict()


def _entry(row: list[str], line: int) -> tuple[dict[str, Any], str]:
    if len(row) != len(COLUMNS):
        raise Invalid("file", f"line {line} has {len(row)} cells and not {len(COLUMNS)}")
    entry: dict[str, Any] = {name: _value(cell) for name, cell in zip(COLUMNS, row, strict=True)}
    claimed = entry.pop("hash")
    try:
        entry["seq"] = int(entry["seq"])
        entry["data"] = msgspec.json.decode(entry["data"], type=dict[str, str | int])
    except (ValueError, msgspec.DecodeError) as fault:
        raise Invalid("file", f"line {line}: {fault}") from None
    return entry, claimed


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _value(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell
