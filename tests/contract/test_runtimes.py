"""One suite for every runtime, over each kind of code that it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from maillage.kernel.errors import NotFound
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault
from maillage.services.compute.model import Settings
from tests.contract.runtimes import CASES, Case, World, opened

Play = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def play(request: pytest.FixtureRequest, tmp_path: Path, compiled: Path) -> Play:
    """Runs a story against a runtime whose code has been accepted."""
    case: Case = request.param
    if why := case.missing():
        pytest.skip(why)

    def run(story: Callable[[World], Awaitable[None]]) -> None:
        async def told() -> None:
            async with opened(case, tmp_path, compiled) as world:
                found = await world.runtime.inspect(world.code.path, case.kind, world.code.digest, world.code.reference)
                assert found.kind == case.kind
                await story(world)

        asyncio.run(told())

    return run


def test_a_request_comes_as_it_was_made_and_its_answer_goes_back(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        answer = await world.ask("/echo/a b", "x=1&y=%20", b"\0\xff" * 20_000, method="PUT")
        assert answer.status == 200
        assert answer.body == b"\0\xff" * 20_000
        told = {name: answer.headers[name] for name in ("x-method", "x-path", "x-query")}
        assert told == {"x-method": "PUT", "x-path": "/echo/a b", "x-query": "x=1&y=%20"}

    play(story)


def test_the_config_of_the_deployment_reaches_the_code_and_nothing_else_does(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SECRET", "hidden")

    async def story(world: World) -> None:
        await world.start(settings=Settings(config={"greeting": "grüezi"}))
        assert (await world.ask("/get", "greeting")).body == "grüezi".encode()
        assert (await world.ask("/get", "SHOP_SECRET")).status == 404

    play(story)


def test_what_the_code_writes_to_its_log_is_noted(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask("/write", body=b"shelf 7 is empty")
        async with asyncio.timeout(5):
            while not any(line.text == "shelf 7 is empty" for line in world.lines):
                await asyncio.sleep(0.01)

    play(story)


def test_each_request_is_counted_once_also_one_that_fails(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=0.3)
        await world.ask("/echo", body=b"12345")
        with pytest.raises(CodeFault):
            await world.ask("/loop")
        first, second = world.meters
        assert (first.requests, first.bytes_in, first.bytes_out) == (1, 5, 5)
        assert first.wall_us > 0
        assert second.requests == 1
        assert second.wall_us >= 250_000

    play(story)


def test_only_what_was_started_and_not_stopped_runs(play: Play) -> None:
    async def story(world: World) -> None:
        with pytest.raises(NotFound):
            await world.ask("/echo")
        await world.start("lease-1")
        await world.start("lease-2")
        assert sorted(world.runtime.running()) == ["lease-1", "lease-2"]
        await world.runtime.stop("lease-1", 1.0)
        await world.runtime.stop("lease-1", 1.0)
        assert list(world.runtime.running()) == ["lease-2"]
        with pytest.raises(NotFound):
            await world.ask("/echo")
        assert (await world.ask("/echo", name="lease-2")).status == 200
        await world.start("lease-1")
        assert (await world.ask("/echo")).status == 200

    play(story)


def test_starting_it_again_gives_it_its_new_settings(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(settings=Settings(config={"shop": "one"}))
        await world.start(settings=Settings(config={"shop": "two"}))
        assert (await world.ask("/get", "shop")).body == b"two"
        assert list(world.runtime.running()) == ["lease-1"]

    play(story)


def test_code_that_never_answers_is_a_fault_after_its_time_and_the_next_request_is_answered(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=0.4)
        begun = monotonic()
        with pytest.raises(CodeFault) as caught:
            await world.ask("/loop")
        assert caught.value.extra == {"instance": "lease-1", "fault": "time"}
        assert 0.35 < monotonic() - begun < 3.0
        assert (await world.ask("/echo", body=b"well")).body == b"well"

    play(story)


def test_a_body_above_the_limit_is_refused(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(request_bytes=1_000)
        assert (await world.ask("/echo", body=b"x" * 1_000)).status == 200
        with pytest.raises(BodyTooLarge, match="1,000"):
            await world.ask("/echo", body=b"x" * 1_001)
        assert (await world.ask("/echo")).status == 200

    play(story)


def test_so_many_run_so_many_wait_and_the_next_is_told_that_it_is_busy(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(concurrency=1, waiting=1, request_s=0.5)
        first = asyncio.create_task(world.ask("/loop"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(world.ask("/echo", body=b"I can wait"))
        await asyncio.sleep(0.05)
        begun = monotonic()
        with pytest.raises(Busy):
            await world.ask("/echo")
        assert monotonic() - begun < 0.2
        with pytest.raises(CodeFault):
            await first
        assert (await second).body == b"I can wait"

    play(story)


def test_a_caller_that_goes_away_leaves_its_place_to_the_next(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(concurrency=1, waiting=1, request_s=20.0)
        gone = asyncio.create_task(world.ask("/loop"))
        await asyncio.sleep(0.1)
        gone.cancel()
        begun = monotonic()
        assert (await world.ask("/echo")).status == 200
        assert monotonic() - begun < 5.0

    play(story)


def test_stopping_lets_go_of_what_never_ends_after_the_grace(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=30.0)
        endless = asyncio.create_task(world.ask("/loop"))
        await asyncio.sleep(0.1)
        begun = monotonic()
        await world.runtime.stop("lease-1", 0.3)
        assert 0.25 < monotonic() - begun < 10.0
        with pytest.raises(CodeFault):
            await endless

    play(story)


def test_a_neighbour_is_answered_while_another_instance_never_rests(play: Play) -> None:
    async def story(world: World) -> None:
        await world.start("greedy", cpu=500, request_s=1.5)
        await world.start("calm", cpu=500)
        greedy = [asyncio.create_task(world.ask("/loop", name="greedy")) for _ in range(2)]
        for _ in range(10):
            assert (await world.ask("/echo", body=b"hello", name="calm")).body == b"hello"
        for task in greedy:
            with pytest.raises(CodeFault):
                await task

    play(story)
