"""Clocks: whole seconds UTC."""

import time

from maillage.engines.clocks import ManualClock, SystemClock


def test_the_clock_of_the_machine_says_what_time_it_is() -> None:
    before = int(time.time())
    now = SystemClock().now()
    assert isinstance(now, int)
    assert before <= now <= time.time()


def test_a_clock_set_by_hand_moves_when_it_is_moved() -> None:
    clock = ManualClock(100)
    assert (clock.now(), clock.now()) == (100, 100)
    clock.advance(60)
    assert clock.now() == 160
    clock.set(5)
    assert clock.now() == 5
