"""The compressor's cycles, read from the temperature alone: how much of the time it falls, how fast it rises, and how
long a defrost takes to be cooled away."""

import math

import msgspec

from maillage.services.sensing.warning.gauge import Gauge
from maillage.services.sensing.warning.rls import Rls
from maillage.services.sensing.warning.settings import WINDOW_S

SMOOTH_S = 150.0
"""Time constant before turns are looked for, so that noise of a tenth of a kelvin makes none."""
STEP_MAX_S = 240.0
"""Readings further apart than this are too coarse for cycles of some minutes; nothing is counted then."""
TURN_K = 0.3
"""A fall is over when it is that much warmer again: three times the noise, a fifth of a thermostat's band. A compressor
that only just holds the temperature has no slope to speak of, and is running all the same."""
BUMP_LEAST_K = 2.0
RECOVERY_MAX_S = 14_400.0


class Duty(msgspec.Struct):
    """Counts falling and rising time over windows of two hours. The share of falling is what the compressor's duty is;
    doors raise it, and by how much is learnt."""

    model: Rls
    share: Gauge
    rise: Gauge
    smooth: float = math.nan
    turn: float = math.inf
    falling: bool = True
    fell_s: float = 0.0
    rose_s: float = 0.0
    rose_k: float = 0.0
    open_s: float = 0.0

    @classmethod
    def fresh(cls, memory_s: float) -> "Duty":
        windows = memory_s / WINDOW_S
        return cls(Rls.of(2), Gauge(windows, 0.02), Gauge(windows, 0.05))

    def reading(self, value: float, elapsed_s: float, door: bool, counts: bool) -> bool:
        """Take a reading ``elapsed_s`` after the last; whether a window is full. Only what ``counts`` is counted:
        a defrost and the cooling after it are not a cycle."""
        if self.smooth != self.smooth or elapsed_s > STEP_MAX_S:
            self.smooth = value
            return False
        moved = (value - self.smooth) * elapsed_s / (elapsed_s + SMOOTH_S)
        self.smooth += moved
        if not counts:
            return False
        self._follow()
        if self.falling:
            self.fell_s += elapsed_s
        else:
            self.rose_s += elapsed_s
            self.rose_k += moved
        if door:
            self.open_s += elapsed_s
        return self.fell_s + self.rose_s >= WINDOW_S

    def _follow(self) -> None:
        """Whether it falls or rises: it turns when it is back by ``TURN_K`` from where it was furthest."""
        if self.falling:
            self.turn = min(self.turn, self.smooth)
            turned = self.smooth > self.turn + TURN_K
        else:
            self.turn = max(self.turn, self.smooth)
            turned = self.smooth < self.turn - TURN_K
        if turned:
            self.falling, self.turn = not self.falling, self.smooth

    def close(self) -> tuple[list[float], float, float]:
        """End a window: what drives the model, the share's error against it, and the logarithm of the rise in K/h."""
        whole = self.fell_s + self.rose_s
        inputs = [1.0, self.open_s / whole]
        error = self.fell_s / whole - self.model.predict(inputs)
        rise = math.log(max(self.rose_k, 1e-3) / max(self.rose_s, 1.0) * 3_600.0)
        self.fell_s = self.rose_s = self.rose_k = self.open_s = 0.0
        return inputs, error, rise


class Recovery(msgspec.Struct):
    """How long after each defrost the temperature is back among the normal ones, as a logarithm of minutes."""

    gauge: Gauge
    ended_s: float = math.nan
    peak: float = -math.inf

    @classmethod
    def fresh(cls, memory_s: float) -> "Recovery":
        return cls(Gauge(memory_s / 28_800, 0.12))

    def begin(self, at_s: float) -> None:
        """A defrost has ended."""
        self.ended_s, self.peak = at_s, -math.inf

    def reading(self, at_s: float, smooth: float, normal: float) -> float | None:
        """The logarithm of the minutes it took, at the reading that is back at ``normal``; else None."""
        if self.ended_s != self.ended_s:
            return None
        self.peak = max(self.peak, smooth)
        took_s = at_s - self.ended_s
        if smooth > normal and took_s < RECOVERY_MAX_S:
            return None
        self.ended_s = math.nan
        return math.log(max(took_s, 60.0) / 60.0) if self.peak > normal + BUMP_LEAST_K else None
