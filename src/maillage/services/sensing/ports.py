"""What sensing needs from outside, and how its parts are tied together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from maillage.services.sensing.model import Device, Fault, Profile, Reading, SeriesKey


@dataclass(frozen=True)
class Series:
    """Readings of one measure in order of time. ``at_ms`` int64, milliseconds UTC; without a step ``low``, ``mean`` and
    ``high`` are the same array of values (float64) and ``count`` is all ones; with one, ``at_ms`` is the start of each
    step that has readings, and they are the smallest, mean and greatest value in it and how many there were."""

    at_ms: npt.NDArray[np.int64]
    low: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]


class ReadingStore(Protocol):
    """Keeps readings compactly. Calls may wait for the disk: made from threads, never two ``append`` at once."""

    def append(self, readings: Sequence[Reading]) -> None:
        """Durable when it returns. In any order; one that is there already (same series and time) is replaced."""
        ...

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None) -> Series:
        """Of ``[start_ms, end_ms)``, by steps of whole ``step_s`` since 1970 where it is given."""
        ...

    def last(self, key: SeriesKey) -> Reading | None: ...

    def forget(self, before_ms: int) -> None:
        """Drop readings before an instant at full resolution; their sums by the hour stay."""
        ...

    def close(self) -> None: ...


class Watcher(Protocol):
    """Looks at each batch of readings as it comes in, before it is stored; never waits for disk or network."""

    def observe(self, readings: Sequence[Reading]) -> None: ...

    def refused(self, device: Device, fault: Fault, at_ms: int) -> None:
        """A message of a known device was not taken."""
        ...

    def tick(self, now_ms: int) -> None:
        """Called about once a second: what did not come is news as well."""
        ...


class Registry(Protocol):
    """The devices of the sites that this process owns, in memory."""

    def device(self, device_id: str) -> Device | None: ...

    def profile(self, profile_id: str) -> Profile | None: ...

    def devices(self) -> Mapping[str, Device]:
        """All that are not retired, by id."""
        ...

    @property
    def revision(self) -> int:
        """Grows with each change, so that whoever derived something from it knows when to do so again."""
        ...
