"""The check itself: every event of the journal in turn, against what all events before it make true."""

import gc
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maillage.verify.findings import Findings
from maillage.verify.leasing import Leasing
from maillage.verify.reading import Commit, commits_of, events_stated, open_journal, read_rows
from maillage.verify.report import Fault, Report, instant_text
from maillage.verify.shapes import FIELDS, FRAME, problem
from maillage.verify.sites import Sites

PROGRESS_EVERY = 10_000
"""Events between two calls of ``on_progress``."""


def check(folder: Path, on_progress: Callable[[int, int], None] | None = None) -> Report:
    """Check the journal of a data folder from its first event on; a server may go on writing meanwhile.

    ``on_progress`` is told the events done and the events there are. FileNotFoundError when there is no journal;
    whatever is wrong inside it is a fault of the report.
    """
    report = Report()
    database = open_journal(folder)
    try:
        with _no_collector():
            _check_all(database, report, on_progress)
    except sqlite3.Error as why:
        report.add(Fault("journal", report.events, None, None, f"SQLite can't read the journal: {why}"))
    finally:
        database.close()
    return report


def check_rows(rows: Iterable[tuple[Any, ...]]) -> Report:
    """Check a journal that is not in a folder: its rows in order, each (pos, count, events) as the table has them, or
    (pos, count, events, source, source_end)."""
    report = Report()
    checker = _Checker(report)
    with _no_collector():
        for commit in commits_of(rows, report):
            checker.commit(commit)
    return report


def _check_all(database: sqlite3.Connection, report: Report, on_progress: Callable[[int, int], None] | None) -> None:
    checker = _Checker(report)
    total = events_stated(database)
    told = 0
    for commit in commits_of(read_rows(database), report):
        checker.commit(commit)
        if on_progress and report.events - told >= PROGRESS_EVERY:
            told = report.events
            on_progress(told, total)
    if on_progress:
        on_progress(report.events, total)


@contextmanager
def _no_collector() -> Iterator[None]:
    """No cycles are made here, and walking every lease in search of some takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Checker:
    """What all events so far make true, kept by ``sites`` and ``leasing``.

    An event that is found impossible is reported and not applied; one that only states a wrong end or amount is
    reported and taken at its word, as a replay would take it.
    """

    def __init__(self, report: Report) -> None:
        self.found = Findings(report)
        self.sites = Sites(self.found)
        self.leasing = Leasing(self.found, self.sites)

    def commit(self, commit: Commit) -> None:
        """All events of one durable commit."""
        self.found.turn_to(commit.source)
        for number, event in enumerate(commit.events):
            self.found.report.events += 1
            self.found.at_event(commit.pos + number)
            self._event(event)
        self.leasing.end_of_commit()

    def _event(self, event: Any) -> None:
        found = self.found
        wrong = problem(event, FRAME) if type(event) is dict else f"{str(event)[:40]!r} is no event"
        if wrong is not None:
            found.fault("event", wrong)
            return
        self._place(event)
        kind = event["type"]
        fields = FIELDS.get(kind)
        wrong = problem(event, fields) if fields is not None else f"{kind[:40]!r} is no type of event"
        if wrong is not None:
            found.fault("event", wrong)
        elif kind == "site":
            self.sites.record(event)
        elif kind == "resized":
            self.sites.resized(event)
        elif kind == "noted":
            pass  # it has its place in the sequence and changes nothing
        else:
            self.leasing.steps[kind](event)

    def _place(self, event: dict[str, Any]) -> None:
        """The event's place in its site's sequence and in time."""
        found, site_id, seq, at = self.found, event["site"], event["seq"], event["at"]
        found.at_event(found.pos, site_id, seq)
        former = self.sites.enter(site_id, seq)
        if former == 0 and event["type"] != "site":
            found.fault("sequence", f"{site_id} has events before its record; the first should be of type site")
        if seq != former + 1:
            how = "events are missing" if seq > former else "a number is used twice"
            found.fault("sequence", f"number {seq} of {site_id} follows on number {former}: {how}")
        if not found.pass_to(at):
            found.fault("time", f"{instant_text(at)} is before the event that precedes it, {instant_text(found.now)}")
        report = found.report
        report.first_at = at if report.first_at is None else min(at, report.first_at)
        report.last_at = at if report.last_at is None else max(at, report.last_at)
