"""Requests to an app over real sockets: passed on as they came, and held to the limits of the instance."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from maillage.engines.podman.proxy import Proxy
from maillage.kernel.errors import Invalid
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault
from maillage.services.compute.model import Instance, Limits, Meters, Settings
from maillage.services.compute.ports import Inbound, Outbound
from tests.unit.engines.podman.app_server import AppServer, an_app

LIMITS = Limits(
    cpu=1000,
    memory_bytes=64 * 1024 * 1024,
    concurrency=2,
    waiting=1,
    request_s=0.5,
    request_bytes=100_000,
    response_bytes=200_000,
    fuel_per_request=0,
    stored_bytes=0,
)


class Story:
    def __init__(self, app: AppServer, limits: Limits) -> None:
        self.app = app
        self.used: list[Meters] = []
        self.ended: CodeFault | None = None
        instance = Instance("i1", "d", "a", "t", "s", "sha256:0", "image", "", Settings(port=app.port), limits)
        self.proxy = Proxy(instance, app.dial, self.fate, self.used.append)

    async def fate(self) -> CodeFault | None:
        return self.ended

    async def open(self, path: str, *parts: bytes, method: str = "GET", query: str = "", **headers: str) -> Outbound:
        async def body() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await self.proxy.invoke(Inbound(method, path, query, named, body()))

    async def ask(self, path: str, *parts: bytes, **rest: Any) -> tuple[int, bytes]:
        answer = await self.open(path, *parts, **rest)
        return answer.status, b"".join([chunk async for chunk in answer.body])


def run(story: Callable[[Story], Awaitable[None]], **limits: Any) -> None:
    async def all_of_it() -> None:
        async with an_app() as app:
            told = Story(app, msgspec.structs.replace(LIMITS, **limits))
            await story(told)
            await told.proxy.close()

    asyncio.run(all_of_it())


def test_a_request_comes_as_it_was_sent_and_its_answer_as_it_was_given() -> None:
    async def story(told: Story) -> None:
        answer = await told.open(
            "/echo", b"hello", method="POST", query="a=1&b=%20", content_length="5", x_mine="1",
            connection="x-hop, close", x_hop="1", te="trailers", upgrade="x", host="shop.example",
        )  # fmt: skip
        assert answer.status == 200
        assert [value for name, value in answer.headers if name == "x-a"] == ["1", "2"]
        assert b"".join([chunk async for chunk in answer.body]) == b"hello"
        head = told.app.heads[0].lower()
        assert head.startswith("post /echo?a=1&b=%20 http/1.1\r\n")
        assert "x-mine: 1" in head
        assert "host: shop.example" in head
        assert not any(name in head for name in ("x-hop", "te:", "upgrade", "connection"))
        (used,) = told.used
        assert (used.requests, used.bytes_in, used.bytes_out) == (1, 5, 5)
        assert used.wall_us > 0

    run(story)


def test_a_body_of_unknown_length_streams_both_ways_and_connections_are_kept() -> None:
    async def story(told: Story) -> None:
        assert await told.ask("/echo", b"a" * 50_000, b"b" * 50_000, method="POST") == (
            200,
            b"a" * 50_000 + b"b" * 50_000,
        )
        assert await told.ask("/echo") == (200, b"")
        assert "transfer-encoding" not in told.app.heads[1].lower()
        answer = await told.open("/chunks")
        assert [name for name, _ in answer.headers] == []
        chunks = aiter(answer.body)
        assert await anext(chunks) == b"one "  # while the app has not said the rest yet
        told.app.release.set()
        assert await anext(chunks) == b"two"
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)
        assert told.app.connections == 1

    run(story)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/never", "time"),
        ("/stuck", "time"),
        ("/rubbish", "answer"),
        ("/headers", "answer"),
        ("/announced", "answer"),
        ("/endless", "answer"),
        ("/upgrade", "answer"),
        ("/hangup", "answer"),
        ("/short", "answer"),
    ],
)
def test_an_app_that_misbehaves_is_at_fault_and_counted_once(path: str, fault: str) -> None:
    async def story(told: Story) -> None:
        with pytest.raises(CodeFault) as said:
            await told.ask(path)
        assert said.value.extra == {"instance": "i1", "fault": fault}
        assert len(told.used) == 1
        for _ in range(3):  # and it has its turn back
            assert await told.ask("/echo") == (200, b"")

    run(story)


def test_a_container_that_is_gone_says_how_it_ended() -> None:
    async def story(told: Story) -> None:
        told.ended = CodeFault("it ended with exit code 3", instance="i1", fault="exit")
        with pytest.raises(CodeFault, match="exit code 3"):
            await told.ask("/hangup")

    run(story)


def test_a_request_that_is_too_large_or_can_not_be_passed_on() -> None:
    async def story(told: Story) -> None:
        with pytest.raises(BodyTooLarge, match="more than the 100,000 bytes"):
            await told.ask("/echo", b"x" * 60_000, b"x" * 60_000, method="POST")
        with pytest.raises(Invalid, match="can't be passed on"):
            await told.ask("/echo", x_bad="a\r\nb: c")
        for wrong in ("2", "6"):
            with pytest.raises(Invalid, match="has not the"):
                await told.ask("/echo", b"1234", method="POST", content_length=wrong)
        with pytest.raises(Invalid, match="is not a number"):
            await told.ask("/echo", b"1234", method="POST", content_length="-4")
        assert await told.ask("/echo") == (200, b"")

    run(story)


def test_as_many_at_once_as_the_lease_admits_one_waits_and_the_next_is_turned_away() -> None:
    async def story(told: Story) -> None:
        going = [asyncio.create_task(told.ask("/wait")) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert len(told.app.heads) == 2
        with pytest.raises(Busy, match="2 requests run and 1 wait"):
            await told.ask("/wait")
        told.app.release.set()
        assert [(await one)[0] for one in going] == [204] * 3
        assert len(told.used) == 3

    run(story, request_s=5.0)


def test_who_waits_too_long_for_a_turn_is_told() -> None:
    async def story(told: Story) -> None:
        one_by_one = [asyncio.create_task(told.ask("/never")) for _ in range(3)]
        faults = await asyncio.gather(*one_by_one, return_exceptions=True)
        assert [type(fault) for fault in faults[:2]] == [CodeFault] * 2 or isinstance(faults[1], Busy)
        with pytest.raises(Busy, match="no turn came"):
            raise faults[2]  # type: ignore[misc]

    run(story, concurrency=1, waiting=2, request_s=0.3)


def test_a_slow_reader_keeps_its_turn_no_longer_than_a_request_may_take() -> None:
    async def story(told: Story) -> None:
        slow = await told.open("/endless")
        await asyncio.sleep(0.4)
        assert await told.ask("/echo") == (200, b"")
        with pytest.raises(CodeFault) as said:
            while True:
                await anext(aiter(slow.body))
        assert said.value.extra["fault"] == "time"

    run(story, concurrency=1, request_s=0.2, response_bytes=1 << 40)


def test_a_reader_that_goes_gives_its_turn_back_and_settling_waits_for_those_that_stay() -> None:
    async def story(told: Story) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            answer = await told.open("/stuck")
            await answer.body.aclose()  # type: ignore[attr-defined]
        going = asyncio.create_task(told.ask("/wait"))
        await asyncio.sleep(0.05)
        began = loop.time()
        await told.proxy.settle(0.1)
        assert loop.time() - began >= 0.09
        told.app.release.set()
        await told.proxy.settle(5)
        assert (await going)[0] == 204
        given_up = asyncio.create_task(told.ask("/never"))
        await asyncio.sleep(0.05)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await told.proxy.settle(0.01)
        assert len(told.used) == 7

    run(story, concurrency=1)
