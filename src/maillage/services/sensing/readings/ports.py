"""What has readings for years."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from maillage.services.sensing.model import SeriesKey
from maillage.services.sensing.ports import ReadingStore


class ReadingArchive(ReadingStore, Protocol):
    """A store that seals what it has, and forgets in the end.

    Steps of whole hours are answered from sums by the hour, which stay when readings are forgotten, and are exact. An
    hour that the range cuts is added up from its readings; where those are forgotten, it counts whole if it begins in
    the range, and not at all otherwise. ``forget`` and ``forget_sums`` may keep a little more than asked, so that they
    end at midnight UTC or at the end of whole months or the like; ``full_since_ms`` says where they did.

    ``append`` and ``backfill`` take instants of the years 1970 to 9999 and finite values, else they refuse all
    (Invalid). What was measured before ``full_since_ms`` they leave out.
    """

    @property
    def full_since_ms(self) -> int:
        """Of what was measured before, only the sums are kept; 0 at first."""
        ...

    def extent(self, key: SeriesKey) -> tuple[int, int] | None:
        """The first hour that is known of, at its start, and the instant of the last reading; None where there is
        nothing."""
        ...

    def count(self, key: SeriesKey, start_ms: int, end_ms: int) -> int:
        """So many readings, or somewhat fewer, are kept in full in ``[start_ms, end_ms)``; takes little time."""
        ...

    def backfill(
        self, site: str, key: SeriesKey, at_ms: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> None:
        """Many readings of one series at once, such as a device's own log or another system's history: as ``append``,
        and a hundred times as fast, for they go where sealed ones are. All or nothing."""
        ...

    def seal(self, series_max: int = 100, even_few: bool = False) -> int:
        """One step of packing what came in: at most so many series, and how many are left to do. Does nothing, and says
        0, while too little came in to be worth it; ``even_few`` packs whatever there is."""
        ...

    def forget_sums(self, before_ms: int) -> None:
        """Drop sums by the hour before an instant; not those after ``full_since_ms``."""
        ...
