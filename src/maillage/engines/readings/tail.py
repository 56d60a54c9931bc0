"""What came in of each series and is not packed yet: in memory for readers, in the log for whoever comes after."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from maillage.engines.readings.runs import NOTHING, Run, merged, within
from maillage.services.sensing.model import Reading

_ENTRY = np.dtype([("series", "<u4"), ("at_ms", "<i8"), ("value", "<f8")])


class SeriesTail:
    """One series. ``at_ms`` and ``values`` are in order of arrival: of what has the same instant the later counts.
    ``packed`` is the number of the last entry of the log that is wholly in blocks, as far as this series goes."""

    __slots__ = ("at_ms", "id", "newest", "packed", "site", "values")

    def __init__(self, number: int, site: str, packed: int = 0) -> None:
        self.id = number
        self.site = site
        self.packed = packed
        self.at_ms = array("q")
        self.values = array("d")
        self.newest: tuple[int, float] | None = None
        """The last by its instant that went through here; blocks of before may have a later one."""

    def add(self, at_ms: int, value: float) -> None:
        self.at_ms.append(at_ms)
        self.values.append(value)
        if self.newest is None or at_ms >= self.newest[0]:
            self.newest = at_ms, value

    def run(self) -> Run:
        """As it came in: neither ordered nor without repetitions."""
        if not self.at_ms:
            return NOTHING
        return Run(np.array(self.at_ms, np.int64), np.array(self.values, np.float64))

    def part(self, start_ms: int, end_ms: int) -> Run:
        """What is in ``[start_ms, end_ms)``, ordered."""
        return within(merged(self.run()), start_ms, end_ms)

    def drop(self, count: int) -> None:
        """Forget the first so many to come in."""
        del self.at_ms[:count]
        del self.values[:count]


def pack_entry(numbers: Sequence[int], readings: Sequence[Reading]) -> bytes:
    """A batch as an entry of the log; ``numbers`` says of which series each reading is."""
    entry = np.empty(len(readings), _ENTRY)
    entry["series"] = numbers
    entry["at_ms"] = [reading.at_ms for reading in readings]
    entry["value"] = [reading.value for reading in readings]
    return entry.tobytes()


def replay(entries: Iterable[tuple[int, bytes]], tails: Iterable[SeriesTail]) -> None:
    """Enter what a process before this one left in the log, as far as it is not in blocks."""
    numbered = [(number, np.frombuffer(body, _ENTRY)) for number, body in entries]
    if not numbered:
        return
    whole = np.concatenate([entry for _, entry in numbered])
    numbers = np.repeat([number for number, _ in numbered], [entry.size for _, entry in numbered])
    order = np.argsort(whole["series"], kind="stable")
    whole, numbers = whole[order], numbers[order]
    for tail in tails:
        first, beyond = np.searchsorted(whole["series"], (tail.id, tail.id + 1))
        fresh = whole[first:beyond][numbers[first:beyond] > tail.packed]
        if fresh.size:
            tail.at_ms.frombytes(fresh["at_ms"].astype(np.int64).tobytes())
            tail.values.frombytes(fresh["value"].astype(np.float64).tobytes())
            last = merged(Run(fresh["at_ms"].astype(np.int64), fresh["value"].astype(np.float64)))
            tail.newest = int(last.at_ms[-1]), float(last.values[-1])
