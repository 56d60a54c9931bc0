"""Everything that the library needs once for all instances: the engine, its linkers, and the programs in use."""

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

import wasmtime
import wasmtime.component as wc

from maillage.engines.wasmtime.artefacts import Artefact, Artefacts
from maillage.engines.wasmtime.command import CommandProgram
from maillage.engines.wasmtime.component import ComponentProgram
from maillage.engines.wasmtime.host import Host
from maillage.engines.wasmtime.library import new_engine
from maillage.engines.wasmtime.outbound import OutboundHttp
from maillage.engines.wasmtime.ticker import Ticker
from maillage.engines.wasmtime.wasi import add_waiting
from maillage.engines.wasmtime.workers import Workers
from maillage.services.compute.model import CodeKind
from maillage.services.compute.ports import KeyValues

CLOSE_WITHIN_S = 2.0
Program = ComponentProgram | CommandProgram


class Machine:
    """``programs`` holds those that an instance has, and no others: instances of one version share one."""

    def __init__(self, artefacts: Artefacts, values: KeyValues, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.engine = new_engine()
        self.workers = Workers("wasm")
        self.ticker = Ticker(self.engine.increment_epoch)
        self._artefacts = artefacts
        self._http = OutboundHttp()
        self._linked = Host(values, self._http, loop).link(self.engine)
        self._command_linker = wasmtime.Linker(self.engine)
        self._command_linker.define_wasi()
        add_waiting(self._command_linker)
        self._programs: WeakValueDictionary[tuple[CodeKind, str], Program] = WeakValueDictionary()
        self._loading = asyncio.Lock()

    async def program(self, code: Path, kind: CodeKind, digest: str) -> Program:
        """CodeRefused where the code can't run here."""
        if (found := self._programs.get((kind, digest))) is not None:
            return found
        artefact = await self._artefacts.have(code, kind, digest)
        async with self._loading:
            if (found := self._programs.get((kind, digest))) is None:
                found = await self._loaded(artefact, code, kind, digest)
                self._programs[kind, digest] = found
        return found

    async def close(self) -> None:
        self.workers.close(CLOSE_WITHIN_S)
        self.ticker.close()
        await self._http.close()

    async def _loaded(self, artefact: Artefact, code: Path, kind: CodeKind, digest: str) -> Program:
        try:
            return await asyncio.to_thread(self._load, kind, artefact)
        except wasmtime.WasmtimeError:
            # Made on a machine with other instructions, or damaged since.
            self._artefacts.drop(kind, digest)
            artefact = await self._artefacts.have(code, kind, digest)
            return await asyncio.to_thread(self._load, kind, artefact)

    def _load(self, kind: CodeKind, artefact: Artefact) -> Program:
        path = str(artefact.path)
        if kind == "component":
            component = wc.Component.deserialize_file(self.engine, path)
            return ComponentProgram(self._linked, component, artefact.shape)
        module = wasmtime.Module.deserialize_file(self.engine, path)
        return CommandProgram(self.engine, self._command_linker.instantiate_pre(module), artefact.shape)
