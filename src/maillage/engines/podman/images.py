"""Images of versions: vetted, loaded or pulled once, and kept under a name of ours that follows from the digest."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from maillage.engines.podman.api import Api, PodmanFault
from maillage.engines.podman.layouts import here
from maillage.engines.podman.settings import PodmanSettings, image_name
from maillage.engines.podman.vetter import vetted
from maillage.engines.podman.vetting import Bounds
from maillage.services.compute.errors import CodeRefused

VOLUMES_MAX = 8
_CHUNK = 1024 * 1024


class Image(msgspec.Struct, frozen=True):
    """``volumes`` are the paths that it declares to write to."""

    name: str
    volumes: list[str]


class Images:
    """``folder`` takes archives while they are looked through."""

    def __init__(self, folder: Path, settings: PodmanSettings, bounds: Bounds) -> None:
        self._folder = folder
        self._settings = settings
        self._bounds = bounds
        self._one_at_a_time = asyncio.Lock()

    async def ready(self, api: Api, code: Path, digest: str, reference: str) -> Image:
        """The version's image, from its archive or by its reference where it is not here yet. CodeRefused where it
        can't be had or can't run here."""
        name = image_name(digest)
        async with self._one_at_a_time:  # unpacking takes disk and memory: enough for one
            if not await api.exists(f"/images/{name}"):
                try:
                    await (self._named(api, reference, name) if reference else self._load(api, code, name))
                except PodmanFault as fault:
                    raise CodeRefused(f"podman does not take the image: {fault}", fault="image") from None
        try:
            return self._checked(name, await api.get(f"/images/{name}/json"))
        except CodeRefused:
            await api.delete(f"/images/{name}")
            raise

    async def _load(self, api: Api, code: Path, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, target = tempfile.mkstemp(".tar", "image-", self._folder)
        os.close(handle)
        try:
            await vetted(code, Path(target), name, self._bounds)
            await api.send("/images/load", "application/x-tar", _chunks(Path(target)))
        finally:
            os.unlink(target)  # noqa: PTH108

    async def _named(self, api: Api, reference: str, name: str) -> None:
        self._settings.check(reference)
        if not await api.exists(f"/images/{reference}"):
            if not self._settings.may_pull(reference):
                raise CodeRefused(f"this store has no image {reference}, and may not fetch it", fault="image")
            steps = await api.send("/images/pull", "text/plain", b"", reference=reference, policy="missing")
            faults = [step["error"] for step in (steps if isinstance(steps, list) else [steps]) if step.get("error")]
            if faults:
                raise CodeRefused(f"{reference} can't be fetched: {faults[0][:300]}", fault="image")
        repository, _, tag = name.rpartition(":")
        await api.post(f"/images/{reference}/tag", repo=repository, tag=tag)

    def _checked(self, name: str, known: dict[str, Any]) -> Image:
        for_system = f"{known.get('Os')}/{known.get('Architecture')}"
        if for_system != f"linux/{here()}":
            raise CodeRefused(f"the image is for {for_system}, and this store runs linux/{here()}", fault="platform")
        if known.get("Size", 0) > self._bounds.bytes_max:
            raise CodeRefused(
                f"the image has {known['Size']:,} bytes, at most {self._bounds.bytes_max:,} are taken", fault="size"
            )
        volumes = sorted((known.get("Config") or {}).get("Volumes") or {})
        if len(volumes) > VOLUMES_MAX or not all(path.startswith("/") and ":" not in path for path in volumes):
            raise CodeRefused(f"the image declares {len(volumes)} volumes; {VOLUMES_MAX} paths go", fault="volumes")
        return Image(name, [os.path.normpath(path) for path in volumes])


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as archive:
        while chunk := await asyncio.to_thread(archive.read, _CHUNK):
            yield chunk
