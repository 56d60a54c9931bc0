"""Following records: over and over, through faults, until stopped."""

import logging
import threading

import pytest

from maillage.tenancy.follower import Follower


def test_it_looks_again_and_again_until_it_is_stopped() -> None:
    looked = threading.Semaphore(0)
    follower = Follower(looked.release, every_s=0.001)
    follower.start()
    for _ in range(3):
        assert looked.acquire(timeout=10)
    follower.stop()
    while looked.acquire(blocking=False):
        pass
    assert not looked.acquire(timeout=0.02)


def test_a_fault_is_told_once_and_looked_past(caplog: pytest.LogCaptureFixture) -> None:
    calls, enough = [0], threading.Event()

    def refresh() -> None:
        calls[0] += 1
        if calls[0] == 6:
            enough.set()
        if calls[0] <= 3:
            raise OSError("the database is away")

    with caplog.at_level(logging.WARNING):
        follower = Follower(refresh, every_s=0.001)
        follower.start()
        assert enough.wait(10)
        follower.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "the records can't be read (the database is away); what was read last holds meanwhile"
    ]
