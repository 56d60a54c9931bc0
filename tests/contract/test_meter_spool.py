"""The spool of meters: what was added is there whatever became of the process, and a torn write costs one change."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.engines import meter_spool
from maillage.engines.meter_spool import PAIR_BYTES, PLACES_A_PAIR, MeterSpool
from maillage.services.compute.model import Meters

LEASE = "wm-1~7"
ONE = Meters(1, 20, 300, 4_000, 50_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "compute" / "meters"


@pytest.fixture
def spool(path: Path) -> Iterator[MeterSpool]:
    one = MeterSpool(path)
    yield one
    one.close()


def reopened(path: Path) -> dict[str, Meters]:
    spool = MeterSpool(path)
    try:
        return spool.totals()
    finally:
        spool.close()


def times(number: int, one: Meters = ONE) -> Meters:
    return Meters(
        one.requests * number, one.fuel * number, one.wall_us * number, one.bytes_in * number, one.bytes_out * number
    )


def test_what_is_added_adds_up_and_is_there_for_the_next_process(spool: MeterSpool, path: Path) -> None:
    spool.open(LEASE, Meters(100))
    spool.open(LEASE, Meters(999))  # counted already
    assert spool.add(LEASE, ONE)
    assert spool.add(LEASE, ONE)
    assert spool.totals() == reopened(path) == {LEASE: Meters(102, 40, 600, 8_000, 100_000)}


def test_of_a_lease_that_is_not_counted_nothing_is_added(spool: MeterSpool) -> None:
    assert not spool.add(LEASE, ONE)
    assert spool.totals() == {}


def test_it_is_raised_and_never_lowered(spool: MeterSpool, path: Path) -> None:
    spool.open(LEASE, Meters(5, 5))
    spool.lift(LEASE, Meters(7, 3))
    assert reopened(path) == {LEASE: Meters(7, 5)}


def test_a_lease_is_forgotten_only_as_it_was_seen(spool: MeterSpool, path: Path) -> None:
    spool.open(LEASE, Meters())
    spool.add(LEASE, ONE)
    assert not spool.forget(LEASE, Meters())
    assert spool.forget(LEASE, ONE)
    assert spool.totals() == reopened(path) == {}


def test_it_grows_and_uses_places_again(spool: MeterSpool, path: Path) -> None:
    leases = [f"wm-1~{number}" for number in range(3 * PLACES_A_PAIR)]
    for number, lease in enumerate(leases):
        spool.open(lease, Meters(number))
    assert reopened(path) == {lease: Meters(number) for number, lease in enumerate(leases)}
    for number, lease in enumerate(leases):
        assert spool.forget(lease, Meters(number))
    for lease in leases:
        spool.open(lease, ONE)
    assert path.stat().st_size == 3 * PAIR_BYTES
    assert reopened(path) == dict.fromkeys(leases, ONE)


@given(st.data())
@settings(max_examples=40)
def test_a_write_that_was_torn_costs_that_change_only(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "meters"
    spool = MeterSpool(path)
    spool.open("wm-1~1", Meters(3))
    spool.open(LEASE, Meters())
    changes = data.draw(st.integers(1, 6))
    before = b""
    for _ in range(changes):
        before = path.read_bytes()
        spool.add(LEASE, ONE)
    spool.close()
    after = path.read_bytes()
    touched = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    cut = data.draw(st.sampled_from(touched))
    path.write_bytes(after[:cut] + before[cut:])  # the copying came up to here
    assert reopened(path) == {"wm-1~1": Meters(3), LEASE: times(changes - 1)}
    path.write_bytes(before[: cut + 1] + after[cut + 1 :])  # or from here on, as a disk may order it
    expected = times(changes) if cut == touched[0] == touched[-1] else times(changes - 1)
    again = MeterSpool(path)
    assert again.totals()[LEASE] == expected
    again.add(LEASE, ONE)
    again.close()
    assert reopened(path)[LEASE] == times(1 + expected.requests)


def test_a_file_that_was_cut_short_or_is_rubbish_opens_with_what_is_whole(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(os.urandom(10_000))
    assert reopened(path) == {}
    assert path.stat().st_size == 2 * PAIR_BYTES


def test_two_places_of_one_lease_become_one(path: Path) -> None:
    spool = MeterSpool(path)
    spool.open(LEASE, Meters(5))
    spool.close()
    kept = bytearray(path.read_bytes())
    for page in (0, meter_spool.PAGE_BYTES):  # as if a place that was left had come back after a power cut
        kept[page + 256 : page + 512] = kept[page : page + 256]
    path.write_bytes(kept)
    assert reopened(path) == {LEASE: Meters(5)}
    again = MeterSpool(path)
    again.add(LEASE, Meters(1))
    again.close()
    assert reopened(path) == {LEASE: Meters(6)}


def test_without_room_it_counts_in_memory_and_writes_when_there_is_room_again(
    spool: MeterSpool, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    for number in range(PLACES_A_PAIR):
        spool.open(f"wm-1~{number + 100}", Meters())
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        spool.open(LEASE, Meters())
        assert spool.add(LEASE, ONE)
    assert "in memory only" in caplog.text
    assert LEASE not in reopened(path)
    assert spool.add(LEASE, ONE)
    assert reopened(path)[LEASE] == times(2)


def test_threads_may_add_at_once(spool: MeterSpool, path: Path) -> None:
    spool.open(LEASE, Meters())

    def add() -> None:
        for _ in range(500):
            spool.add(LEASE, ONE)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.sync()
    assert reopened(path) == {LEASE: times(2_000)}


def test_after_it_was_closed_adding_harms_nobody(path: Path) -> None:
    spool = MeterSpool(path)
    spool.open(LEASE, Meters())
    spool.close()
    spool.add(LEASE, ONE)
    spool.sync()
    assert reopened(path) == {LEASE: Meters()}


KILLED = """
import sys
from pathlib import Path
from maillage.engines.meter_spool import MeterSpool
from maillage.services.compute.model import Meters
spool = MeterSpool(Path(sys.argv[1]))
spool.open("wm-1~7", Meters())
number = 0
while True:
    spool.add("wm-1~7", Meters(1, 20, 300, 4_000, 50_000))
    number += 1
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_a_process_that_is_killed_leaves_all_that_it_counted(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 2_000:
                break
        process.send_signal(signal.SIGKILL)
        said = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    last = int(said[-1]) if said else 2_000
    total = reopened(path)[LEASE]
    assert total == times(total.requests)
    assert total.requests in (last, last + 1)
