"""Clocks: the world's time, and what each process takes it for."""

from collections.abc import Callable

EPOCH = 1_796_083_200
"""2026-12-01T00:00:00Z, when every simulated world begins."""


class WorldTime:
    """Seconds UTC as they really are. The loop's seconds pass one by one; a leap lets hours go by at once, as they do
    where nothing happens, so that leases end and holds expire within a run of minutes."""

    def __init__(self, loop_s: Callable[[], float]) -> None:
        self._loop_s = loop_s
        self._leapt_s = 0

    def seconds(self) -> float:
        return EPOCH + self._loop_s() + self._leapt_s

    def leap(self, seconds: int) -> None:
        """Let that much time go by for everybody."""
        self._leapt_s += seconds


class SimClock:
    """One process's clock: ahead or behind, fast or slow, and moved at times, back as well."""

    def __init__(self, world: WorldTime) -> None:
        self._world = world
        self.set_right()

    def now(self) -> int:
        world_s = self._world.seconds()
        return int(world_s + self._offset_s + (world_s - self._set_at) * self._drift)

    def set_wrong(self, offset_s: float, drift: float) -> None:
        """Move it, in either direction, and have it gain or lose from now on."""
        self._offset_s, self._drift, self._set_at = offset_s, drift, self._world.seconds()

    def set_right(self) -> None:
        self.set_wrong(0.0, 0.0)
