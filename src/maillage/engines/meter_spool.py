"""Meters in a mapped file: what was added is in the hands of the operating system at once, so that a process may be
killed at any instant.

The file consists of pairs of pages. A page has 16 places of 256 bytes; the second page of a pair holds the other copy
of each record of the first. A change is written over the older copy, with the next number and a checksum: a write that
was torn leaves the copy before it.
"""

import logging
import mmap
import os
import struct
import threading
import zlib
from pathlib import Path

from maillage.services.compute.model import Meters

log = logging.getLogger(__name__)

PAGE_BYTES = 4_096
PLACE_BYTES = 256
PLACES_A_PAIR = PAGE_BYTES // PLACE_BYTES
PAIR_BYTES = 2 * PAGE_BYTES
_BODY = struct.Struct("<Q200s5Q")
"""Number of the change, the lease (none: the place is free), requests, fuel, wall time, bytes in, bytes out."""
_CHECKSUM = struct.Struct("<I")
_NAME_MAX = 200


class _Record:
    __slots__ = ("change", "name", "place", "total")

    def __init__(self, name: bytes, total: Meters, place: int | None = None, change: int = 0) -> None:
        self.name = name
        self.total = total
        self.place = place  # None: the disk had no room for it yet
        self.change = change


class MeterSpool:
    """Totals by lease. One process at a time uses a file; threads may come at once. OSError where it can't be opened
    or has no room for its first pages."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._records: dict[str, _Record] = {}
        self._free: list[tuple[int, int]] = []
        """Places that nobody has, each with the number of its last change."""
        self._told_full = False
        try:
            size = os.fstat(self._file).st_size
            whole = max(-(-size // PAIR_BYTES), 1) * PAIR_BYTES
            self._allocate(size, whole)
            self._map = mmap.mmap(self._file, whole)
        except BaseException:
            os.close(self._file)
            raise
        self._read()

    def open(self, lease: str, base: Meters) -> None:
        with self._lock:
            if lease not in self._records:
                name = lease.encode()
                if len(name) > _NAME_MAX:
                    raise ValueError(f"the name of the lease has {len(name)} bytes, at most {_NAME_MAX} fit")
                record = self._records[lease] = _Record(name, base)
                self._write(record)

    def add(self, lease: str, used: Meters) -> bool:
        with self._lock:
            record = self._records.get(lease)
            if record is None:
                return False
            was = record.total
            record.total = Meters(
                was.requests + used.requests,
                was.fuel + used.fuel,
                was.wall_us + used.wall_us,
                was.bytes_in + used.bytes_in,
                was.bytes_out + used.bytes_out,
            )
            self._write(record)
            return True

    def lift(self, lease: str, least: Meters) -> None:
        with self._lock:
            record = self._records.get(lease)
            if record is not None:
                lifted = _greater(record.total, least)
                if lifted != record.total:
                    record.total = lifted
                    self._write(record)

    def totals(self) -> dict[str, Meters]:
        with self._lock:
            return {lease: record.total for lease, record in self._records.items()}

    def forget(self, lease: str, at: Meters) -> bool:
        with self._lock:
            record = self._records.get(lease)
            if record is None or record.total != at:
                return False
            del self._records[lease]
            self._release(record)
            return True

    def sync(self) -> None:
        with self._syncing:  # not the other lock: a disk may take its time, and who counts must not
            if not self._map.closed:
                os.fsync(self._file)  # takes the pages of a shared mapping along

    def close(self) -> None:
        """What is added later is not kept."""
        with self._syncing, self._lock:
            if not self._map.closed:
                self._map.close()
                os.fsync(self._file)
                os.close(self._file)

    # -- places; the lock is held --------------------------------------------------------------------------------

    def _write(self, record: _Record) -> None:
        if self._map.closed:
            return
        if record.place is None:
            try:
                record.place, record.change = self._take_place()
            except OSError as fault:
                if not self._told_full:
                    log.error("meters are kept in memory only, until the spool can grow: %s", fault)
                self._told_full = True
                return
        record.change += 1
        self._put(record.place, record.change, record.name, record.total)

    def _put(self, place: int, change: int, name: bytes, total: Meters) -> None:
        body = _BODY.pack(change, name, total.requests, total.fuel, total.wall_us, total.bytes_in, total.bytes_out)
        at = _offset(place, change % 2)
        self._map[at : at + _BODY.size + _CHECKSUM.size] = body + _CHECKSUM.pack(zlib.crc32(body))

    def _release(self, record: _Record) -> None:
        if record.place is not None and not self._map.closed:
            self._put(record.place, record.change + 1, b"", Meters())
            self._free.append((record.place, record.change + 1))

    def _take_place(self) -> tuple[int, int]:
        if not self._free:
            size = len(self._map)
            self._allocate(size, size + PAIR_BYTES)
            self._map.resize(size + PAIR_BYTES)
            first = size // PAIR_BYTES * PLACES_A_PAIR
            self._free = [(place, 0) for place in range(first + PLACES_A_PAIR - 1, first - 1, -1)]
        return self._free.pop()

    def _allocate(self, size: int, wanted: int) -> None:
        """Write the new pages: a page of a mapped file that the disk has no room for would end the process."""
        if wanted > size:
            os.lseek(self._file, size, os.SEEK_SET)
            left = memoryview(bytes(wanted - size))
            try:
                while left:
                    left = left[os.write(self._file, left) :]
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)
                raise

    def _read(self) -> None:
        for place in range(len(self._map) // PAIR_BYTES * PLACES_A_PAIR - 1, -1, -1):
            change, name, total = max(self._copy(place, 0), self._copy(place, 1), key=lambda copy: copy[0])
            if not name:
                self._free.append((place, change))
                continue
            record = _Record(name, total, place, change)
            twin = self._records.get(lease := name.decode())
            if twin is not None:  # a place that was left came back after a power cut: the greater totals are the newer
                record.total = _greater(record.total, twin.total)
                self._release(twin)
                self._write(record)
            self._records[lease] = record

    def _copy(self, place: int, number: int) -> tuple[int, bytes, Meters]:
        """One copy of a record; a damaged one is as if it had never been written."""
        at = _offset(place, number)
        body = self._map[at : at + _BODY.size]
        (checksum,) = _CHECKSUM.unpack_from(self._map, at + _BODY.size)
        if zlib.crc32(body) != checksum:
            return 0, b"", Meters()
        change, name, *total = _BODY.unpack(body)
        return change, name.rstrip(b"\0"), Meters(*total)


def _offset(place: int, copy: int) -> int:
    pair, slot = divmod(place, PLACES_A_PAIR)
    return pair * PAIR_BYTES + copy * PAGE_BYTES + slot * PLACE_BYTES


def _greater(one: Meters, other: Meters) -> Meters:
    return Meters(
        max(one.requests, other.requests),
        max(one.fuel, other.fuel),
        max(one.wall_us, other.wall_us),
        max(one.bytes_in, other.bytes_in),
        max(one.bytes_out, other.bytes_out),
    )
