"""Blobs as files of a folder, each named by the SHA-256 of what is in it.

What comes is written beside, synced, and renamed into its place: a name stands for whole bytes or for nothing. A tenant
that sends without end must not keep the chain's journal from being written, so the disk is never filled to its brim.
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from maillage.engines.folder_room import require_room
from maillage.kernel.errors import NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.compute.errors import CodeTooLarge
from maillage.services.compute.ports import Claim

BLOCK = 1 << 20
"""Bytes that are gathered before a thread writes them."""
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[0-9a-f]{64}")
_PART = ".part"


class FileBlobs:
    """``services.compute.ports.Blobs``. The folder has one owner; what an earlier one left unfinished goes when this
    is opened. Only the owner's user can read the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"*{_PART}"):
            left.unlink(missing_ok=True)

    async def put(self, chunks: AsyncIterator[bytes], size_max: int, claim: Claim | None = None) -> tuple[str, int]:
        """Keep them; (digest, size). CodeTooLarge above ``size_max``, NotReady where the disk is nearly full; nothing
        is kept then, nor where ``chunks`` or ``claim`` raises."""
        part = self._folder / f"{secrets.token_hex(16)}{_PART}"
        digest, size, block = hashlib.sha256(), 0, bytearray()
        try:
            with await to_the_end(_open_new, part) as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > size_max:
                        raise CodeTooLarge(f"more than {size_max:,} bytes came, which is the most", most=size_max)
                    block += chunk
                    if len(block) >= BLOCK:
                        await to_the_end(self._write, file, digest, block)
                        block = bytearray()
                await to_the_end(self._write, file, digest, block)
                await to_the_end(_sync, file)
            name = digest.hexdigest()
            if claim is not None:
                await claim(f"sha256:{name}")
            await to_the_end(self._keep, part, self._folder / name)
        finally:
            part.unlink(missing_ok=True)
        return f"sha256:{name}", size

    async def path(self, digest: str) -> Path:
        """A file with these bytes, never to be written to. NotFound where they are not here."""
        path = self._path(digest)
        if path is None or not await asyncio.to_thread(path.is_file):
            raise NotFound(f"there are no bytes here with the digest {digest[:80]!r}")
        return path

    async def drop(self, digest: str) -> None:
        """Forget them; does nothing where they are not here. Who has them open can read on."""
        path = self._path(digest)
        if path is not None:
            await to_the_end(path.unlink, missing_ok=True)

    async def digests(self) -> list[str]:
        """Of all that is here, in order."""
        names = await asyncio.to_thread(os.listdir, self._folder)
        return sorted(f"sha256:{name}" for name in names if _NAME.fullmatch(name))

    def _path(self, digest: str) -> Path | None:
        """Where its bytes are, if they are; None for what is no digest, and could be the name of anything."""
        found = _DIGEST.fullmatch(digest)
        return None if found is None else self._folder / found[1]

    def _write(self, file: BinaryIO, digest: "hashlib._Hash", block: bytearray) -> None:
        require_room(self._folder)
        digest.update(block)
        file.write(block)

    def _keep(self, part: Path, path: Path) -> None:
        part.replace(path)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)  # the name too survives a power cut
        finally:
            os.close(handle)


def _open_new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
