"""What is particular to readings in a file: how small it is, what a crash leaves, and what damage does."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from maillage.engines.readings import packing
from maillage.engines.readings.database import FILE_NAME
from maillage.engines.readings.store import FileReadings
from maillage.kernel.errors import RecordsUnavailable
from maillage.services.sensing.model import Reading, SeriesKey

DAY_MS, MINUTE_MS = 86_400_000, 60_000
NOW = 1_793_491_200_000  # 2026-11-01T00:00:00Z
KEY = SeriesKey("freezer-1", "temperature")
EVER = (0, NOW + 1_000 * DAY_MS)


def reading(at_ms: int, value: float, device: str = "freezer-1") -> Reading:
    return Reading("wm-1", device, "temperature", at_ms, value)


def noisy(days: int, jitter_ms: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A freezer at -20 °C with noise of 0.1 K, a reading a minute at 0.01 K, the device's clock jittering."""
    rng = np.random.default_rng(7)
    at_ms = NOW + MINUTE_MS * np.arange(days * 1_440)
    if jitter_ms:
        at_ms = at_ms + np.rint(rng.normal(0, jitter_ms, at_ms.size)).astype(np.int64)
    swing = 1.5 * np.sin(np.arange(at_ms.size) / 8)
    return at_ms, np.round(-20 + swing + rng.normal(0, 0.1, at_ms.size), 2)


def seal(store: FileReadings) -> None:
    while store.seal(100, even_few=True):
        pass


