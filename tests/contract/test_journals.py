"""One suite for every journal: what was appended is there, whole, in order, and stays."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.ports import Batch, Journal

Open = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens a journal, each time a new one in a folder of its own."""
    folders = iter(tmp_path / str(number) for number in range(10_000))
    return MemoryJournal if request.param == "memory" else lambda: SqliteJournal(next(folders))


@pytest.fixture
def journal(open_journal: Open) -> Journal:
    return open_journal()


def batch(pos: int, count: int = 1) -> Batch:
    return Batch(pos, count, f"[{pos}, {count}]".encode())


def filled(journal: Journal, *counts: int) -> list[Batch]:
    batches = []
    for count in counts:
        batches.append(batch(journal.end(), count))
        journal.append(batches[-1])
    return batches


def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert journal.end() == 0
    assert list(journal.read()) == []
    assert list(journal.read(7)) == []


def test_what_was_appended_is_read_back_in_order(journal: Journal) -> None:
    batches = filled(journal, 1, 3, 2)
    assert journal.end() == 6
    assert list(journal.read()) == batches


def test_reading_begins_with_the_batch_that_holds_the_event(journal: Journal) -> None:
    first, second, third = filled(journal, 2, 3, 1)
    for pos, expected in enumerate([first, first, second, second, second, third, None]):
        found = list(journal.read(pos))
        assert found[:1] == ([expected] if expected else [])
        assert found == [one for one in (first, second, third) if one.pos + one.count > pos]


@pytest.mark.parametrize("pos", [0, 1, 4, 99])
def test_a_batch_that_does_not_start_at_the_end_is_refused_and_leaves_no_trace(journal: Journal, pos: int) -> None:
    batches = filled(journal, 3)
    with pytest.raises(ValueError, match=f"starts at event {pos}, the journal ends at 3"):
        journal.append(batch(pos))
    assert list(journal.read()) == batches
    assert journal.end() == 3
    filled(journal, 1)
    assert journal.end() == 4


def test_a_body_is_kept_byte_by_byte(journal: Journal) -> None:
    body = bytes(range(256)) * 5_000
    journal.append(Batch(0, 1, body))
    assert next(iter(journal.read())).body == body


def test_who_reads_sees_a_prefix_while_others_append(journal: Journal) -> None:
    filled(journal, *[1] * 50)
    reading = journal.read()
    assert next(reading).pos == 0
    filled(journal, *[1] * 50)
    rest = [one.pos for one in reading]
    assert rest == list(range(1, len(rest) + 1))
    assert len(rest) >= 49


def test_readers_in_other_threads_never_see_a_gap(journal: Journal) -> None:
    seen: list[list[int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append([one.pos for one in journal.read()])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    filled(journal, *[1] * 100)
    done.set()
    for reader in readers:
        reader.join()
    assert all(positions == list(range(len(positions))) for positions in seen)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(1, 5), max_size=8), pos=st.integers(0, 45))
def test_positions_follow_on_whatever_the_batches(open_journal: Open, counts: list[int], pos: int) -> None:
    journal = open_journal()
    batches = filled(journal, *counts)
    assert journal.end() == sum(counts)
    assert list(journal.read(pos)) == [one for one in batches if one.pos + one.count > pos]
    journal.close()


# -- what must survive the process: SQLite only -----------------------------------------------------------------------


def test_a_journal_that_is_opened_again_is_as_it_was(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    batches = filled(journal, 2, 1)
    journal.close()
    again = SqliteJournal(tmp_path)
    assert (again.end(), list(again.read())) == (3, batches)
    assert filled(again, 4)[0].pos == 3


def test_what_append_returned_from_is_there_without_a_close(tmp_path: Path) -> None:
    batches = filled(SqliteJournal(tmp_path), 2, 1)
    assert list(SqliteJournal(tmp_path).read()) == batches


def test_another_process_may_read_while_this_one_appends(tmp_path: Path) -> None:
    owner, reader = SqliteJournal(tmp_path), SqliteJournal(tmp_path)
    batches = filled(owner, 1, 1)
    assert list(reader.read()) == batches
    batches += filled(owner, 1)
    assert list(reader.read()) == batches


def test_commits_are_synced_in_full(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_append_that_fails_leaves_the_end_where_it_was(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    filled(journal, 2)
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON batches BEGIN SELECT RAISE(FAIL, 'disk full'); END")
    with pytest.raises(sqlite3.Error, match="disk full"):
        journal.append(batch(2))
    assert (journal.end(), len(list(journal.read()))) == (2, 1)
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute("DROP TRIGGER full")
    filled(journal, 1)
    assert journal.end() == 3
