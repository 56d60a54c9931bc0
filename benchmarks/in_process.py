"""The greeting called in this process: by the runtime itself, and by the host of a whole chain."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from statistics import median

from benchmarks.greeting import ANSWER, KINDS, PATH, Kind, code
from benchmarks.raw_wasm import HEADERS, Call
from benchmarks.renting import AMPLE_NEEDS, lay_out_store, near
from maillage.bootstrap import LocalChain, open_local
from maillage.engines.sqlite_values import SqliteValues
from maillage.engines.wasmtime.runtime import WasmtimeRuntime
from maillage.kernel.quantities import to_thousandths
from maillage.services.compute.deployment_documents import NewDeployment, PointDocument
from maillage.services.compute.limits import limits_of
from maillage.services.compute.model import Instance, LogLine, Meters, Settings
from maillage.services.compute.ports import Inbound, Outbound

OWNER = "bench"
READY_WITHIN_S = 60.0
Invoke = Callable[[str, Inbound], Awaitable[Outbound]]


async def answered(invoke: Invoke, instance: str) -> None:
    """One request, its answer read to the end, and right."""
    outbound = await invoke(instance, Inbound("GET", PATH, "", HEADERS, _nothing()))
    body = b"".join([chunk async for chunk in outbound.body])
    if (outbound.status, body) != (200, ANSWER.encode()):
        raise RuntimeError(f"{instance} answered {outbound.status} {body[:200]!r}")


async def call_p50_us(invoke: Invoke, instance: str, seconds: float) -> float:
    """Median time of a request, one after the other for so long."""
    taken = []
    until = time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        await answered(invoke, instance)
        taken.append(time.perf_counter() - start)
    return median(taken) * 1e6


def raw_p50_us(call: Call, seconds: float) -> float:
    """The same of a call without any of ours around it."""
    taken = []
    until = time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        body = call()
        taken.append(time.perf_counter() - start)
        if body != ANSWER.encode():
            raise RuntimeError(f"the library alone answered {body[:200]!r}")
    return median(taken) * 1e6


class BareRuntime:
    """The runtime with nothing around it; its instances are named after their kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values = SqliteValues(folder / "values")
        self.runtime = WasmtimeRuntime(folder / "compiled", self._values)
        self._code: dict[Kind, tuple[Path, str]] = {}

    async def accept(self) -> None:
        """Compile the greeting in each of its forms."""
        for kind in KINDS:
            body = code(kind)
            path, digest = self._folder / kind, f"sha256:{sha256(body).hexdigest()}"
            path.write_bytes(body)
            await self.runtime.inspect(path, kind, digest, "")
            self._code[kind] = path, digest

    async def start(self, kind: Kind) -> None:
        path, digest = self._code[kind]
        needs = {name: to_thousandths(amount, name) for name, amount in AMPLE_NEEDS.items()}
        limits = limits_of(needs, Settings(), kind)
        app = f"{OWNER}.{kind}"
        instance = Instance(kind, "d", app, OWNER, "s0", digest, kind, "", Settings(), limits)
        await self.runtime.start(instance, path, _unheard, _uncounted)

    async def close(self) -> None:
        await self.runtime.close()
        self._values.close()


class RunningChain:
    """A whole chain that runs code, with the greeting deployed in each of its forms; ``instances`` are their ids."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self.host = chain.compute.host
        self.instances: dict[Kind, str] = {}

    @classmethod
    async def opened(cls, folder: Path) -> "RunningChain":
        lay_out_store(folder)
        chain = open_local(folder, runs_code=True)
        await chain.__aenter__()
        made = cls(chain)
        try:
            for kind in KINDS:
                made.instances[kind] = await made._deployed(kind)
        except BaseException:
            await made.close()
            raise
        return made

    async def close(self) -> None:
        await self._chain.__aexit__(None, None, None)

    async def _deployed(self, kind: Kind) -> str:
        compute = self._chain.compute
        app = await compute.catalogue.create_app(OWNER, kind)
        await compute.catalogue.upload(app.id, None, kind, _pieces(code(kind)))
        points = [PointDocument(**point) for point in near()]
        await compute.deployments.create(NewDeployment(app=app.id, near=points, needs=AMPLE_NEEDS), None)
        async with asyncio.timeout(READY_WITHIN_S):
            while not (ready := self.host.ready(app.id)):
                await asyncio.sleep(0.01)
        return ready[0].id


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _unheard(line: LogLine) -> None:
    pass


def _uncounted(meters: Meters) -> None:
    pass
