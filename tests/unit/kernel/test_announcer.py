"""The announcer: what is published reaches all who listen, in order."""

import pytest

from maillage.kernel.announcer import Announcer
from maillage.kernel.events import Confirmed
from maillage.kernel.ports import Committed


@pytest.fixture
def announcer() -> Announcer:
    return Announcer()


def committed(pos: int) -> Committed:
    return Committed(pos, [Confirmed("wm-1", pos + 1, 0, "wm-1~1")])


def test_all_who_listen_hear_all_in_order(announcer: Announcer) -> None:
    one: list[Committed] = []
    other: list[Committed] = []
    announcer.subscribe(one.append)
    announcer.subscribe(other.append)
    for pos in range(5):
        announcer.publish(committed(pos))
    assert one == other == [committed(pos) for pos in range(5)]


def test_who_comes_later_hears_what_comes_later(announcer: Announcer) -> None:
    heard: list[Committed] = []
    announcer.publish(committed(0))
    announcer.subscribe(heard.append)
    announcer.publish(committed(1))
    assert heard == [committed(1)]


def test_who_leaves_hears_no_more(announcer: Announcer) -> None:
    heard: list[Committed] = []
    leave = announcer.subscribe(heard.append)
    announcer.publish(committed(0))
    leave()
    announcer.publish(committed(1))
    assert heard == [committed(0)]


def test_one_may_leave_while_being_told_and_the_others_still_hear(announcer: Announcer) -> None:
    heard: list[int] = []
    leave = announcer.subscribe(lambda told: (heard.append(told.pos), leave())[0])
    announcer.subscribe(lambda told: heard.append(100 + told.pos))
    announcer.publish(committed(0))
    announcer.publish(committed(1))
    assert heard == [0, 100, 101]


def test_the_same_listener_may_listen_twice_and_leave_once(announcer: Announcer) -> None:
    heard: list[Committed] = []
    leave = announcer.subscribe(heard.append)
    announcer.subscribe(heard.append)
    announcer.publish(committed(0))
    leave()
    announcer.publish(committed(1))
    assert [told.pos for told in heard] == [0, 0, 1]


def test_without_anybody_listening_nothing_happens(announcer: Announcer) -> None:
    announcer.publish(committed(0))
