"""Logs of instances: bounded, numbered, and a flood costs nobody but the one who makes it."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.compute import logs as module
from maillage.services.compute.log_files import FILE_MAX_BYTES, LogFiles
from maillage.services.compute.logs import LINES_BURST, TEXT_MAX, Logs, shown
from maillage.services.compute.model import LogLine

ONE = "wm-1~7"


class Seconds:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def logs(tmp_path: Path, seconds: Seconds) -> Iterator[Logs]:
    one = Logs(tmp_path / "logs", seconds)
    yield one
    one.close()


def said(text: str, at_ms: int = 1) -> LogLine:
    return LogLine(at_ms, "stdout", "info", text)


def texts(logs: Logs, after: int | None = 0, limit: int = 10_000, instance: str = ONE) -> list[str]:
    return [line.text for line in logs.read(instance, after, limit).items]


def test_what_was_said_is_read_in_order_and_by_pages(logs: Logs) -> None:
    note = logs.note(ONE)
    for number in range(5):
        note(said(f"line {number}"))
    first = logs.read(ONE, after=0, limit=3)
    assert [(line.number, line.text) for line in first.items] == [(1, "line 0"), (2, "line 1"), (3, "line 2")]
    rest = logs.read(ONE, first.next, limit=3)
    assert [line.text for line in rest.items] == ["line 3", "line 4"]
    assert logs.read(ONE, rest.next, limit=3) == module.LogPage([], rest.next)
    note(said("more"))
    assert texts(logs, rest.next) == ["more"]


def test_without_a_number_the_last_lines_come(logs: Logs) -> None:
    for number in range(5):
        logs.note(ONE)(said(str(number)))
    assert texts(logs, None, 2) == ["3", "4"]


def test_of_an_instance_that_said_nothing_there_is_nothing(logs: Logs) -> None:
    assert logs.read("nobody~1", None, 10) == module.LogPage([], 0)


def test_numbers_go_on_after_a_restart_and_a_line_that_was_cut_is_passed_over(tmp_path: Path) -> None:
    before = Logs(tmp_path)
    before.note(ONE)(said("one"))
    before.note(ONE)(said("two"))
    before.close()
    (path,) = tmp_path.rglob("log.jsonl")
    path.write_bytes(path.read_bytes()[:-9])  # killed while it wrote the second
    after = Logs(tmp_path)
    after.note(ONE)(said("three"))
    lines = after.read(ONE, 0, 10).items
    after.close()
    assert [(line.number, line.text) for line in lines] == [(1, "one"), (2, "three")]


def test_a_long_line_is_cut(logs: Logs) -> None:
    logs.note(ONE)(said("x" * 1_000_000))
    (text,) = texts(logs)
    assert (len(text), text[-2:]) == (TEXT_MAX, "x…")


def test_what_would_steer_a_terminal_is_escaped(logs: Logs) -> None:
    logs.note(ONE)(said("a\x1b[2Jb\r\nc\u202ed\ud800 é"))
    assert texts(logs) == ["a\\x1b[2Jb\\r\\nc\\u202ed? é"]


@given(st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    assert shown(text).isprintable()


def test_a_flood_is_dropped_and_told_and_the_neighbour_is_heard(logs: Logs, seconds: Seconds) -> None:
    flood, neighbour = logs.note(ONE), logs.note("wm-1~8")
    for number in range(LINES_BURST + 500):
        flood(said(f"flood {number}"))
    neighbour(said("here"))
    seconds.now += 2.0
    flood(said("after it"))
    logs.close()
    lines = texts(logs)
    dropped = [int(text.split()[0]) for text in lines if text.endswith("dropped")]
    assert sum(dropped) == 500
    assert len(lines) == LINES_BURST + 1 + len(dropped)
    assert "after it" in lines
    assert texts(logs, instance="wm-1~8") == ["here"]


def test_few_long_lines_are_a_flood_too(logs: Logs) -> None:
    for _ in range(100):
        logs.note(ONE)(said("y" * TEXT_MAX))
    logs.close()
    lines = texts(logs)
    assert sum(len(text) for text in lines if text[0] == "y") <= module.CHARACTERS_BURST
    assert (
        len([text for text in lines if text[0] == "y"])
        + sum(int(text.split()[0]) for text in lines if text.endswith("dropped"))
        == 100
    )


def test_a_log_is_bounded_on_disk_and_keeps_the_newest(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, ONE)
    for start in range(0, 6_000, 100):
        files.append([said(f"{number} " + "z" * 1_000) for number in range(start, start + 100)])
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.jsonl")]
    assert len(sizes) == 2
    assert max(sizes) <= FILE_MAX_BYTES
    numbers = [line.number for line in files.read(0)]
    assert numbers == list(range(numbers[0], 6_001))
    assert len(numbers) > 900


def test_what_was_forgotten_is_gone(logs: Logs, tmp_path: Path) -> None:
    logs.note(ONE)(said("x"))
    logs.forget(ONE)
    assert texts(logs) == []
    assert not list(tmp_path.rglob("*.jsonl"))
    logs.note(ONE)(said("anew"))
    assert texts(logs) == ["anew"]


def test_a_log_in_which_nothing_was_said_for_long_goes_and_its_readers_begin_anew(tmp_path: Path) -> None:
    before = Logs(tmp_path)
    for number in range(3):
        before.note(ONE)(said(f"old {number}"))
    before.note("wm-1~8")(said("recent"))
    after = before.read(ONE, 0, 10).next
    before.close()
    os.utime(tmp_path / ONE / "log.jsonl", times=(0, 0))
    logs = Logs(tmp_path)
    logs.note("wm-1~9")(said("x"))
    assert (texts(logs), texts(logs, instance="wm-1~8")) == ([], ["recent"])
    logs.note(ONE)(said("new"))
    assert texts(logs, after) == ["new"]
    logs.close()


@pytest.mark.parametrize("instance", ["..", "a/../../b", "a.b", "é" * 20, "wm-1~7"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, instance: str) -> None:
    logs = Logs(tmp_path / "logs")
    logs.note(instance)(said("x"))
    assert texts(logs, instance=instance) == ["x"]
    logs.close()
    (path,) = tmp_path.rglob("*.jsonl")
    assert path.parent.parent == tmp_path / "logs"


def test_many_threads_may_note_at_once(logs: Logs) -> None:
    def speak(name: str) -> None:
        for number in range(100):
            logs.note(ONE)(said(f"{name} {number}"))

    speakers = [threading.Thread(target=speak, args=(str(name),)) for name in range(4)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    lines = texts(logs)
    assert len(lines) == 400
    for name in range(4):
        assert [text for text in lines if text.startswith(f"{name} ")] == [f"{name} {n}" for n in range(100)]


def test_a_disk_that_takes_nothing_costs_lines_only_and_that_is_told(
    tmp_path: Path, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    logs = Logs(tmp_path / "logs", seconds)
    logs.note(ONE)(said("lost"))
    logs.read(ONE + "~", 0, 1)
    assert "can't be written" in caplog.text
    (tmp_path / "logs").unlink()
    logs.note(ONE)(said("kept"))
    logs.close()
    assert "kept" in texts(logs)
    assert "1 line was dropped" in texts(logs)
