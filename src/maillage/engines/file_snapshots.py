"""Snapshots as files: written beside, synced, then renamed into place, with a checksum in front."""

import os
import zlib
from pathlib import Path

KEPT = 2
"""The newest and one before it, should the newest turn out damaged."""
_CHECKSUM_BYTES = 4


class FileSnapshots:
    """Files ``<pos>.snapshot`` in a folder, which is created when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, pos: int, body: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{pos:020d}.part"
        with part.open("wb") as out:
            out.write(_checksum(body))
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._path(pos))
        for old in self._saved()[KEPT:]:
            self._path(old).unlink(missing_ok=True)

    def newest(self, at_most: int) -> bytes | memoryview | None:
        for pos in self._saved():
            if pos <= at_most:
                content = self._path(pos).read_bytes()
                checksum, body = content[:_CHECKSUM_BYTES], memoryview(content)[_CHECKSUM_BYTES:]
                if _checksum(body) == checksum:
                    return body
        return None

    def newest_pos(self) -> int:
        """Position of the newest file, 0 where there is none."""
        return max(self._saved(), default=0)

    def files(self, at_most: int) -> list[Path]:
        """The files of at most ``at_most`` events, the newest first; any may be gone by the time it is opened."""
        return [self._path(pos) for pos in self._saved() if pos <= at_most]

    def newest_at(self) -> float | None:
        """When the newest was written, in seconds UTC; None where there is none."""
        for pos in self._saved():
            try:
                return self._path(pos).stat().st_mtime
            except FileNotFoundError:  # a newer one has just taken its place
                continue
        return None

    def _saved(self) -> list[int]:
        return sorted((int(path.stem) for path in self._folder.glob("*.snapshot") if path.stem.isdigit()), reverse=True)

    def _path(self, pos: int) -> Path:
        return self._folder / f"{pos:020d}.snapshot"


def _checksum(body: bytes | memoryview) -> bytes:
    """CRC-32: it is to find damage, not forgery."""
    return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big")
