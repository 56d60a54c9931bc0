"""Code at a node: what was uploaded at the node itself, and what came from a hub and is kept for days without one.

What comes is checked against its digest, and that alone names it. A runtime finds out by itself what it is when it
starts it: what a hub says of its kind is not relied on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from maillage.kernel.errors import NotFound, NotReady
from maillage.mesh.messages import UNREADABLE, ServiceWanted, hub_subject
from maillage.mesh.ports import Bus, Unreachable
from maillage.services.compute.carriage.messages import SERVICE, CodeGiven, CodeWanted, packed
from maillage.services.compute.catalogue import IMAGE_MAX
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import Instance
from maillage.services.compute.ports import Blobs

log = logging.getLogger(__name__)

CHUNK_TIMEOUT_S = 10.0
TRIES = 5
AGAIN_S = 0.2
"""Who answers is chance, and a hub that does not have it may answer again before the others have."""
HUBS_TOLD_MAX = 100
"""Answers that say no before it is given up, however many hubs there seem to be."""

Fetch = Callable[[str], AsyncIterator[bytes]]

_given = msgspec.msgpack.Decoder(CodeGiven)


class KeptCode:
    """``own`` is the catalogue's of this process, ``carried`` for what hubs gave. Without ``fetch`` there is no hub."""

    def __init__(self, own: Blobs, carried: Blobs) -> None:
        self.fetch: Fetch | None = None
        self._own = own
        self._carried = carried
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def path(self, digest: str) -> Path:
        """A file with these bytes, fetched where they are not here yet. NotFound where nobody has them, NotReady where
        they can't be had now, CodeRefused where what came was something else."""
        for blobs in (self._own, self._carried):
            try:
                return await blobs.path(digest)
            except NotFound as missing:
                told = missing
        if self.fetch is None:
            raise told
        async with self._turns.setdefault(digest, asyncio.Lock()):
            try:
                return await self._carried.path(digest)
            except NotFound:
                await self._carried.put(self.fetch(digest), IMAGE_MAX, _Only(digest))
            return await self._carried.path(digest)

    async def keep_only(self, instances: Sequence[Instance]) -> None:
        """Forget what came from hubs and none of these runs."""
        used = {instance.digest for instance in instances}
        for digest in await self._carried.digests():
            if digest not in used:
                await self._carried.drop(digest)


class _Only:
    """Lets nothing be kept under another name than was asked for."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    async def __call__(self, digest: str) -> None:
        if digest != self._digest:
            raise CodeRefused(f"the hub gave bytes of {digest} for {self._digest}; they are not kept", fault="digest")


class HubCode:
    """Asks the hubs for code, chunk by chunk."""

    def __init__(self, bus: Bus, node_id: str) -> None:
        self._bus = bus
        self._subject = hub_subject(node_id)

    async def fetch(self, digest: str) -> AsyncIterator[bytes]:
        """All of it; NotFound where no hub that is up gives it, NotReady where none answers."""
        offset = 0
        while True:
            given = await self._chunk(CodeWanted(digest, offset))
            yield given.body
            offset += len(given.body)
            if offset >= (given.total or 0):
                return

    async def _chunk(self, wanted: CodeWanted) -> CodeGiven:
        denied: set[str] = set()
        for _ in range(HUBS_TOLD_MAX):
            given = await self._asked(wanted)
            if given.total is not None and (given.body or wanted.offset >= given.total):
                return given
            denied.add(given.hub)
            if denied.issuperset(given.hubs):
                break
            await asyncio.sleep(AGAIN_S)
        raise NotFound(f"no hub that is up gives the code of {wanted.digest} to this store")

    async def _asked(self, wanted: CodeWanted) -> CodeGiven:
        body = msgspec.json.encode(ServiceWanted(SERVICE, packed(wanted)))
        fault: Exception = Unreachable("not asked")
        for number in range(TRIES):
            if number:
                await asyncio.sleep(AGAIN_S * 2**number)
            try:
                return _given.decode(await self._bus.request(self._subject, body, CHUNK_TIMEOUT_S))
            except (Unreachable, *UNREADABLE) as failure:
                fault = failure
        raise NotReady(f"the code of {wanted.digest} can't be had from the hub now: {fault}")
