"""The simulated bus: it keeps what the bus promises, and breaks what the bus does not promise."""

from collections.abc import Awaitable, Callable

import pytest

from maillage.mesh.ports import Message, Unreachable
from maillage.simulation.bus import Exchange, SimBus, matches
from maillage.simulation.life import Life
from maillage.simulation.network import CARRIER, SimNetwork
from maillage.simulation.world import World


class Two:
    """Two processes on one network."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self.network = SimNetwork(self.world)
        self.exchange = Exchange(self.network)
        self.a, self.b = self.bus("a"), self.bus("b")
        self.heard: list[bytes] = []

    def bus(self, name: str) -> SimBus:
        return SimBus(self.exchange, Life(name, self.world.crashed))

    async def hear(self, message: Message) -> None:
        self.heard.append(message.body)

    async def shout(self, message: Message) -> bytes:
        return message.body.upper()

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await story()

        self.world.loop.run(main())
        assert not self.world.faults


def test_a_request_is_answered_by_whoever_serves_the_subject() -> None:
    two = Two()

    async def story() -> None:
        await two.b.serve("site.*.lease", two.shout)
        assert await two.a.request("site.s1.lease", b"hello", 1) == b"HELLO"

    two.play(story)


def test_a_request_that_nobody_serves_is_unreachable_at_once() -> None:
    two = Two()

    async def story() -> None:
        with pytest.raises(Unreachable):
            await two.a.request("site.s1.lease", b"hello", 60)
        assert two.world.loop.time() < 1

    two.play(story)


def test_an_answer_can_get_lost_though_the_request_was_done() -> None:
    two = Two()

    async def serve(message: Message) -> bytes:
        two.heard.append(message.body)
        two.network.cut("b", "a")
        return b"done"

    async def story() -> None:
        await two.b.serve("x", serve)
        with pytest.raises(Unreachable):
            await two.a.request("x", b"do it", 1)
        assert two.heard == [b"do it"]
        assert two.world.loop.time() >= 1

    two.play(story)


def test_who_is_cut_off_hears_nothing_and_is_not_connected_until_the_line_is_mended() -> None:
    two = Two()

    async def story() -> None:
        await two.b.listen("news", two.hear)
        mend = two.network.isolate("b")
        assert not two.b.connected
        await two.a.send("news", b"lost")
        await two.world.sleep(1)
        mend()
        assert two.b.connected
        await two.a.send("news", b"heard")
        await two.world.sleep(1)

    two.play(story)
    assert two.heard == [b"heard"]


def test_messages_come_in_order_unless_some_are_late() -> None:
    def arrivals(late_share: float) -> list[bytes]:
        two = Two()
        two.network.late_share = late_share

        async def story() -> None:
            await two.b.listen("news", two.hear)
            for number in range(50):
                await two.a.send("news", b"%02d" % number)
            await two.world.sleep(60)

        two.play(story)
        return two.heard

    assert arrivals(0.0) == sorted(arrivals(0.0))
    late = arrivals(0.3)
    assert late != sorted(late)
    assert sorted(late) == sorted(arrivals(0.0))


def test_messages_are_lost_and_doubled_in_their_share() -> None:
    two = Two()
    two.network.drop_share, two.network.double_share = 0.2, 0.2

    async def story() -> None:
        await two.b.listen("news", two.hear)
        for number in range(200):
            await two.a.send("news", b"%d" % number)
        await two.world.sleep(60)

    two.play(story)
    assert 100 < len(set(two.heard)) < 190
    assert len(two.heard) > len(set(two.heard))


def test_what_is_carried_waits_for_its_collector_and_the_same_id_again_is_dropped() -> None:
    two = Two()

    async def story() -> None:
        await two.a.carry("events.a", b"one", "1")
        await two.a.carry("events.a", b"one", "1")
        await two.a.carry("events.a", b"two", "2")
        await two.a.carry("other", b"not for b", "3")
        await two.b.collect("events.>", "b", two.hear)
        await two.world.sleep(5)

    two.play(story)
    assert two.heard == [b"one", b"two"]


def test_a_collector_goes_on_where_it_left_off_and_gets_again_what_it_could_not_take() -> None:
    two = Two()
    refused: list[bytes] = []

    async def refuse_once(message: Message) -> None:
        if not refused:
            refused.append(message.body)
            raise OSError("no room")
        two.heard.append(message.body)

    async def story() -> None:
        await two.b.collect("events.>", "b", refuse_once)
        await two.a.carry("events.a", b"one", "1")
        await two.world.sleep(5)
        two.b.life.end()
        await two.a.carry("events.a", b"two", "2")
        await two.world.sleep(5)
        again = two.bus("b")
        await again.collect("events.>", "b", two.hear)
        await two.world.sleep(5)

    two.play(story)
    assert refused == [b"one"]
    assert two.heard == [b"one", b"two"]


def test_a_carrier_that_crashes_may_lose_the_last_of_what_it_acknowledged() -> None:
    lost = set()
    for seed in range(20):
        two = Two(seed)

        async def story(two: Two = two) -> None:
            for number in range(10):
                await two.a.carry("events.a", b"%d" % number, str(number))
            two.exchange.carrier.crash()
            await two.b.collect("events.>", "b", two.hear)
            await two.world.sleep(5)

        two.play(story)
        assert two.heard == [b"%d" % number for number in range(len(two.heard))]
        lost.add(10 - len(two.heard))
    assert {0, 1, 5, 10} == lost


def test_what_could_not_be_handed_over_is_unreachable() -> None:
    two = Two()

    async def story() -> None:
        two.network.isolate(CARRIER)
        with pytest.raises(Unreachable):
            await two.a.carry("events.a", b"one", "1")

    two.play(story)


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("*.b", "a.c", False),
    ],
)
def test_subjects_are_matched_as_nats_matches_them(pattern: str, subject: str, fits: bool) -> None:
    assert matches(pattern, subject) is fits
