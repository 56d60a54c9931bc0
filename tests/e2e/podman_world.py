"""A runtime with real containers for a test, and what was heard of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from maillage.engines.podman.egress import Egress, WayOut
from maillage.engines.podman.runtime import PodmanRuntime
from maillage.engines.podman.settings import PodmanSettings
from maillage.services.compute.model import Instance, Limits, LogLine, Meters, Settings
from maillage.services.compute.ports import Inbound, Outbound
from tests.container_images import BusyboxImage

MIB = 1024 * 1024
LIMITS = Limits(
    cpu=500,
    memory_bytes=64 * MIB,
    concurrency=4,
    waiting=4,
    request_s=5.0,
    request_bytes=MIB,
    response_bytes=4 * MIB,
    fuel_per_request=0,
    stored_bytes=0,
)


async def body_of(content: bytes = b"") -> AsyncIterator[bytes]:
    if content:
        yield content


class World:
    def __init__(self, folder: Path, image: BusyboxImage, settings: PodmanSettings, way_out: WayOut) -> None:
        self.runtime = PodmanRuntime(folder, settings, way_out=way_out)
        self.image = image
        self.lines: list[LogLine] = []
        self.meters: list[Meters] = []

    def instance(self, name: str = "wm-100~1", limits: Limits = LIMITS, **settings: Any) -> Instance:
        return Instance(
            id=name,
            deployment="d",
            app="acme.app",
            tenant="acme",
            site="wm-100",
            digest=self.image.digest,
            kind="image",
            reference="",
            settings=Settings(**settings),
            limits=limits,
        )

    async def start(self, name: str = "wm-100~1", mode: str = "", **settings: Any) -> Instance:
        limits = settings.pop("limits", LIMITS)
        instance = self.instance(name, limits, config={"MODE": mode}, **settings)
        await self.runtime.start(instance, self.image.path, self.lines.append, self.meters.append)
        return instance

    async def ask(self, path: str, query: str = "", content: bytes = b"", name: str = "wm-100~1") -> tuple[int, str]:
        answer = await self.open(path, query, content, name)
        return answer.status, b"".join([chunk async for chunk in answer.body]).decode()

    async def open(self, path: str, query: str = "", content: bytes = b"", name: str = "wm-100~1") -> Outbound:
        headers = [("content-length", str(len(content)))] if content else []
        method = "POST" if content else "GET"
        return await self.runtime.invoke(name, Inbound(method, path, query, headers, body_of(content)))

    async def ended(self, name: str = "wm-100~1", within_s: float = 15.0) -> None:
        async with asyncio.timeout(within_s):
            while name in self.runtime.running():
                await asyncio.sleep(0.05)

    @property
    def host_lines(self) -> str:
        return "\n".join(line.text for line in self.lines if line.stream == "host")


@asynccontextmanager
async def a_world(
    folder: Path, image: BusyboxImage, settings: PodmanSettings | None = None, way_out: WayOut = Egress
) -> AsyncIterator[World]:
    world = World(folder, image, settings or PodmanSettings(), way_out)
    try:
        yield world
    finally:
        await world.runtime.close()
