"""The bus over NATS when things go wrong: servers that die, lines that are cut, streams that disappear."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from pathlib import Path
from time import monotonic

import pytest

from maillage.engines.nats import collector
from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.config import PAYLOAD_BYTES_MAX
from maillage.engines.nats.stream import StreamLimits
from maillage.mesh.ports import Message, Unreachable
from tests.contract.nats_server import NatsServer, free_port
from tests.contract.relay import Relay
from tests.contract.waiting import Heard, echo, until, until_reachable


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start(server.config + f"max_payload: {PAYLOAD_BYTES_MAX}\n")
    yield server
    server.stop()


def play(story: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await story

    asyncio.run(bounded())


def test_requests_and_listening_go_on_after_the_server_was_killed_and_started_again(server: NatsServer) -> None:
    async def story() -> None:
        hub, node = [await NatsBus.connect([server.url], name) for name in ("hub", "node")]
        heard = Heard()
        await node.serve("a", echo)
        await node.listen("b", heard)
        assert await hub.request("a", b"1", 5) == b"a:1"
        server.kill()
        await until(lambda: not hub.connected and not node.connected)
        began = monotonic()
        with pytest.raises(Unreachable, match="no connection"):
            await hub.request("a", b"2", 30)
        with pytest.raises(Unreachable, match="no connection"):
            await hub.carry("events.n", b"2", "2")
        await hub.send("b", b"lost")
        assert monotonic() - began < 1
        await asyncio.to_thread(server.start)
        answer, _ = await until_reachable(lambda: hub.request("a", b"3", 5))
        assert answer == b"a:3"
        await until(lambda: node.connected)
        await hub.send("b", b"heard")
        assert await heard.until(1) == [b"heard"]
        await hub.close()
        await node.close()

    play(story())


def test_a_request_under_way_fails_when_the_connection_is_lost_not_at_its_timeout(server: NatsServer) -> None:
    async def story() -> None:
        hub, node = [await NatsBus.connect([server.url], name) for name in ("hub", "node")]
        begun, release = asyncio.Event(), asyncio.Event()

        async def never(message: Message) -> bytes:
            begun.set()
            await release.wait()
            return b""

        await node.serve("never", never)
        request = asyncio.create_task(hub.request("never", b"", 60))
        await begun.wait()
        server.kill()
        began = monotonic()
        with pytest.raises(Unreachable, match="connection was lost"):
            await request
        assert monotonic() - began < 5
        release.set()
        await asyncio.gather(hub.close(), node.close())

    play(story())


def test_a_dead_line_is_noticed_within_five_seconds_and_left_behind(server: NatsServer) -> None:
    async def story() -> None:
        relay = await Relay(server.port).start()
        hub = await NatsBus.connect([server.url], "hub")
        node = await NatsBus.connect([f"nats://127.0.0.1:{relay.port}"], "node")
        await hub.serve("a", echo)
        relay.cut()
        # So much that the socket does not take it all: whoever waits for that waits for ever.
        body = bytes(1_000_000)
        waiting = [asyncio.create_task(node.request("a", body, 60)) for _ in range(20)]
        noticed_s = await until(lambda: not node.connected)
        assert noticed_s < 5.5, noticed_s
        failures = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(failure) for failure in failures} == {Unreachable}
        relay.restore()
        answer, _ = await until_reachable(lambda: node.request("a", b"again", 5))
        assert answer == b"a:again"
        relay.cut()
        began = monotonic()
        await node.close()
        assert monotonic() - began < 8, "closing does not wait for a dead line"
        await hub.close()
        await relay.close()

    play(story())


def test_an_offline_start_returns_at_once_and_takes_effect_when_the_server_is_there(server: NatsServer) -> None:
    async def story() -> None:
        hub = await NatsBus.connect([server.url], "hub")
        await hub.ensure_stream()
        await hub.carry("events.n", b"kept", "kept")
        await hub.close()
        server.kill()
        began = monotonic()
        node = await NatsBus.connect([server.url], "node", wait=False)
        collected, heard = Heard(), Heard()
        await node.ensure_stream()
        await node.serve("a", echo)
        await node.listen("b", heard)
        stopped = await node.serve("c", echo)
        await stopped.stop()
        await node.collect("events.>", "node", collected)
        assert monotonic() - began < 1
        assert not node.connected
        with pytest.raises(Unreachable):
            await node.request("a", b"", 30)
        await asyncio.to_thread(server.start)
        await until(lambda: node.connected)
        assert await node.request("a", b"1", 5) == b"a:1"
        await node.send("b", b"2")
        assert await heard.until(1) == [b"2"]
        with pytest.raises(Unreachable, match="nobody"):
            await node.request("c", b"", 5)
        assert await collected.until(1) == [b"kept"]
        await node.close()

    play(story())


def test_a_start_that_waits_says_why_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.engines.nats.bus.FIRST_CONNECTION_S", 0.5)

    async def story() -> None:
        with pytest.raises(
            Unreachable, match=r"no connection to nats://127\.0\.0\.1:\d+: .*(refused|Connect call failed)"
        ):
            await NatsBus.connect([f"nats://127.0.0.1:{free_port()}"], "hub")
        with pytest.raises(FileNotFoundError, match="absent"):
            await NatsBus.connect(["nats://127.0.0.1:1"], "hub", Path("/absent.creds"))
        with pytest.raises(ValueError, match="servers"):
            await NatsBus.connect([], "hub")

    play(story())


def test_of_several_servers_one_that_is_there_is_found(server: NatsServer) -> None:
    async def story() -> None:
        gone = [f"nats://127.0.0.1:{free_port()}" for _ in range(3)]
        for _ in range(3):
            bus = await NatsBus.connect([*gone, server.url], "hub")
            await bus.close()

    play(story())


def test_changes_of_the_connection_are_logged_once_each(
    server: NatsServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.engines.nats.line.RETRY_LAST_S", 0.05)
    caplog.set_level(logging.INFO, "maillage")

    async def story() -> None:
        bus = await NatsBus.connect([server.url], "hub")
        server.kill()
        await until(lambda: not bus.connected)
        await asyncio.sleep(1.5)
        await asyncio.to_thread(server.start)
        await until(lambda: bus.connected)
        await bus.close()

    play(story())
    said = [record.getMessage() for record in caplog.records]
    assert sum("is connected" in each for each in said) == 2, said
    # One says that it was lost, the other that the server cannot be had.
    assert 1 <= sum("no connection" in each for each in said) <= 3, said


def test_nothing_that_was_carried_is_lost_when_the_server_is_killed_again_and_again(server: NatsServer) -> None:
    async def story() -> None:
        hub, node = [await NatsBus.connect([server.url], name) for name in ("hub", "node")]
        await hub.ensure_stream()
        heard = Heard()
        await hub.collect("events.>", "hub", heard)
        kept: list[bytes] = []
        ended = False

        async def carry_on(worker: int) -> None:
            number = 0
            while not ended:
                number += 1
                body = f"{worker}:{number}".encode()
                try:
                    await node.carry("events.n", body, body.decode())
                except Unreachable:
                    await asyncio.sleep(0.05)
                else:
                    kept.append(body)

        workers = [asyncio.create_task(carry_on(worker)) for worker in range(8)]
        for goal in (200, 400, 600):
            await until(lambda goal=goal: len(kept) > goal)
            await server.restart()
        await until(lambda: len(kept) > 700)
        ended = True
        await asyncio.gather(*workers)
        await until(lambda: set(kept) <= set(heard.bodies), 40)
        await hub.close()
        await node.close()

    play(story())


def test_collecting_goes_on_after_the_stream_or_the_consumer_was_deleted(server: NatsServer) -> None:
    async def story() -> None:
        hub = await NatsBus.connect([server.url], "hub")
        await hub.ensure_stream()
        heard = Heard()
        await hub.collect("events.>", "hub", heard)
        await hub.carry("events.n", b"1", "1")
        await heard.until(1)
        jetstream = hub._line.require("meddling").client.jetstream()
        await jetstream.delete_stream("EVENTS")
        with pytest.raises(Unreachable):
            await hub.carry("events.n", b"lost", "2")
        await until_reachable(lambda: hub.carry("events.n", b"3", "3"), 30)
        assert (await heard.until(2))[1] == b"3"
        await jetstream.delete_consumer("EVENTS", "hub")
        await hub.carry("events.n", b"4", "4")
        await until(lambda: b"4" in heard.bodies, 30)
        await hub.close()

    play(story())


def test_what_waits_behind_a_slow_handler_is_not_handed_over_twice(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "ACK_WAIT_S", 1.0)

    async def story() -> None:
        hub = await NatsBus.connect([server.url], "hub")
        await hub.ensure_stream()
        heard = Heard()

        async def slow(message: Message) -> None:
            await asyncio.sleep(0.4)
            await heard(message)

        for number in range(8):
            await hub.carry("events.n", str(number).encode(), str(number))
        await hub.collect("events.>", "hub", slow)
        assert await heard.until(8) == [str(number).encode() for number in range(8)]
        await asyncio.sleep(1.5)
        assert len(heard.bodies) == 8
        await hub.close()

    play(story())


def test_the_stream_has_the_limits_that_were_asked_for_last(server: NatsServer) -> None:
    async def story() -> None:
        hub = await NatsBus.connect([server.url], "hub")
        for limits in (StreamLimits(), StreamLimits(bytes_max=10 << 20, age_s_max=3600)):
            await hub.ensure_stream(limits)
            config = (await hub._line.require("looking").client.jetstream().stream_info("EVENTS")).config
            assert (config.max_bytes, config.max_age) == (limits.bytes_max, limits.age_s_max)
            assert config.subjects == ["events.>"]
        with pytest.raises(Unreachable, match="insufficient storage"):
            await hub.ensure_stream(StreamLimits(bytes_max=1 << 60))
        await hub.close()

    play(story())


def test_without_a_stream_nothing_can_be_carried(server: NatsServer) -> None:
    async def story() -> None:
        node = await NatsBus.connect([server.url], "node")
        with pytest.raises(Unreachable, match="events"):
            await node.carry("events.n", b"", "1")
        await node.close()

    play(story())


def test_a_body_that_only_this_server_finds_too_large_is_a_value_error_and_the_connection_stays(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start(server.config + "max_payload: 1000\n")

    async def story() -> None:
        bus = await NatsBus.connect([server.url], "node")
        link = bus._line.link
        await bus.serve("a", echo)
        assert await bus.request("a", bytes(990), 5)
        for size, headers in ((1001, None), (990, {"traceparent": "x"})):
            with pytest.raises(ValueError, match="1,000"):
                await bus.request("a", bytes(size), 5, headers)
        assert bus._line.link is link
        await bus.close()

    try:
        play(story())
    finally:
        server.stop()


def test_more_requests_than_are_served_at_once_wait_their_turn(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.engines.nats.takers.SERVED_AT_ONCE_MAX", 3)

    async def story() -> None:
        hub, node = [await NatsBus.connect([server.url], name) for name in ("hub", "node")]
        now = most = 0

        async def count(message: Message) -> bytes:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            return message.body

        await node.serve("work", count)
        assert len(await asyncio.gather(*(hub.request("work", b"", 20) for _ in range(30)))) == 30
        assert most == 3
        await hub.close()
        await node.close()

    play(story())
