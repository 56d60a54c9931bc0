"""What is new of each series, what is late, and what was here before."""

from array import array

from maillage.services.sensing.model import SeriesKey

REMEMBERED = 16
"""Instants of a series that are known to have been here: a device that sends its last few again sends nothing new."""


class _Seen:
    __slots__ = ("at", "newest", "times")

    def __init__(self) -> None:
        self.newest = -1
        self.times = array("q")
        self.at = 0

    def has(self, at_ms: int) -> bool:
        return at_ms in self.times

    def add(self, at_ms: int) -> None:
        if len(self.times) < REMEMBERED:
            self.times.append(at_ms)
        else:
            self.times[self.at] = at_ms
            self.at = (self.at + 1) % REMEMBERED


class Newest:
    """Of every series some instants."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, _Seen] = {}

    def prime(self, key: SeriesKey, at_ms: int) -> None:
        """What the store has of a series ends at an instant."""
        seen = self._series.setdefault(key, _Seen())
        if at_ms > seen.newest:
            seen.newest = at_ms
            seen.add(at_ms)

    def take(self, key: SeriesKey, at_ms: int) -> bool | None:
        """Whether a reading that a device timed is late; None where it was here before."""
        seen = self._seen(key)
        if seen.has(at_ms):
            return None
        seen.add(at_ms)
        late = at_ms < seen.newest
        if not late:
            seen.newest = at_ms
        return late

    def arrive(self, key: SeriesKey, at_ms: int) -> int:
        """The instant of a reading that counts from its arrival: its own, even where our clock was set back, and a
        millisecond later where one came in the same."""
        seen = self._seen(key)
        while seen.has(at_ms):
            at_ms += 1
        seen.add(at_ms)
        seen.newest = at_ms
        return at_ms

    def keep_only(self, devices: set[str]) -> None:
        """Forget the series of devices that are no more."""
        self._series = {key: seen for key, seen in self._series.items() if key.device in devices}

    def _seen(self, key: SeriesKey) -> _Seen:
        seen = self._series.get(key)
        if seen is None:
            seen = self._series[key] = _Seen()
        return seen
