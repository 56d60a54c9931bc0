"""The port ``Runtime`` over WebAssembly: components of our world, and WASI commands in CGI style."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maillage.engines.wasmtime.artefacts import Artefacts
from maillage.engines.wasmtime.binary import MAGIC
from maillage.engines.wasmtime.hosted import Hosted
from maillage.kernel.errors import NotFound
from maillage.services.compute.errors import CodeFault, CodeRefused
from maillage.services.compute.model import CodeKind, Instance
from maillage.services.compute.ports import Count, Inbound, Inspected, KeyValues, Note, Outbound

if TYPE_CHECKING:
    from maillage.engines.wasmtime.machine import Machine

SIZE_BYTES_MAX = 64 * 1024**2


class WasmtimeRuntime:
    """``folder`` keeps compiled code. One event loop uses it from the first call to ``close``."""

    kinds: frozenset[CodeKind] = frozenset({"component", "command"})

    def __init__(self, folder: Path, values: KeyValues) -> None:
        self._artefacts = Artefacts(folder)
        self.values = values
        self._machine: Machine | None = None
        self._opening = asyncio.Lock()
        self._hosted: dict[str, Hosted] = {}

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        if reference:
            raise CodeRefused("WebAssembly is uploaded, not referred to: send the bytes", fault="no-bytes")
        await asyncio.to_thread(_look_at, code)
        artefact = await self._artefacts.have(code, kind, digest)
        return Inspected(kind, artefact.shape.least_bytes())

    async def start(self, instance: Instance, code: Path, note: Note, count: Count) -> None:
        await self.stop(instance.id, 0.0)
        try:
            machine = await self._opened()
            program = await machine.program(code, instance.kind, instance.digest)
        except CodeRefused as refusal:
            raise CodeFault(refusal.detail, instance=instance.id, fault="trap") from None
        least = program.shape.least_bytes()
        if least > instance.limits.memory_bytes:
            raise CodeFault(
                f"{instance.app}: it needs {least:,} bytes of memory to start, its lease has"
                f" {instance.limits.memory_bytes:,}",
                instance=instance.id,
                fault="memory",
            )
        self._hosted[instance.id] = Hosted(machine, instance, program, note, count)

    async def stop(self, instance_id: str, grace_s: float) -> None:
        if (hosted := self._hosted.pop(instance_id, None)) is not None:
            await hosted.end(grace_s)

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        if (hosted := self._hosted.get(instance_id)) is None:
            raise NotFound(f"no instance {instance_id} runs here")
        return await hosted.invoke(request)

    def running(self) -> Sequence[str]:
        return list(self._hosted)

    def exit_code(self, instance_id: str) -> int | None:  # noqa: ARG002
        """Nothing to say: code that runs a request at a time has no end of its own."""
        return None

    async def close(self) -> None:
        hosted, self._hosted = self._hosted, {}
        await asyncio.gather(*(each.end(0.0) for each in hosted.values()))
        if self._machine is not None:
            await self._machine.close()
            self._machine = None

    async def _opened(self) -> "Machine":
        """Made when it is first needed: the library takes a while to load."""
        async with self._opening:
            if self._machine is None:
                loop = asyncio.get_running_loop()
                self._machine = await asyncio.to_thread(_new_machine, self._artefacts, self.values, loop)
            return self._machine


def _look_at(code: Path) -> None:
    """Before a process is started for it."""
    if (size := code.stat().st_size) > SIZE_BYTES_MAX:
        raise CodeRefused(f"it has {size:,} bytes, at most {SIZE_BYTES_MAX:,} can run here", fault="too-large")
    with code.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise CodeRefused("it is not WebAssembly, which begins with \\0asm", fault="not-wasm")


def _new_machine(artefacts: Artefacts, values: KeyValues, loop: asyncio.AbstractEventLoop) -> "Machine":
    from maillage.engines.wasmtime.machine import Machine

    return Machine(artefacts, values, loop)
