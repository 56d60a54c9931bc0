"""What a hub gives to nodes: the code of instances that are to run at their sites, and no other."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from maillage.kernel.errors import NotFound
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import CHUNK_BYTES, CodeGiven, CodeWanted, packed
from maillage.services.compute.ports import Blobs

_wanted = msgspec.msgpack.Decoder(CodeWanted)


class CodeDesk:
    """``answer`` takes what nodes ask. ``hubs`` names those that are up, this one among them."""

    def __init__(self, hub_id: str, hubs: Callable[[], Sequence[str]], known: Known, blobs: Blobs) -> None:
        self._hub = hub_id
        self._hubs = hubs
        self._known = known
        self._blobs = blobs

    async def answer(self, node: str, body: bytes) -> bytes:
        wanted = _wanted.decode(body)
        total, chunk = await self._chunk(node, wanted)
        hubs = sorted({self._hub, *self._hubs()})
        return packed(CodeGiven(self._hub, hubs, total, chunk))

    async def _chunk(self, node: str, wanted: CodeWanted) -> tuple[int | None, bytes]:
        if not self._known.needs(node, wanted.digest):
            await self._known.reload()
            if not self._known.needs(node, wanted.digest):
                return None, b""
        try:
            path = await self._blobs.path(wanted.digest)
            return await asyncio.to_thread(_read, path, max(wanted.offset, 0))
        except (NotFound, FileNotFoundError):
            return None, b""


def _read(path: Path, offset: int) -> tuple[int, bytes]:
    with path.open("rb") as file:
        total = file.seek(0, 2)
        file.seek(min(offset, total))
        return total, file.read(CHUNK_BYTES)
