"""Where runtimes are tried: a table of them, each with code that does the same things.

What the code does is told by the path: ``/echo`` answers with the body that came, and with the method, the path and
the query in the headers ``x-method``, ``x-path`` and ``x-query``; ``/get`` with what the config has under the name that
the query is, 404 where it has nothing; ``/write`` writes the body to the log; ``/loop`` never answers and never rests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from maillage.engines.sqlite_values import SqliteValues
from maillage.engines.wasmtime.runtime import WasmtimeRuntime
from maillage.services.compute.model import CodeKind, Instance, Limits, LogLine, Meters, Settings
from maillage.services.compute.ports import HeaderList, Inbound, KeyValues, Outbound, Runtime
from tests.container_images import podman_missing
from tests.contract.podman_code import image_archive, open_podman

WASM_CODE = Path(__file__).parent.parent / "unit" / "engines" / "wasmtime" / "code"
LIMITS = Limits(
    cpu=2_000,
    memory_bytes=16 * 1024**2,
    concurrency=2,
    waiting=2,
    request_s=5.0,
    request_bytes=65_536,
    response_bytes=262_144,
    fuel_per_request=10**12,
    stored_bytes=4_096,
)


class Code(NamedTuple):
    path: Path
    digest: str
    reference: str = ""


class Case(NamedTuple):
    """``open`` is given a folder to keep compiled code in, shared by all tests of a session, and the key-values.
    ``missing`` says why it can't be tried here, "" where it can."""

    name: str
    kind: CodeKind
    code: Callable[[Path], Code]
    open: Callable[[Path, KeyValues], Runtime]
    missing: Callable[[], str] = lambda: ""


def wasm_code(source: str) -> Callable[[Path], Code]:
    """Code from text form, put into a folder."""

    def put(folder: Path) -> Code:
        wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
        return put_code(folder, bytes(wasmtime.wat2wasm((WASM_CODE / source).read_text())))

    return put


def put_code(folder: Path, body: bytes) -> Code:
    digest = sha256(body).hexdigest()
    path = folder / digest
    path.write_bytes(body)
    return Code(path, f"sha256:{digest}")


CASES = [
    Case("component", "component", wasm_code("app.wat"), WasmtimeRuntime),
    Case("command", "command", wasm_code("command.wat"), WasmtimeRuntime),
    pytest.param(
        Case("image", "image", lambda folder: put_code(folder, image_archive()), open_podman, podman_missing),
        marks=pytest.mark.long,
    ),
]


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class World:
    """A runtime with code to run on it."""

    def __init__(self, runtime: Runtime, kind: CodeKind, code: Code, values: KeyValues) -> None:
        self.runtime = runtime
        self.kind = kind
        self.code = code
        self.values = values
        self.lines: list[LogLine] = []
        self.meters: list[Meters] = []

    def instance(self, name: str = "lease-1", settings: Settings | None = None, **limits: float) -> Instance:
        told = msgspec.structs.replace(LIMITS, **limits)
        given = (settings or Settings(), told)
        return Instance(
            name, "d-1", "acme.app", "acme", "wm-1", self.code.digest, self.kind, self.code.reference, *given
        )

    async def start(self, name: str = "lease-1", settings: Settings | None = None, **limits: float) -> None:
        instance = self.instance(name, settings, **limits)
        await self.runtime.start(instance, self.code.path, self.lines.append, self.meters.append)

    async def ask(
        self,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: HeaderList | None = None,
        method: str = "GET",
        name: str = "lease-1",
    ) -> Answered:
        outbound = await self.begin(path, query, body, headers, method, name)
        content = b"".join([chunk async for chunk in outbound.body])
        return Answered(outbound.status, dict(outbound.headers), content)

    async def begin(
        self,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: HeaderList | None = None,
        method: str = "GET",
        name: str = "lease-1",
    ) -> Outbound:
        given = [("host", "shop.example")] if headers is None else headers
        return await self.runtime.invoke(name, Inbound(method, path, query, given, in_parts(body)))


async def in_parts(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 16_384):
        yield body[at : at + 16_384]


@asynccontextmanager
async def opened(case: Case, folder: Path, compiled: Path, within_s: float = 60) -> AsyncIterator[World]:
    """``compiled`` may be shared by worlds that are open at the same time."""
    values = SqliteValues(folder / "values")
    runtime = case.open(compiled, values)
    try:
        async with asyncio.timeout(within_s):
            yield World(runtime, case.kind, case.code(folder), values)
    finally:
        await runtime.close()
        values.close()
