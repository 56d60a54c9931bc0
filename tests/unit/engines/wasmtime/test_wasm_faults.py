"""Code that does wrong: what its caller is told, and that the next request is none the worse."""

import asyncio
from pathlib import Path

import pytest

from maillage.services.compute.errors import CodeFault
from tests.contract.runtimes import Case, World
from tests.unit.engines.wasmtime.wasm_stories import COMMAND, COMPONENT, fault_of, of_text, play

BOTH = pytest.mark.parametrize("case", [COMPONENT, COMMAND], ids=["component", "command"])


async def is_well(world: World) -> None:
    assert (await world.ask("/echo", body=b"well")).body == b"well"


@BOTH
def test_a_trap_is_told_with_its_reason(case: Case, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/trap"))
        assert fault == "trap"
        assert "unreachable" in detail
        await is_well(world)

    play(case, tmp_path, story)


@BOTH
def test_fuel_that_runs_out_is_told_as_that(case: Case, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(fuel_per_request=100_000)
        fault, detail = await fault_of(world.ask("/loop"))
        assert fault == "fuel"
        assert "100,000" in detail
        assert world.meters[-1].fuel == 100_000
        await is_well(world)
        assert 0 < world.meters[-1].fuel < 100_000

    play(case, tmp_path, story)


def test_a_command_that_takes_all_memory_is_told_so(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/memory"))
        assert fault == "memory"
        assert "16,777,216" in detail
        await is_well(world)

    play(COMMAND, tmp_path, story)


def test_a_component_that_takes_all_memory_gets_no_more_than_its_lease_has(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(memory_bytes=1024**2)
        assert (await fault_of(world.ask("/memory")))[0] == "trap"
        await is_well(world)
        await world.start(memory_bytes=1024**2, response_bytes=10**7)
        assert (await fault_of(world.ask("/big", "x" * 15)))[0] == "trap"  # 15 pages more than its 2 of 16
        assert len((await world.ask("/big", "x" * 14)).body) == 14 * 65_536

    play(COMPONENT, tmp_path, story)


@BOTH
def test_a_lease_with_less_memory_than_the_code_begins_with_is_told_at_the_start(case: Case, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await fault_of(world.start(memory_bytes=65_536)))[0] == "memory"
        assert list(world.runtime.running()) == []

    play(case, tmp_path, story)


@BOTH
@pytest.mark.parametrize("path", ["/name", "/value"])
def test_headers_that_cant_be_are_a_fault_and_never_sent(case: Case, path: str, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        assert (await fault_of(world.ask(path)))[0] == "answer"
        await is_well(world)

    play(case, tmp_path, story)


@pytest.mark.parametrize("status", [0, 1, 99, 100, 199, 600, 999, 65_535])
def test_a_status_that_cant_be_is_a_fault_of_a_component(status: int, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/status", body=status.to_bytes(2, "little")))
        assert fault == "answer"
        assert f"status {status};" in detail
        assert (await world.ask("/status", body=(418).to_bytes(2, "little"))).status == 418

    play(COMPONENT, tmp_path, story)


@pytest.mark.parametrize("status", [b"", b"99", b"abc", b"1000", b"-20", b"\xd9\xa2\xd9\xa0\xd9\xa0", b"100 Continue"])
def test_a_status_that_cant_be_is_a_fault_of_a_command(status: bytes, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        assert (await fault_of(world.ask("/status", body=status)))[0] == "answer"
        assert (await world.ask("/status", body=b"418 Teapot")).status == 418

    play(COMMAND, tmp_path, story)


def test_a_command_whose_output_has_no_headers_is_a_fault(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/unheaded"))
        assert fault == "answer"
        assert "blank line" in detail

    play(COMMAND, tmp_path, story)


def test_a_command_that_ends_with_a_code_is_a_fault_unless_it_is_0(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/quit"))
        assert fault == "exit"
        assert "3" in detail
        assert (await world.ask("/over")).body == b"first"

    play(COMMAND, tmp_path, story)


@pytest.mark.parametrize("pages", [5, 200])
def test_a_component_whose_body_is_too_large_is_a_fault_also_where_it_could_not_be_handed_over(
    pages: int, tmp_path: Path
) -> None:
    async def story(world: World) -> None:
        await world.start()
        assert (await fault_of(world.ask("/big", "x" * pages)))[0] == "answer"
        await is_well(world)

    play(COMPONENT, tmp_path, story)


def test_a_body_without_end_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        outbound = await world.begin("/big")
        came = 0
        with pytest.raises(CodeFault, match="more than 262,144 bytes"):
            async for chunk in outbound.body:
                came += len(chunk)
        assert came <= 262_144
        await is_well(world)

    play(COMMAND, tmp_path, story)


def test_code_that_sleeps_is_woken_at_its_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=0.3)
        assert (await fault_of(world.ask("/zzz")))[0] == "time"
        await is_well(world)

    play(COMMAND, tmp_path, story)


def test_a_start_function_that_never_ends_is_stopped_like_any_code(tmp_path: Path) -> None:
    text = '(module (memory (export "memory") 1) (func $f (loop $on (br $on))) (start $f) (func (export "_start")))'

    async def story(world: World) -> None:
        await world.start(request_s=0.3)
        assert (await fault_of(world.ask("/")))[0] == "time"

    play(of_text(text, "command"), tmp_path, story)


def test_a_stack_without_end_is_a_trap(tmp_path: Path) -> None:
    text = '(module (memory (export "memory") 1) (func $f (call $f)) (func (export "_start") (call $f)))'

    async def story(world: World) -> None:
        await world.start()
        fault, detail = await fault_of(world.ask("/"))
        assert fault == "trap"
        assert "stack" in detail

    play(of_text(text, "command"), tmp_path, story)


COUNTING = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x: y\\n\\n0")
  (func (export "_start")
    (i32.store8 (i32.const 22) (i32.add (i32.load8_u (i32.const 22)) (i32.const 1)))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 7))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""


def test_nothing_that_one_request_leaves_in_memory_is_there_for_the_next(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        assert [(await world.ask("/")).body for _ in range(3)] == [b"1", b"1", b"1"]

    play(of_text(COUNTING, "command"), tmp_path, story)


@BOTH
def test_requests_at_the_same_time_get_each_its_own_answer(case: Case, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(concurrency=4, waiting=60)
        bodies = [b"%d" % nth * (nth * 50) for nth in range(60)]
        answers = await asyncio.gather(*(world.ask("/echo", body=body) for body in bodies))
        assert [answer.body for answer in answers] == bodies

    play(case, tmp_path, story)
