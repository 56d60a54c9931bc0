"""The journal's rows: read one after the other, never all at once, and never written to."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maillage.verify.report import Fault, Report

JOURNAL = "journal.db"


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


def read_batches(database: sqlite3.Connection, report: Report) -> Iterator[tuple[int, list[Any]]]:
    """(number of the first event, events) of each durable commit that can be read; faults go to the report."""
    expected = 0
    for pos, count, body in database.execute("SELECT pos, count, events FROM batches ORDER BY pos"):
        if pos != expected:
            how = "are missing" if pos > expected else "are there twice"
            first, last = sorted((pos, expected))
            _fault(report, pos, f"the row follows on event {expected - 1}: events {first} to {last - 1} {how}")
        events = _events(pos, count, body, report)
        expected = pos + (count if isinstance(count, int) and count > 0 else len(events))
        yield pos, events


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
