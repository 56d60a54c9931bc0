"""Small records as files: one each, written beside, synced, then renamed into place."""

import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

log = logging.getLogger(__name__)

T = TypeVar("T")


class RecordFiles(Generic[T]):
    """Files ``<digest of the name>.json`` in a folder, which is created with the first. Their own names say nothing of
    the records', so none can lead elsewhere. A file that can't be read is set aside as ``.damaged``, and the log says
    so."""

    def __init__(self, folder: Path, kind: type[T]) -> None:
        self._folder = folder
        self._kind = kind

    def put(self, name: str, record: T) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(name)
        part = path.with_suffix(".part")
        with part.open("wb") as out:
            out.write(msgspec.json.encode(record))
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        self._sync_folder()

    def drop(self, name: str) -> None:
        path = self.path(name)
        if path.exists():
            path.unlink(missing_ok=True)
            self._sync_folder()

    def all(self) -> list[T]:
        """In no particular order."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=self._kind))
            except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                log.error("%s can't be read and is set aside: %s", path, fault)
                path.replace(path.with_suffix(".damaged"))
        return found

    def path(self, name: str, suffix: str = ".json") -> Path:
        """Where the record of a name is; with another suffix, what is kept beside it."""
        return self._folder / f"{sha256(name.encode()).hexdigest()[:32]}{suffix}"

    def _sync_folder(self) -> None:
        """So that a name, too, survives a power cut."""
        number = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
