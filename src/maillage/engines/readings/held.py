"""What a process knows of its readings beside the file: which series there are, and what came in last."""

import math
from collections.abc import Sequence
from threading import Lock

from maillage.engines.readings.columns import Floats, Ints
from maillage.engines.readings.database import ReadingsFile
from maillage.engines.readings.runs import AT_MS_MAX
from maillage.engines.readings.tail import SeriesTail, replay
from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Reading, SeriesKey

_FULL_SINCE = "full_since_ms"


class Held:
    """``lock`` is of everything here, and held for moments only. ``number`` is that of the last entry of the log."""

    def __init__(self, file: ReadingsFile) -> None:
        self.file = file
        self.lock = Lock()
        self.tails: dict[tuple[str, str], SeriesTail] = {}
        with file.reading() as db:
            for number, device, measure, site, packed in db.execute("SELECT * FROM series ORDER BY id"):
                self.tails[SeriesKey(device, measure)] = SeriesTail(number, site, packed)
            facts = dict(db.execute("SELECT name, value FROM facts").fetchall())
            last = db.execute("SELECT max(number) FROM log").fetchone()[0] or 0
            # Entries that are packed are gone, and their numbers must not come again: they would count as packed.
            self.number = max([last, *(tail.packed for tail in self.tails.values())])
            replay(db.execute("SELECT number, body FROM log ORDER BY number"), self.tails.values())
        self.full_since_ms = int(facts.get(_FULL_SINCE, 0))

    def next_id(self) -> int:
        """Of a series that is new: they are numbered without gaps, and none ever goes."""
        return 1 + len(self.tails)

    def forget_before(self, cut_ms: int) -> None:
        """Note that what is older is not kept in full any more."""
        with self.file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_FULL_SINCE, cut_ms))
        self.full_since_ms = cut_ms


def check_readings(readings: Sequence[Reading]) -> None:
    """Invalid where one of them can't be kept."""
    for reading in readings:
        check_instant(reading.at_ms)
        if not math.isfinite(reading.value):
            raise Invalid("value", f"{reading.value} of {reading.measure} of {reading.device} is not a finite number")


def check_run(at_ms: Ints, values: Floats) -> None:
    """The same of many of one series."""
    if at_ms.shape != values.shape or at_ms.ndim != 1:
        raise Invalid("values", f"there are {values.size} for {at_ms.size} instants")
    if at_ms.size:
        check_instant(int(at_ms.min()))
        check_instant(int(at_ms.max()))
        if not math.isfinite(float(values.sum())) and not all(map(math.isfinite, values)):
            raise Invalid("values", "holds one that is not a finite number")


def check_instant(at_ms: int) -> None:
    """Refuse what is not of the years 1970 to 9999."""
    if not 0 <= at_ms < AT_MS_MAX:
        raise Invalid("at_ms", f"{at_ms} lies outside the years 1970 to 9999")
