"""One suite for every bus: what it promises between two ends, and what becomes of those who break its rules."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic

import pytest

from maillage.engines.bus_rules import BODY_BYTES_MAX, matches
from maillage.engines.inproc_bus import Exchange, InprocBus
from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.config import PAYLOAD_BYTES_MAX
from maillage.mesh.ports import Bus, Message, Unreachable
from tests.contract.nats_server import NatsServer
from tests.contract.waiting import Heard, echo

PATIENCE_S = 20.0
Open = Callable[[], Awaitable[Bus]]
World = Callable[[], AbstractAsyncContextManager[Open]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start(server.config + f"max_payload: {PAYLOAD_BYTES_MAX}\n")
    yield server
    server.stop()


@pytest.fixture(params=["inproc", "nats"])
def world(request: pytest.FixtureRequest) -> World:
    """Opens ends of one bus, each a member of its own, with nothing carried yet; closes them all at the end."""

    @asynccontextmanager
    async def over_nats() -> AsyncIterator[Open]:
        url = request.getfixturevalue("server").url
        ends: list[NatsBus] = []

        async def open_end() -> Bus:
            ends.append(await NatsBus.connect([url], f"end-{len(ends)}"))
            await ends[-1].ensure_stream()
            return ends[-1]

        try:
            yield open_end
            for end in ends:
                await end.close()
        finally:
            sweeper = await NatsBus.connect([url], "sweeper")
            link = sweeper._line.require("sweeping")
            await link.client.jetstream().delete_stream("EVENTS")
            await sweeper.close()

    @asynccontextmanager
    async def in_process() -> AsyncIterator[Open]:
        exchange = Exchange()
        ends: list[InprocBus] = []

        async def open_end() -> Bus:
            ends.append(InprocBus(exchange))
            return ends[-1]

        yield open_end
        for end in ends:
            await end.close()

    return over_nats if request.param == "nats" else in_process


def play(world: World, story: Callable[[Open], Awaitable[None]]) -> None:
    """Run a story between ends of a new bus."""

    async def run() -> None:
        async with asyncio.timeout(60), world() as open_end:
            await story(open_end)

    asyncio.run(run())


def test_a_request_is_answered_by_who_serves_its_subject(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        await node.serve("site.a.lease", echo)
        assert await hub.request("site.a.lease", b"hello", 5) == b"site.a.lease:hello"
        assert await node.request("site.a.lease", b"to myself", 5) == b"site.a.lease:to myself"
        assert hub.connected and node.connected

    play(world, story)


def test_headers_go_with_a_request(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()

        async def trace(message: Message) -> bytes:
            return ";".join(f"{name}={value}" for name, value in sorted(message.headers.items())).encode()

        await node.serve("trace", trace)
        assert await hub.request("trace", b"", 5) == b""
        assert await hub.request("trace", b"", 5, {"traceparent": "00-ab-01", "tracestate": "é=1"}) == (
            "traceparent=00-ab-01;tracestate=é=1".encode()
        )
        with pytest.raises(ValueError, match="header"):
            await hub.request("trace", b"", 5, {"trace parent": "x"})
        with pytest.raises(ValueError, match="header"):
            await hub.request("trace", b"", 5, {"traceparent": "x\r\ny: z"})

    play(world, story)


def test_nobody_serving_is_known_at_once(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub = await open_end()
        began = monotonic()
        with pytest.raises(Unreachable, match=r"site\.nobody\.lease"):
            await hub.request("site.nobody.lease", b"", 30)
        assert monotonic() - began < 5

    play(world, story)


def test_an_answer_that_takes_too_long_is_given_up(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        done = asyncio.Event()

        async def slow(message: Message) -> bytes:
            await done.wait()
            return b"late"

        await node.serve("slow", slow)
        with pytest.raises(Unreachable, match="slow"):
            await hub.request("slow", b"", 0.1)
        done.set()
        assert await hub.request("slow", b"", 5) == b"late"

    play(world, story)


def test_a_handler_that_raises_leaves_its_request_without_answer_and_the_others_with_theirs(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()

        async def picky(message: Message) -> bytes:
            if message.body == b"bad":
                raise RuntimeError("no")
            return b"y" * (BODY_BYTES_MAX + 1) if message.body == b"much" else b"fine"

        await node.serve("picky", picky)
        for body in (b"bad", b"much"):
            with pytest.raises(Unreachable):
                await hub.request("picky", body, 0.3)
        assert await hub.request("picky", b"good", 5) == b"fine"

    play(world, story)


def test_a_slow_request_does_not_hold_up_the_others(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        release = asyncio.Event()

        async def serve(message: Message) -> bytes:
            if message.body == b"slow":
                await release.wait()
            return message.body

        await node.serve("work", serve)
        slow = asyncio.create_task(hub.request("work", b"slow", PATIENCE_S))
        bodies = [str(number).encode() for number in range(300)]
        assert await asyncio.gather(*(hub.request("work", body, PATIENCE_S) for body in bodies)) == bodies
        assert not slow.done()
        release.set()
        assert await slow == b"slow"

    play(world, story)


def test_of_two_who_serve_a_subject_one_answers(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, one, two = await open_end(), await open_end(), await open_end()
        asked: list[str] = []

        def serve(name: str) -> Callable[[Message], Awaitable[bytes]]:
            async def answer(message: Message) -> bytes:
                asked.append(name)
                return name.encode()

            return answer

        await one.serve("hub.ask.*", serve("one"))
        await two.serve("hub.ask.*", serve("two"))
        answers = [await hub.request(f"hub.ask.{number}", b"", 5) for number in range(40)]
        assert [answer.decode() for answer in answers] == asked
        assert set(asked) == {"one", "two"}

    play(world, story)


def test_who_has_stopped_serving_or_has_gone_is_not_asked_any_more(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        serving = await node.serve("a", echo)
        await node.serve("b", echo)
        await serving.stop()
        await serving.stop()
        with pytest.raises(Unreachable):
            await hub.request("a", b"", 5)
        assert await hub.request("b", b"", 5) == b"b:"
        await node.close()
        assert not node.connected
        with pytest.raises(Unreachable):
            await hub.request("b", b"", 5)
        with pytest.raises(Unreachable):
            await node.request("b", b"", 5)
        with pytest.raises(Unreachable):
            await node.carry("events.n", b"", "late")
        await node.send("b", b"lost")

    play(world, story)


def test_a_request_under_way_is_answered_before_the_bus_closes(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        begun, release = asyncio.Event(), asyncio.Event()

        async def slow(message: Message) -> bytes:
            begun.set()
            await release.wait()
            return b"done"

        await node.serve("slow", slow)
        request = asyncio.create_task(hub.request("slow", b"", PATIENCE_S))
        await begun.wait()
        closing = asyncio.create_task(node.close())
        await asyncio.sleep(0)
        release.set()
        await closing
        assert await request == b"done"

    play(world, story)


@pytest.mark.parametrize("size", [0, 1, 70_000, BODY_BYTES_MAX])
def test_bodies_of_any_size_up_to_the_limit_arrive_whole(world: World, size: int) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        body = (bytes(range(256)) * (size // 256 + 1))[:size]
        heard, collected = Heard(), Heard()

        async def same(message: Message) -> bytes:
            return message.body

        await node.serve("same", same)
        await node.listen("heard", heard)
        await node.collect("events.>", "all", collected)
        assert await hub.request("same", body, 5, {"traceparent": "x" * 50}) == body
        await hub.send("heard", body)
        await hub.carry("events.n", body, "one")
        assert await heard.until(1) == await collected.until(1) == [body]

    play(world, story)


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub = await open_end()
        body = bytes(BODY_BYTES_MAX + 1)
        with pytest.raises(ValueError, match="1,048,577 bytes"):
            await hub.request("same", body, 5)
        with pytest.raises(ValueError, match="1,048,577 bytes"):
            await hub.send("heard", body)
        with pytest.raises(ValueError, match="1,048,577 bytes"):
            await hub.carry("events.n", body, "one")
        assert hub.connected

    play(world, story)


@pytest.mark.parametrize("subject", ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x 0", "a.*", "a.>", ">", "a*"])
def test_a_subject_that_is_none_is_refused(world: World, subject: str) -> None:
    async def story(open_end: Open) -> None:
        hub = await open_end()
        with pytest.raises(ValueError, match="subject"):
            await hub.request(subject, b"", 5)
        with pytest.raises(ValueError, match="subject"):
            await hub.send(subject, b"")
        with pytest.raises(ValueError, match="subject"):
            await hub.carry(subject, b"", "one")
        if subject not in ("a.*", "a.>", ">"):
            with pytest.raises(ValueError, match="subject"):
                await hub.listen(subject, Heard())
            with pytest.raises(ValueError, match="subject"):
                await hub.serve(subject, echo)
            with pytest.raises(ValueError, match="subject"):
                await hub.collect(subject, "all", Heard())

    play(world, story)


def test_names_that_cannot_be_kept_are_refused(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub = await open_end()
        for name in ("", "a.b", "a b", "x" * 65):
            with pytest.raises(ValueError, match="collector"):
                await hub.collect("events.>", name, Heard())
        for message_id in ("", "a b", "a\n", "é", "x" * 257):
            with pytest.raises(ValueError, match="message's id"):
                await hub.carry("events.n", b"", message_id)

    play(world, story)


def test_all_who_listen_hear_what_is_sent_in_order(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, one, two = await open_end(), await open_end(), await open_end()
        exact, word, rest, other = Heard(), Heard(), Heard(), Heard()
        await one.listen("node.n1.alive", exact)
        await one.listen("node.*.alive", word)
        await two.listen("node.>", rest)
        await two.listen("node.*", other)
        bodies = [str(number).encode() for number in range(200)]
        for body in bodies:
            await hub.send("node.n1.alive", body)
        await hub.send("node.n2.alive", b"n2")
        await hub.send("node.n2", b"short")
        assert await word.until(201) == [*bodies, b"n2"]
        assert await rest.until(202) == [*bodies, b"n2", b"short"]
        assert await exact.until(200) == bodies
        assert await other.until(1) == [b"short"]

    play(world, story)


def test_a_listener_that_raises_hears_what_follows_and_one_that_has_stopped_nothing(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        heard, witness = Heard(), Heard()

        async def picky(message: Message) -> None:
            await heard(message)
            raise RuntimeError("no")

        listening = await node.listen("hub.changed", picky)
        await node.listen("hub.changed", witness)
        await hub.send("hub.changed", b"1")
        await hub.send("hub.changed", b"2")
        assert await heard.until(2) == [b"1", b"2"]
        await listening.stop()
        await hub.send("hub.changed", b"3")
        assert await witness.until(3) == [b"1", b"2", b"3"]
        assert heard.bodies == [b"1", b"2"]

    play(world, story)


def test_what_is_carried_is_collected_in_order_by_each_collector(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        one, two, some = Heard(), Heard(), Heard()
        await hub.collect("events.>", "one", one)
        await hub.collect("events.n1", "some", some)
        bodies = [str(number).encode() for number in range(300)]
        for body in bodies:
            await node.carry("events.n1", body, f"n1:{body.decode()}")
        await node.carry("events.n2", b"n2", "n2:1")
        await node.collect("events.>", "two", two)
        assert await one.until(301) == await two.until(301) == [*bodies, b"n2"]
        assert await some.until(300) == bodies
        assert {message.subject for message in some.messages} == {"events.n1"}
        assert some.messages[0].headers == {}

    play(world, story)


def test_many_may_be_carried_at_once(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        heard = Heard()
        await hub.collect("events.>", "hub", heard)
        await asyncio.gather(*(node.carry("events.n", str(number).encode(), f"n:{number}") for number in range(1_000)))
        assert sorted(map(int, await heard.until(1_000))) == list(range(1_000))

    play(world, story)


def test_the_same_message_id_is_carried_once(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        heard = Heard()
        await hub.collect("events.>", "hub", heard)
        for message_id in ("a", "a", "b", "a"):
            await node.carry("events.n", message_id.encode(), message_id)
        await node.carry("events.n", b"end", "end")
        assert await heard.until(3) == [b"a", b"b", b"end"]

    play(world, story)


def test_a_collector_that_was_away_gets_what_it_missed_and_nothing_twice(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        before, after = Heard(), Heard()
        collecting = await hub.collect("events.>", "hub", before)
        await node.carry("events.n", b"1", "1")
        await before.until(1)
        await collecting.stop()
        await node.carry("events.n", b"2", "2")
        await node.carry("events.n", b"3", "3")
        await hub.close()
        again = await open_end()
        await again.collect("events.>", "hub", after)
        await node.carry("events.n", b"4", "4")
        assert await after.until(3) == [b"2", b"3", b"4"]
        assert before.bodies == [b"1"]

    play(world, story)


def test_a_message_whose_handler_raises_comes_again_while_the_others_go_on(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        heard, tries = Heard(), 0

        async def picky(message: Message) -> None:
            nonlocal tries
            if message.body == b"1" and (tries := tries + 1) < 3:
                raise RuntimeError("not yet")
            await heard(message)

        await hub.collect("events.>", "hub", picky)
        for body in (b"1", b"2", b"3"):
            await node.carry("events.n", body, body.decode())
        assert await heard.until(3) == [b"2", b"3", b"1"]
        assert tries == 3

    play(world, story)


def test_a_message_in_hand_when_its_collector_closes_is_finished_or_comes_again(world: World) -> None:
    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        begun, release = asyncio.Event(), asyncio.Event()
        done, after = Heard(), Heard()

        async def slow(message: Message) -> None:
            begun.set()
            await release.wait()
            await done(message)

        await hub.collect("events.>", "hub", slow)
        for body in (b"1", b"2", b"3"):
            await node.carry("events.n", body, body.decode())
        await begun.wait()
        closing = asyncio.create_task(hub.close())
        await asyncio.sleep(0)
        release.set()
        await closing
        again = await open_end()
        await again.collect("events.>", "hub", after)
        assert sorted(await after.until(2)) == [b"2", b"3"]
        assert done.bodies == [b"1"]

    play(world, story)


def test_two_that_collect_under_one_name_share_the_work(world: World) -> None:
    async def story(open_end: Open) -> None:
        one, two, node = await open_end(), await open_end(), await open_end()
        both = Heard()
        await one.collect("events.>", "hub", both)
        await two.collect("events.>", "hub", both)
        for number in range(100):
            await node.carry("events.n", str(number).encode(), str(number))
        assert sorted(map(int, await both.until(100))) == list(range(100))

    play(world, story)


@pytest.mark.parametrize(
    ("pattern", "subject", "heard"),
    [
        ("a", "a", True),
        ("a", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("a.*.>", "a.b.c", True),
        ("a.*.>", "a.b", False),
    ],
)
def test_patterns_match_as_nats_has_it(world: World, pattern: str, subject: str, heard: bool) -> None:
    assert matches(pattern, subject) is heard

    async def story(open_end: Open) -> None:
        hub, node = await open_end(), await open_end()
        listening, end = Heard(), Heard()
        await node.listen(pattern, listening)
        await node.listen("end", end)
        await hub.send(subject, b"")
        await hub.send("end", b"")
        await end.until(1)
        if heard:
            await listening.until(1)
        assert (subject in {message.subject for message in listening.messages}) is heard

    play(world, story)
