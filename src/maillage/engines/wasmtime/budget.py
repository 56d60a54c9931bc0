"""How much processor time an instance may use: a bucket that fills at the rate of what was leased."""

from threading import Lock
from time import monotonic

BURST_S = 0.2
"""The bucket holds what is leased for this long; so much may be used at once after a rest."""
THOUSANDTHS = 1_000


class CpuBudget:
    """``cpu`` is thousandths of a vCPU. Calls come from several threads at once."""

    def __init__(self, cpu: int) -> None:
        self._rate = max(cpu, 1) / THOUSANDTHS
        self._level_s = self._rate * BURST_S
        self._at = monotonic()
        self._lock = Lock()

    def charge(self, used_s: float) -> float:
        """Take what was used out of the bucket; seconds until it is no longer overdrawn, 0 where it is not."""
        with self._lock:
            now = monotonic()
            filled_s = self._level_s + (now - self._at) * self._rate
            self._at = now
            self._level_s = min(filled_s, self._rate * BURST_S) - used_s
            return max(0.0, -self._level_s / self._rate)
