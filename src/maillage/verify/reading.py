"""The journal's rows: read one after the other, never all at once, and never written to."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from maillage.verify.report import Fault, Report

JOURNAL = "journal.db"
ROWS = "SELECT pos, count, events, source, source_end FROM batches ORDER BY pos"
ROWS_0_1 = "SELECT pos, count, events FROM batches ORDER BY pos"
"""Journals of version 0.1 have no columns for a source."""


class Commit(NamedTuple):
    """The events of a row, of which ``pos`` is the number of the first; ``source`` names the owner that they are from
    where a journal merges those of several."""

    pos: int
    events: list[Any]
    source: str


def open_journal(folder: Path) -> sqlite3.Connection:
    """The journal of a data folder, read-only; FileNotFoundError when there is none.

    One read transaction spans the whole check, so a server that goes on writing does not move the end.
    """
    path = folder / JOURNAL
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; name the data folder, as MAILLAGE_HOME does")
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {JOURNAL}; name the data folder, as MAILLAGE_HOME does")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    database.text_factory = bytes  # damaged text must reach the check, not raise inside SQLite
    return database


def events_stated(database: sqlite3.Connection) -> int:
    """Events that the last row promises, for a progress bar."""
    database.execute("BEGIN")
    last = database.execute("SELECT pos + count FROM batches ORDER BY pos DESC LIMIT 1").fetchone()
    return last[0] if last and isinstance(last[0], int) else 0


def read_rows(database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """All rows, in order."""
    columns = {column[1] for column in database.execute("PRAGMA table_info(batches)")}
    return database.execute(ROWS if {b"source", b"source_end"} <= columns else ROWS_0_1)


def commits_of(rows: Iterable[tuple[Any, ...]], report: Report) -> Iterator[Commit]:
    """The commits that can be read, of rows in order; faults go to the report."""
    expected = 0
    ends: dict[str, int] = {}
    for pos, count, body, *origin in rows:
        if pos != expected:
            how = "are missing" if pos > expected else "are there twice"
            first, last = sorted((pos, expected))
            _fault(report, pos, f"the row follows on event {expected - 1}: events {first} to {last - 1} {how}")
        events = _events(pos, count, body, report)
        expected = pos + (count if isinstance(count, int) and count > 0 else len(events))
        source, source_end = origin or ("", 0)
        name = _source(pos, source, report)
        _note_end(pos, name, source_end, ends, report)
        yield Commit(pos, events, name)


def _source(pos: int, source: object, report: Report) -> str:
    try:
        name = source.decode() if isinstance(source, bytes) else source
    except ValueError:
        name = None
    if isinstance(name, str):
        return name
    _fault(report, pos, f"the source of the row is {str(source)[:40]}; it should be a text")
    return str(source)


def _note_end(pos: int, source: str, end: object, ends: dict[str, int], report: Report) -> None:
    """How far an owner's journal has been merged; it never goes back."""
    former = ends.get(source, 0)
    if not isinstance(end, int) or end < 0:
        _fault(report, pos, f"the source_end of the row is {str(end)[:40]}; it should be a whole number from 0")
    elif end < former:
        _fault(report, pos, f"the source_end of the row is {end}, and was {former} before for {source[:80]!r}")
    else:
        ends[source] = end


def _events(pos: int, count: object, body: object, report: Report) -> list[Any]:
    try:
        if not isinstance(body, bytes):
            raise ValueError("they are no bytes")
        events = json.loads(body.decode())
    except (ValueError, RecursionError) as why:
        _fault(report, pos, f"the events of the row can't be read as JSON: {why}")
        return []
    if not isinstance(events, list):
        _fault(report, pos, "the row holds no list of events")
        return []
    if not events or count != len(events):
        _fault(
            report, pos, f"the row states {count!r} events and holds {len(events)}; it should be one or more, and equal"
        )
    return events


def _fault(report: Report, pos: int, text: str) -> None:
    report.add(Fault("journal", pos, None, None, text))
