"""A catalogue with real records and blobs. Its runtime only looks at code: what runs it is tried where that is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from maillage.engines.clocks import ManualClock
from maillage.engines.file_blobs import FileBlobs
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.engines.records.opening import open_database
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import CodeKind, Deployment, Instance, Limits, Placement, Settings, Version
from maillage.services.compute.ports import Count, Inbound, Inspected, Note, Outbound
from maillage.services.compute.runtimes import Runtimes

NOW = 1_793_534_400
COMPONENT = b"\0asm\x0d\0\x01\0"
CORE = b"\0asm\x01\0\0\0"
FLAW = b"flaw"
"""Code with this in it is refused."""


class Inspector:
    """Accepts all code without a flaw. ``seen`` is what it was shown; while ``gate`` is closed it goes on looking."""

    def __init__(self, *kinds: CodeKind) -> None:
        self.kinds: frozenset[CodeKind] = frozenset(kinds)
        self.seen: list[tuple[CodeKind, str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most_at_once = 0
        self.closed = False

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        self.seen.append((kind, digest, reference))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            if FLAW in (code.read_bytes() or reference.encode()):
                raise CodeRefused("it has a flaw", fault="flaw")
        finally:
            self.at_once -= 1
        return Inspected(kind, 1 << 20)

    async def start(self, instance: Instance, code: Path, note: Note, count: Count) -> None:
        raise NotImplementedError

    async def stop(self, instance_id: str, grace_s: float) -> None:
        raise NotImplementedError

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        raise NotImplementedError

    def running(self) -> Sequence[str]:
        return []

    async def close(self) -> None:
        self.closed = True


class World:
    """``catalogue`` over a folder; to be made within the event loop that it is used from."""

    def __init__(self, folder: Path, **sizes: int) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.database = open_database("", folder)
        self.records = SqlCatalogueRecords(self.database)
        self.blobs = FileBlobs(folder / "blobs")
        self.wasm, self.image = Inspector("component", "command"), Inspector("image")
        self.catalogue = Catalogue(self.records, self.blobs, Runtimes([self.wasm, self.image]), self.clock, **sizes)

    async def upload(self, body: bytes, app: str = "acme.counter", sees: str | None = None, **more: Any) -> Version:
        return await self.catalogue.upload(app, sees, more.pop("kind", None), in_chunks(body), **more)

    def kept(self) -> list[str]:
        """The names of all files among the blobs."""
        return sorted(path.name for path in (self.folder / "blobs").iterdir())

    def deploy(self, version: Version, name: str = "d1", former: str = "", **more: Any) -> Deployment:
        """A deployment's record: what deploys is not at work here."""
        tenant = version.app.rpartition(".")[0]
        new = Deployment(name, version.app, tenant, version.digest, former, Placement(), Settings(), 1, NOW, **more)
        self.records.add_deployment(new)
        return new

    def run(self, version: Version, deployment: str = "d1") -> None:
        """An instance's record."""
        limits = Limits(500, 64 << 20, 4, 16, 10.0, 1 << 20, 1 << 20, 10**9, 1 << 20)
        self.records.put_instance(
            Instance(
                "wm-1~4",
                deployment,
                version.app,
                version.app.rpartition(".")[0],
                "wm-1",
                version.digest,
                version.kind,
                version.reference,
                Settings(),
                limits,
            )
        )

    def remove(self, deployment: Deployment) -> None:
        removed = msgspec.structs.replace(deployment, removed=True, revision=deployment.revision + 1)
        assert self.records.change_deployment(removed)


async def in_chunks(body: bytes, size: int = 1_000) -> AsyncIterator[bytes]:
    """As a body comes over a network, and with a last chunk that is empty, as servers have it."""
    for start in range(0, len(body), size):
        await asyncio.sleep(0)
        yield body[start : start + size]
    yield b""
