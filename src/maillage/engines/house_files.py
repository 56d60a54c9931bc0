"""What is kept of the houses of a process's sites, as files: settings, and the history of each."""

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from maillage.engines.record_files import RecordFiles
from maillage.services.compute.house.history import SLOTS_KEPT
from maillage.services.compute.house.model import HouseRecord, Slot

HISTORY = ".slots"
_SLOT = struct.Struct("<III")
"""Number, mean, peak; a checksum follows."""
_PLACE_BYTES = _SLOT.size + 4


class HouseFiles:
    """A record a site (see ``RecordFiles``), and beside it its history: a ring of places with a checksum each, so that
    one that was torn is as if nothing had been known then."""

    def __init__(self, folder: Path) -> None:
        self._files = RecordFiles(folder, HouseRecord)

    def put(self, record: HouseRecord) -> None:
        self._files.put(record.site, record)

    def drop(self, site: str) -> None:
        self._files.path(site, HISTORY).unlink(missing_ok=True)
        self._files.drop(site)

    def all(self) -> list[HouseRecord]:
        """In order of site."""
        return sorted(self._files.all(), key=lambda record: record.site)

    def add(self, slots: Sequence[tuple[str, Slot]]) -> None:
        for site, slot in slots:
            body = _SLOT.pack(*slot)
            path = self._files.path(site, HISTORY)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(handle, body + zlib.crc32(body).to_bytes(4, "little"), _offset(slot.number))
            finally:
                os.close(handle)

    def slots(self, site: str) -> list[Slot]:
        path = self._files.path(site, HISTORY)
        content = path.read_bytes() if path.exists() else b""
        found = []
        for place in range(0, len(content) - _PLACE_BYTES + 1, _PLACE_BYTES):
            body = content[place : place + _SLOT.size]
            checksum = int.from_bytes(content[place + _SLOT.size : place + _PLACE_BYTES], "little")
            slot = Slot(*_SLOT.unpack(body))
            if zlib.crc32(body) == checksum and _offset(slot.number) == place:
                found.append(slot)
        return sorted(found)


def _offset(number: int) -> int:
    return number % SLOTS_KEPT * _PLACE_BYTES
