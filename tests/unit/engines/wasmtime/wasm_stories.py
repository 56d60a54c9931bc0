"""How the tests of this folder play: a runtime whose compiled code is shared by all tests of a process."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from maillage.engines.wasmtime.runtime import WasmtimeRuntime
from maillage.services.compute.errors import CodeFault
from tests.contract.runtimes import CASES, Case, Code, World, opened, put_code

COMPONENT, COMMAND = CASES[:2]
Story = Callable[[World], Awaitable[None]]


@cache
def _compiled() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="maillage-wasm-")


def play(case: Case, folder: Path, story: Story, within_s: float = 60) -> None:
    async def run() -> None:
        async with opened(case, folder, Path(_compiled().name), within_s) as world:
            await story(world)

    asyncio.run(run())


def of_text(text: str, kind: str) -> Case:
    """A case of its own, of code in text form."""

    def put(folder: Path) -> Code:
        wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
        return put_code(folder, bytes(wasmtime.wat2wasm(text)))

    return Case(kind, kind, put, WasmtimeRuntime)  # type: ignore[arg-type]


async def fault_of(asking: Awaitable[object]) -> tuple[str, str]:
    """(fault, detail) of a request that must fail."""
    with pytest.raises(CodeFault) as caught:
        await asking
    assert caught.value.extra["instance"] == "lease-1"
    return caught.value.extra["fault"], caught.value.detail