def entries(folder: Path) -> int:
    """Of the log."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return int(db.execute("SELECT count(*) FROM log").fetchone()[0])


@pytest.mark.parametrize(("jitter_ms", "bytes_max"), [(0, 1.3), (40, 2.5)])
def test_a_sealed_reading_of_a_noisy_temperature_takes_a_byte_or_two(
    tmp_path: Path, jitter_ms: int, bytes_max: float
) -> None:
    store = FileReadings(tmp_path)
    at_ms, values = noisy(120, jitter_ms)
    for device in range(10):
        store.backfill("wm-1", SeriesKey(f"freezer-{device}", "temperature"), at_ms, values)
    assert store.read(KEY, *EVER).mean.tolist() == values[np.argsort(at_ms, kind="stable")].tolist()
    store.close()
    assert (tmp_path / FILE_NAME).stat().st_size / (10 * at_ms.size) < bytes_max


def test_it_stays_small_as_readings_come_in_by_the_minute(tmp_path: Path) -> None:
    store = FileReadings(tmp_path)
    at_ms, values = noisy(6)
    for number in range(0, at_ms.size, 30):
        batch = zip(at_ms[number : number + 30].tolist(), values[number : number + 30].tolist(), strict=True)
        store.append([reading(at, value, f"f{device}") for at, value in batch for device in range(20)])
        while store.seal():
            pass
    assert entries(tmp_path) <= 2 * packing.WORTH / 30
    store.close()
    assert (tmp_path / FILE_NAME).stat().st_size / (20 * at_ms.size) < 3


def test_what_came_in_is_packed_only_once_it_is_worth_it_and_step_by_step(tmp_path: Path) -> None:
    store = FileReadings(tmp_path, worth=10)
    for number in range(9):
        store.append([reading(NOW + number, 1.0, f"f{device}") for device in range(5)])
    assert store.seal() == 0 and entries(tmp_path) == 9
    store.append([reading(NOW + 9, 1.0, f"f{device}") for device in range(5)])
    assert [store.seal(2) for _ in range(3)] == [3, 1, 0]
    assert entries(tmp_path) == 0
    store.append([reading(NOW + 10, 2.0)])
    store.close()
    again = FileReadings(tmp_path)
    assert again.last(KEY) == reading(NOW + 10, 2.0), "numbers of entries go on where they were"
    again.close()


def test_what_comes_in_during_a_round_is_not_lost(tmp_path: Path) -> None:
    store = FileReadings(tmp_path, worth=1)
    store.append([reading(NOW, 1.0, "a"), reading(NOW, 1.0, "b")])
    assert store.seal(1) == 1
    store.append([reading(NOW, 2.0, "a"), reading(NOW, 2.0, "b"), reading(NOW, 2.0, "c")])
    assert store.seal(1) == 0
    store.close()
    again = FileReadings(tmp_path)
    for device in "abc":
        assert again.read(SeriesKey(device, "temperature"), *EVER).mean.tolist() == [2.0]
    again.close()


@pytest.mark.parametrize("step", ["transaction", "_shorten_log"])
def test_a_round_that_fails_on_the_way_is_taken_up_again(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileReadings(tmp_path, worth=1)
    store.append([reading(NOW + number, float(number)) for number in range(3)])
    owner = store._packer if step.startswith("_") else store._file

    def fail(*_: object) -> object:
        raise RecordsUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(owner, step, fail)
        with pytest.raises(RecordsUnavailable):
            store.seal()
        assert store.read(KEY, *EVER).mean.tolist() == [0, 1, 2]
    assert store.seal() == 0
    assert entries(tmp_path) == 0
    assert store.read(KEY, *EVER).mean.tolist() == [0, 1, 2]
    store.close()


def test_a_batch_that_the_disk_refuses_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileReadings(tmp_path)
    store.append([reading(NOW, 1.0)])
    (page_count,) = store._file._db.execute("PRAGMA page_count").fetchone()
    store._file._db.execute(f"PRAGMA max_page_count={page_count}")
    with pytest.raises(RecordsUnavailable, match="full"):
        store.append([reading(NOW + 1 + number, 1.0, f"f{number}") for number in range(20_000)])
    assert store.read(KEY, *EVER).at_ms.tolist() == [NOW]
    assert store.last(SeriesKey("f1", "temperature")) is None
    store._file._db.execute("PRAGMA max_page_count=1000000")
    store.append([reading(NOW + 1, 2.0), reading(NOW, 3.0, "f1")])
    store.close()
    again = FileReadings(tmp_path)
    assert again.read(KEY, *EVER).mean.tolist() == [1.0, 2.0]
    assert again.read(SeriesKey("f1", "temperature"), *EVER).mean.tolist() == [3.0]
    again.close()


def test_a_file_of_a_newer_format_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    FileReadings(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("PRAGMA user_version=9")
    with pytest.raises(RecordsUnavailable, match="format 9"):
        FileReadings(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE_NAME).write_bytes(b"not a database" * 1_000)
    with pytest.raises(RecordsUnavailable, match="not a database"):
        FileReadings(tmp_path / "other")


def test_a_damaged_block_is_told_of_and_does_not_stop_what_is_fresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileReadings(tmp_path)
    store.append([reading(NOW, 1.0), reading(NOW - DAY_MS, 2.0)])
    seal(store)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("UPDATE blocks SET body = zeroblob(40) WHERE id = (SELECT max(id) FROM blocks)")
        db.execute("UPDATE hours SET body = substr(body, 1, 30)")
        db.commit()
    for step_s in (None, 3_600):
        with pytest.raises(RecordsUnavailable, match="damaged"):
            store.read(KEY, *EVER, step_s)
    assert store.read(KEY, 0, NOW).mean.tolist() == [2.0]
    store.append([reading(NOW + 1, 3.0)])
    seal(store)
    assert "damaged and lost" in caplog.text
    assert store.read(KEY, *EVER).mean.tolist() == [2.0, 3.0]
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = FileReadings(tmp_path)
    store.append([reading(NOW, 1.0)])
    store.close()
    for call in (lambda: store.append([reading(NOW, 1.0)]), lambda: store.read(KEY, *EVER)):
        with pytest.raises(RecordsUnavailable, match="closed"):
            call()


def test_threads_read_what_is_whole_while_others_write_and_pack(tmp_path: Path) -> None:
    """Each batch has one reading of the same value for each of three series; no reader sees an older state after a
    newer one, and none sees a hole."""
    store = FileReadings(tmp_path, worth=5)
    over, faults = threading.Event(), []
    keys = [SeriesKey(f"f{number}", "temperature") for number in range(3)]

    def write() -> None:
        for number in range(400):
            store.append([reading(NOW + number * 10_000, float(number), key.device) for key in keys])
        over.set()

    def pack() -> None:
        while not over.is_set():
            store.seal(1, even_few=True)

    def look() -> None:
        seen = 0
        while not over.is_set():
            found = store.read(keys[0], *EVER).mean.tolist()
            hours = store.read(keys[0], *EVER, 3_600)
            assert found == list(range(len(found))) and len(found) >= seen
            assert int(hours.count.sum()) >= len(found)
            assert not len(hours.mean) or hours.high[-1] == hours.count.sum() - 1
            seen = len(found)

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as fault:
            faults.append(fault)
            over.set()

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (write, pack, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    for key in keys:
        assert store.read(key, *EVER).mean.tolist() == list(range(400))
    store.close()


WRITER = """
import sys
from pathlib import Path
from maillage.engines.readings.store import FileReadings
from maillage.services.sensing.model import Reading
store = FileReadings(Path(sys.argv[1]), worth=7)
number = int(sys.argv[2])
while True:
    store.append([Reading("wm-1", f"f{device}", "temperature", 1_793_491_200_000 + number * 60_000, float(number))
                  for device in range(3)])
    print(number, flush=True)
    number += 1
    store.seal(1)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_kept(tmp_path: Path) -> None:
    told = -1
    for _ in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(told + 1)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for line in writer.stdout:
            told = int(line)
            if told % 60 == 59:
                break
        os.kill(writer.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout.read().splitlines(keepends=True) if line[-1] == "\n")])
        writer.wait(30)
        writer.stdout.close()
        store = FileReadings(tmp_path)
        for device in range(3):
            found = store.read(SeriesKey(f"f{device}", "temperature"), *EVER).mean.tolist()
            assert found == list(range(len(found))) and len(found) in (told + 1, told + 2)
            hours = store.read(SeriesKey(f"f{device}", "temperature"), *EVER, 3_600)
            assert int(hours.count.sum()) == len(found)
        store.close()
