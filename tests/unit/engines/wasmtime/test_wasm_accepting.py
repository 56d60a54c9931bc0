"""What is accepted at the upload, what is refused with which reason, and what becomes of compiled code."""

import asyncio
import os
from pathlib import Path

import pytest

from maillage.engines.wasmtime import artefacts, library
from maillage.engines.wasmtime.compile import main as examine
from maillage.engines.wasmtime.runtime import SIZE_BYTES_MAX
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import CodeKind
from maillage.services.compute.ports import Inspected
from tests.contract.runtimes import WASM_CODE, World, opened, put_code
from tests.unit.engines.wasmtime.wasm_stories import COMMAND, COMPONENT, play

wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
APP = (WASM_CODE / "app.wat").read_text()
START = '(func (export "_start"))'


def accept(folder: Path, body: bytes, kind: CodeKind) -> Inspected:
    async def run() -> Inspected:
        code = put_code(folder, body)
        async with opened(COMMAND, folder, folder / "compiled") as world:
            return await world.runtime.inspect(code.path, kind, code.digest, "")

    return asyncio.run(run())


def refusal(folder: Path, body: bytes, kind: CodeKind) -> tuple[str, str]:
    """By what the compiling process does, done here: (fault, detail)."""
    code, into = put_code(folder, body), folder / "made"
    report = examine(kind, code.path, code.digest, into)
    assert report.shape is None
    assert not into.exists()
    return report.fault, report.detail


def refusal_by_runtime(folder: Path, body: bytes, kind: CodeKind) -> tuple[str, str]:
    with pytest.raises(CodeRefused) as caught:
        accept(folder, body, kind)
    assert [path for path in (folder / "compiled").rglob("*") if path.is_file()] == [], "something was left behind"
    return caught.value.extra["fault"], caught.value.detail


