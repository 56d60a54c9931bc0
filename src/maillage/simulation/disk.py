"""A disk that keeps apart what was written and what was synced, and a journal and snapshots on it.

A process that is killed leaves what it wrote to the operating system; a power cut takes what was not synced, or some of
it. A crash may come at any step between two writes: each step of each engine goes through ``SimDisk.step``.
"""

import errno
import zlib
from collections.abc import Callable, Iterator
from random import Random

from maillage.kernel.ports import Batch, require_contiguous
from maillage.simulation.life import Life

OWN = "own"
"""The file of the ledger that a process owns."""
SNAPSHOTS_KEPT = 2
_BROKEN = (errno.EIO, "the disk could not do it")
_FULL = (errno.ENOSPC, "no space left on the disk")


class InjectedFault(OSError):
    """An error of the disk that was made on purpose."""


Transaction = tuple[Batch, ...]


class SimFile:
    """A journal's file and the snapshots beside it. ``ghost`` was written and then failed to sync: it is not kept, but
    a power cut may bring it back where nothing was put in its place."""

    def __init__(self) -> None:
        self.synced: list[Transaction] = []
        self.written: list[Transaction] = []
        self.ghost: Transaction | None = None
        self.snapshots: dict[int, bytes] = {}
        self.unsynced_snapshots: dict[int, bytes] = {}

    def sync(self) -> None:
        """What was written can't be lost any more."""
        self.synced += self.written
        self.written.clear()

    def lose_power(self, random: Random) -> None:
        """Some of what was not synced is gone: all from one transaction on, and snapshots each by chance."""
        kept = random.randrange(len(self.written) + 1)
        if self.ghost is not None and not self.written and random.random() < 0.5:
            self.synced.append(self.ghost)
        self.ghost = None
        self.synced += self.written[:kept]
        self.written.clear()
        for pos, body in self.unsynced_snapshots.items():
            if random.random() < 0.5:  # torn: its checksum will not fit
                self.snapshots[pos] = body[: random.randrange(len(body))]
        self.unsynced_snapshots.clear()

    @property
    def batches(self) -> Iterator[Batch]:
        """All that a process finds, synced or not."""
        for transaction in (*self.synced, *self.written):
            yield from transaction


class SimDisk:
    """What outlives a process: its files, by name. ``full`` and ``broken`` refuse writes, or everything, while they are
    set; besides ``fault_share`` of all steps fail just so. ``crash`` ends the process that uses it."""

    def __init__(self, random: Random, crash: Callable[[], None]) -> None:
        self.random = random
        self._crash = crash
        self.full = False
        self.broken = False
        self.fault_share = 0.0
        self.steps = 0
        self.faults = 0
        self._steps_to_crash = 0
        self.files: dict[str, SimFile] = {}

    def file(self, name: str) -> SimFile:
        return self.files.setdefault(name, SimFile())

    def crash_after(self, steps: int) -> None:
        """Have the process crash at the so many-th step from now."""
        self._steps_to_crash = steps

    def step(self, life: Life, *, writes: bool = True, may_fail: bool = True) -> None:
        """One step of an engine: the process may end here, or the disk fail with InjectedFault."""
        life.require()
        self.steps += 1
        if self._steps_to_crash:
            self._steps_to_crash -= 1
            if not self._steps_to_crash:
                self._crash()
                life.require()
        if not may_fail:
            return
        if self.broken or (self.full and writes):
            self.faults += 1
            raise InjectedFault(*(_BROKEN if self.broken else _FULL))
        if self.fault_share and self.random.random() < self.fault_share:
            self.faults += 1
            raise InjectedFault(*_BROKEN)

    def lose_power(self) -> None:
        """What was not synced is at risk."""
        for file in self.files.values():
            file.lose_power(self.random)


class SimJournal:
    """The journal of one life on a disk. Opening it syncs what a former life wrote and did not sync: a journal may
    not show what a power cut can still take."""

    def __init__(self, disk: SimDisk, life: Life, name: str = OWN, syncs: bool = True) -> None:
        """``syncs`` False is a mistake that the simulation must find."""
        self._disk = disk
        self._file = disk.file(name)
        self._life = life
        self._syncs = syncs
        disk.step(life)
        if syncs:
            self._file.sync()
        self._batches = list(self._file.batches)
        self._end = self._batches[-1].pos + self._batches[-1].count if self._batches else 0

    def append(self, *batches: Batch) -> None:
        disk, life = self._disk, self._life
        life.require()
        end = require_contiguous(self._end, batches)
        disk.step(life)
        self._file.ghost = None
        self._file.written.append(batches)
        try:
            disk.step(life)
        except InjectedFault:
            self._file.ghost = self._file.written.pop()
            raise
        if self._syncs:
            self._file.sync()
        self._batches += batches
        self._end = end
        disk.step(life, may_fail=False)  # durable, and the process may be gone before it can say so

    def end(self) -> int:
        return self._end

    def read(self, pos: int = 0) -> Iterator[Batch]:
        self._disk.step(self._life, writes=False)
        first = self._first(pos)
        return iter(self._batches[first:])

    def sources(self) -> dict[str, int]:
        self._life.require()
        ends: dict[str, int] = {}
        for batch in self._batches:
            if batch.source:
                ends[batch.source] = max(batch.source_end, ends.get(batch.source, 0))
        return ends

    def close(self) -> None:
        return

    def _first(self, pos: int) -> int:
        """The batch that holds event ``pos``."""
        low, high = 0, len(self._batches)
        while low < high:
            middle = (low + high) // 2
            batch = self._batches[middle]
            if batch.pos + batch.count > pos:
                high = middle
            else:
                low = middle + 1
        return low


class SimSnapshots:
    """Snapshots of one life on a disk: written beside, synced, renamed, with a checksum in front."""

    def __init__(self, disk: SimDisk, life: Life, name: str = OWN) -> None:
        self._disk = disk
        self._file = disk.file(name)
        self._life = life

    def save(self, pos: int, body: bytes) -> None:
        disk, life, file = self._disk, self._life, self._file
        disk.step(life)
        file.unsynced_snapshots[pos] = zlib.crc32(body).to_bytes(4, "big") + body
        disk.step(life)
        file.snapshots[pos] = file.unsynced_snapshots.pop(pos)
        disk.step(life)
        for old in sorted(file.snapshots, reverse=True)[SNAPSHOTS_KEPT:]:
            del file.snapshots[old]

    def newest(self, at_most: int) -> bytes | None:
        self._disk.step(self._life, writes=False)
        for pos in sorted(self._file.snapshots, reverse=True):
            content = self._file.snapshots[pos]
            if pos <= at_most and zlib.crc32(content[4:]).to_bytes(4, "big") == content[:4]:
                return content[4:]
        return None

    def newest_pos(self) -> int:
        self._life.require()
        return max(self._file.snapshots, default=0)
