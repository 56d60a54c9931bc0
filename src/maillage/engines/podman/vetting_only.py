"""Images at a hub, which runs nothing: looked through as in a store, without a podman to load them into."""

import asyncio
import os
import tempfile
from pathlib import Path

from maillage.engines.podman.runtime import PodmanRuntime
from maillage.engines.podman.settings import PodmanSettings, image_name
from maillage.engines.podman.vetter import vetted
from maillage.engines.podman.vetting import Bounds
from maillage.services.compute.model import CodeKind
from maillage.services.compute.ports import Inspected


class ImageVetting(PodmanRuntime):
    """What only podman finds out about an image, it does in the store that starts it."""

    def __init__(self, folder: Path, settings: PodmanSettings) -> None:
        super().__init__(folder, settings)
        self._folder = folder
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        """CodeRefused for an archive that no store would load, or a reference that tenants may not name here."""
        if reference:
            self._settings.check(reference)
            return Inspected(kind)
        async with self._one_at_a_time:
            handle, name = await asyncio.to_thread(self._new_file)
            os.close(handle)
            try:
                await vetted(code, Path(name), image_name(digest), Bounds())
            finally:
                os.unlink(name)  # noqa: PTH108
        return Inspected(kind)

    def _new_file(self) -> tuple[int, str]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.mkstemp(".tar", "image-", self._folder)
