"""One suite for every bus: what is published reaches all who listen, in order."""

import pytest

from maillage.engines.inproc_bus import InprocBus
from maillage.kernel.events import Confirmed
from maillage.kernel.ports import Bus, Committed


@pytest.fixture(params=[InprocBus])
def bus(request: pytest.FixtureRequest) -> Bus:
    made: Bus = request.param()
    return made


def committed(pos: int) -> Committed:
    return Committed(pos, [Confirmed("wm-1", pos + 1, 0, "wm-1~1")])


def test_all_who_listen_hear_all_in_order(bus: Bus) -> None:
    one: list[Committed] = []
    other: list[Committed] = []
    bus.subscribe(one.append)
    bus.subscribe(other.append)
    for pos in range(5):
        bus.publish(committed(pos))
    assert one == other == [committed(pos) for pos in range(5)]


def test_who_comes_later_hears_what_comes_later(bus: Bus) -> None:
    heard: list[Committed] = []
    bus.publish(committed(0))
    bus.subscribe(heard.append)
    bus.publish(committed(1))
    assert heard == [committed(1)]


def test_who_leaves_hears_no_more(bus: Bus) -> None:
    heard: list[Committed] = []
    leave = bus.subscribe(heard.append)
    bus.publish(committed(0))
    leave()
    bus.publish(committed(1))
    assert heard == [committed(0)]


def test_one_may_leave_while_being_told_and_the_others_still_hear(bus: Bus) -> None:
    heard: list[int] = []
    leave = bus.subscribe(lambda told: (heard.append(told.pos), leave())[0])
    bus.subscribe(lambda told: heard.append(100 + told.pos))
    bus.publish(committed(0))
    bus.publish(committed(1))
    assert heard == [0, 100, 101]


def test_the_same_listener_may_listen_twice_and_leave_once(bus: Bus) -> None:
    heard: list[Committed] = []
    leave = bus.subscribe(heard.append)
    bus.subscribe(heard.append)
    bus.publish(committed(0))
    leave()
    bus.publish(committed(1))
    assert [told.pos for told in heard] == [0, 0, 1]


def test_without_anybody_listening_nothing_happens(bus: Bus) -> None:
    bus.publish(committed(0))
