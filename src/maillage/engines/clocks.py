"""Clocks: the machine's, and one that is set by hand."""

import time


class SystemClock:
    def now(self) -> int:
        return int(time.time())


class ManualClock:
    """Stands still until it is moved; for tests, and for a demo that lives through two days in seconds."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def set(self, now: int) -> None:
        """Jump, in either direction."""
        self._now = now

    def advance(self, seconds: int) -> None:
        self._now += seconds