def binary(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def test_the_least_memory_that_code_starts_with_is_told(tmp_path: Path) -> None:
    assert accept(tmp_path, binary(APP), "component") == Inspected("component", 2 * 65_536)
    assert accept(tmp_path, binary(f'(module (memory (export "memory") 7) {START})'), "command").needs_memory_bytes == (
        7 * 65_536
    )


@pytest.mark.parametrize("body", [b"", b"\0as", b"#!/bin/sh\n", b"PK\3\4" + bytes(100), b"\x7fELF" + bytes(60)])
def test_what_is_not_webassembly_is_refused(body: bytes, tmp_path: Path) -> None:
    fault, detail = refusal_by_runtime(tmp_path, body, "component")
    assert fault == "not-wasm"
    assert "asm" in detail


def test_a_damaged_binary_is_refused(tmp_path: Path) -> None:
    whole = binary(APP)
    assert refusal(tmp_path, whole[: len(whole) // 2], "component")[0] == "not-wasm"
    middle = whole.index(b"handle") - 40
    assert refusal(tmp_path, whole[:middle] + b"\xff" * 8 + whole[middle + 8 :], "component")[0] in (
        *("invalid", "not-wasm", "import", "world"),
    )


def test_code_of_the_other_kind_is_refused_with_what_it_is(tmp_path: Path) -> None:
    fault, detail = refusal(tmp_path, binary(APP), "command")
    assert (fault, "it is a component" in detail) == ("wrong-kind", True)
    fault, detail = refusal(tmp_path, binary(f"(module {START})"), "component")
    assert (fault, "it is a core module" in detail) == ("wrong-kind", True)


def test_an_import_that_is_not_offered_is_named(tmp_path: Path) -> None:
    fault, detail = refusal(tmp_path, binary(f'(module (import "env" "steal" (func)) {START})'), "command")
    assert (fault, "env.steal" in detail) == ("import", True)
    fault, detail = refusal(
        tmp_path, binary('(component (import "wasi:sockets/tcp@0.2.0" (instance (export "x" (func)))))'), "component"
    )
    assert (fault, "wasi:sockets/tcp@0.2.0" in detail) == ("import", True)


def test_a_call_of_wasi_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    text = f'(module (import "wasi_snapshot_preview1" "fd_steal" (func)) (memory (export "memory") 1) {START})'
    fault, detail = refusal(tmp_path, binary(text), "command")
    assert (fault, "fd_steal" in detail) == ("invalid", True)


def test_a_wrong_world_is_told_what_is_missing(tmp_path: Path) -> None:
    fault, detail = refusal_by_runtime(tmp_path, binary("(component)"), "component")
    assert (fault, "handle" in detail) == ("world", True)
    fault, detail = refusal_by_runtime(tmp_path, binary('(module (memory (export "memory") 1))'), "command")
    assert (fault, "_start" in detail) == ("world", True)


def test_a_handle_of_another_type_is_refused_with_both_types(tmp_path: Path) -> None:
    text = """
    (component
      (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
      (core instance $i (instantiate $m))
      (func (export "handle") (param "n" u32) (result u32) (canon lift (core func $i "f"))))
    """
    fault, detail = refusal(tmp_path, binary(text), "component")
    assert fault == "world"
    assert "(u32) -> u32" in detail
    assert "record{status: u16" in detail


@pytest.mark.parametrize(
    ("was", "is_", "named"),
    [
        ('(param "key" string) (result $found)', '(param "key" string) (result string)', "get of maillage:edge/kv"),
        ('(export "wall-ms" (func (result u64)))', '(export "wall-ms" (func (result u32)))', "wall-ms of"),
    ],
)
def test_a_function_that_is_offered_with_another_type_is_refused(
    was: str, is_: str, named: str, tmp_path: Path
) -> None:
    # Bare components: only what they import is looked at here, and the refusal must name it.
    interface = "kv" if "kv" in named else "clock"
    function = is_ if interface == "clock" else f'(export "get" (func {is_}))'
    text = f'(component (import "maillage:edge/{interface}@1.0.0" (instance {function}))'
    text += """
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func (export "handle") (canon lift (core func $i "f"))))
    """
    fault, detail = refusal(tmp_path, binary(text), "component")
    assert fault == "world"
    assert named in detail


def test_features_that_are_switched_off_are_refused(tmp_path: Path) -> None:
    for text in (f"(module (memory 1 1 shared) {START})", f"(module (memory i64 1) {START})"):
        assert refusal(tmp_path, binary(text), "command")[0] == "invalid"


def test_a_memory_of_4_gib_is_told_and_does_not_start_on_a_small_lease(tmp_path: Path) -> None:
    body = binary(f'(module (memory (export "memory") 65536) {START})')
    assert accept(tmp_path, body, "command").needs_memory_bytes == 4 * 1024**3


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        huge = tmp_path / "huge"
        with huge.open("wb") as out:
            out.write(b"\0asm\1\0\0\0")
            out.truncate(SIZE_BYTES_MAX + 1)
        with pytest.raises(CodeRefused) as caught:
            await world.runtime.inspect(huge, "command", "sha256:" + "0" * 64, "")
        assert caught.value.extra["fault"] == "too-large"

    play(COMMAND, tmp_path, story)


def test_bytes_that_are_not_what_their_digest_says_are_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        with pytest.raises(CodeRefused) as caught:
            await world.runtime.inspect(world.code.path, "command", "sha256:" + "0" * 64, "")
        assert caught.value.extra["fault"] == "damaged"

    play(COMMAND, tmp_path, story)


def test_compiled_code_that_somebody_sends_is_refused_and_never_loaded(tmp_path: Path) -> None:
    engine = library.new_engine()
    forged = bytes(wasmtime.Module(engine, f"(module {START})").serialize())
    assert refusal_by_runtime(tmp_path, forged, "command")[0] == "not-wasm"
    dressed = b"\0asm\1\0\0\0" + forged
    assert refusal(tmp_path, dressed, "command")[0] == "not-wasm"


def test_code_that_takes_too_long_to_compile_is_refused_and_its_process_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "WITHIN_S", 0.02)
    fault, detail = refusal_by_runtime(tmp_path, binary(APP), "component")
    assert (fault, "0.02 s" in detail) == ("too-heavy", True)


@pytest.mark.skipif(not Path("/proc/self/environ").is_file(), reason="told by /proc only")
def test_the_compiling_process_knows_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_ADMIN_KEY", "hidden")
    seen: list[object] = []
    original = asyncio.create_subprocess_exec

    async def watched(*args: object, **how: object) -> object:
        process = await original(*args, **how)  # type: ignore[arg-type]
        seen.append(Path(f"/proc/{process.pid}/environ").read_bytes())
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    accept(tmp_path, binary(APP), "component")
    assert seen
    assert all(b"MAILLAGE_ADMIN_KEY" not in environment for environment in seen)  # type: ignore[operator]


def artefact_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.cwasm"))


def test_compiled_code_is_made_once_and_again_where_it_is_gone_or_damaged(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled"

    async def run() -> None:
        async with opened(COMPONENT, tmp_path, compiled) as world:
            await world.start()
        (made,) = artefact_files(compiled)
        first, times = made.stat().st_mtime_ns, []
        for harm in (lambda: None, made.unlink, lambda: made.write_bytes(b"\x7fELF damaged")):
            harm()
            async with opened(COMPONENT, tmp_path, compiled) as world:
                await world.start()
                assert (await world.ask("/echo", body=b"well")).body == b"well"
            times.append(made.stat().st_mtime_ns)
        assert first == times[0] < times[1] < times[2]

    asyncio.run(run())


def test_compiled_code_of_another_engine_is_made_again_and_the_old_one_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = tmp_path / "compiled"

    async def run() -> None:
        async with opened(COMPONENT, tmp_path, compiled) as world:
            await world.start()

    asyncio.run(run())
    (before,) = artefact_files(compiled)
    monkeypatch.setattr(artefacts, "engine_key", lambda: "51.0.0-another")
    asyncio.run(run())
    (after,) = artefact_files(compiled)
    assert after.parent.name == "51.0.0-another"
    assert before != after


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tmp_path / "compiled"
    bodies = [binary(f'(module (memory (export "memory") {nth}) {START})') for nth in (1, 2, 3)]

    async def run() -> None:
        async with opened(COMMAND, tmp_path, compiled) as world:
            codes = [put_code(tmp_path, body) for body in bodies]
            for code in codes[:2]:
                await world.runtime.inspect(code.path, "command", code.digest, "")
            old, used = (artefact.with_suffix(".json") for artefact in artefact_files(compiled))
            if codes[0].digest.removeprefix("sha256:") not in old.name:
                old, used = used, old
            os.utime(old, (1, 1))
            monkeypatch.setattr(artefacts, "KEPT_BYTES_MAX", used.with_suffix(".cwasm").stat().st_size * 5 // 2)
            await world.runtime.inspect(codes[2].path, "command", codes[2].digest, "")
            assert not old.exists()
            assert used.exists()
            assert len(artefact_files(compiled)) == 2

    asyncio.run(run())


def test_webassembly_by_reference_is_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        with pytest.raises(CodeRefused, match="uploaded"):
            await world.runtime.inspect(tmp_path / "none", "component", world.code.digest, "example.com/app:1")

    play(COMPONENT, tmp_path, story)


def test_code_that_is_accepted_twice_at_once_is_compiled_whole_and_nothing_is_left_of_a_killed_process(
    tmp_path: Path,
) -> None:
    compiled = tmp_path / "compiled"
    leftover = compiled / library.engine_key() / "killed.0.part"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")

    async def run() -> None:
        async with opened(COMMAND, tmp_path, compiled) as world:
            await asyncio.gather(world.start("lease-1"), world.start("lease-2"))
            assert (await world.ask("/echo", body=b"1")).body == b"1"
            assert (await world.ask("/echo", body=b"2", name="lease-2")).body == b"2"

    asyncio.run(run())
    assert len(artefact_files(compiled)) == 1
    assert list(compiled.rglob("*.part")) == []
