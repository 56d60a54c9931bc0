"""What the store offers to code: values, log, clocks, config, and what it keeps away."""

import time
from pathlib import Path

import pytest

from maillage.engines.wasmtime.job import LINE_CHARS_MAX
from maillage.services.compute.model import Settings
from tests.contract.runtimes import Case, World
from tests.unit.engines.wasmtime.wasm_stories import COMMAND, COMPONENT, fault_of, play


def test_values_are_kept_by_lease_and_taken_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start("lease-1")
        await world.start("lease-2")
        assert (await world.ask("/keep", "cart", b"\0milk\xff")).status == 200
        assert (await world.ask("/read", "cart")).body == b"\0milk\xff"
        assert (await world.ask("/read", "cart", name="lease-2")).status == 404
        assert (await world.ask("/drop", "cart")).status == 204
        assert (await world.ask("/read", "cart")).status == 404
        assert (await world.ask("/keep", "empty", b"")).status == 200
        assert (await world.ask("/read", "empty")).body == b""

    play(COMPONENT, tmp_path, story)


def test_a_store_of_values_that_is_full_says_so(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(stored_bytes=100)
        assert (await world.ask("/keep", "a", b"x" * 99)).status == 200
        full = await world.ask("/keep", "b", b"")
        assert (full.status, full.body) == (507, b"full")
        assert (await world.ask("/keep", "a", b"x" * 5_000)).status == 507
        assert (await world.ask("/read", "a")).body == b"x" * 99

    play(COMPONENT, tmp_path, story)


@pytest.mark.parametrize("key", ["", "k" * 513, "ä" * 257])
def test_a_key_that_cant_be_is_refused(key: str, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        assert (await world.ask("/keep", key, b"v")).status == 400
        assert (await world.ask("/read", key)).status == 404
        assert (await world.ask("/drop", key)).status == 204

    play(COMPONENT, tmp_path, story)


def test_a_store_of_values_that_fails_is_a_fault_of_the_request_only(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        world.values.close()  # type: ignore[attr-defined]
        fault, detail = await fault_of(world.ask("/keep", "a", b"v"))
        assert fault == "trap"
        assert "could not do set" in detail
        assert (await world.ask("/echo", body=b"well")).body == b"well"

    play(COMPONENT, tmp_path, story)


def test_a_line_of_the_log_has_its_level_and_time_and_no_more_than_a_line_may(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask("/write", body="überfüllt".encode())
        await world.ask("/write", body=b"x" * 20_000)
        first, second = world.lines
        assert (first.stream, first.level, first.text) == ("log", "warning", "überfüllt")
        assert abs(first.at_ms - time.time() * 1_000) < 10_000
        assert second.text == "x" * LINE_CHARS_MAX

    play(COMPONENT, tmp_path, story)


def test_what_a_command_writes_to_stderr_is_noted_by_lines(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.ask("/write", body=b"one\r\ntwo\n\nthree \xff")
        assert [(line.stream, line.text) for line in world.lines] == [
            *(("stderr", "one"), ("stderr", "two"), ("stderr", "three \ufffd")),
        ]

    play(COMMAND, tmp_path, story)


@pytest.mark.parametrize("case", [COMPONENT, COMMAND], ids=["component", "command"])
def test_a_flood_of_lines_ends_with_the_request(case: Case, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=0.3)
        assert (await fault_of(world.ask("/flood")))[0] == "time"
        assert len(world.lines) > 100

    play(case, tmp_path, story)


@pytest.mark.parametrize("case", [COMPONENT, COMMAND], ids=["component", "command"])
def test_both_clocks_go(case: Case, tmp_path: Path) -> None:
    unit_s = 1e-3 if case is COMPONENT else 1e-9

    async def story(world: World) -> None:
        await world.start()
        told = [(await world.ask("/clock")).body for _ in range(2)]
        (wall, first), (_, second) = [
            (int.from_bytes(each[:8], "little"), int.from_bytes(each[8:], "little")) for each in told
        ]
        assert abs(wall * unit_s - time.time()) < 10
        assert 0 < second - first < 10e9

    play(case, tmp_path, story)


def test_a_command_has_no_folders_and_no_sockets(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        folder, socket = (await world.ask("/xyz")).body
        assert folder != 0
        assert socket != 0

    play(COMMAND, tmp_path, story)


def test_a_command_streams_what_it_has_while_it_rests(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        begun = time.monotonic()
        outbound = await world.begin("/parts")
        parts = [(chunk, time.monotonic() - begun) async for chunk in outbound.body]
        assert b"".join(chunk for chunk, _ in parts) == b"first second"
        assert parts[-1][1] - parts[0][1] > 0.2

    play(COMMAND, tmp_path, story)


def test_a_caller_that_stops_reading_stops_the_code(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(request_s=20.0, response_bytes=10**9, cpu=100)
        outbound = await world.begin("/big")
        async for _ in outbound.body:
            break
        await outbound.body.aclose()  # type: ignore[attr-defined]
        begun = time.monotonic()
        await world.runtime.stop("lease-1", 15.0)
        assert time.monotonic() - begun < 5.0

    play(COMMAND, tmp_path, story)


def test_a_location_without_a_status_is_a_redirect(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start()
        answer = await world.ask("/jump")
        assert (answer.status, answer.headers) == (302, {"location": "/elsewhere"})

    play(COMMAND, tmp_path, story)


def test_text_that_is_none_does_not_end_the_process(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.start(settings=Settings(config={"odd": "\ud800"}))
        assert (await world.ask("/echo\ud800", "\udfff", headers=[("x", "\ud800")])).status == 200
        assert (await world.ask("/get", "odd")).body == b"?"

    play(COMPONENT, tmp_path, story)
    play(COMMAND, tmp_path, story)
