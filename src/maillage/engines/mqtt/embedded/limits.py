"""What the embedded broker bears from one client."""

from typing import NamedTuple


class Limits(NamedTuple):
    """``packet_bytes`` is the longest packet that is read; a longer one ends its connection. A client that publishes
    more than ``messages_per_s`` (after ``burst`` at once) is read more slowly: nothing of it is lost, and the others do
    not notice. ``waiting`` messages, or ``waiting_bytes``, may wait for a device that does not read; then its
    connection ends. ``retained`` is how many topics of one client are kept for later subscribers, ``retained_bytes``
    how much of all clients."""

    packet_bytes: int = 320 * 1024
    messages_per_s: float = 200.0
    burst: int = 2_000
    waiting: int = 1_000
    waiting_bytes: int = 4 << 20
    retained: int = 1_000
    retained_bytes: int = 64 << 20
    connections: int = 2_000
    connect_s: float = 10.0


class Pace:
    """Messages of one client against its limit: a bucket that holds ``burst`` and fills by ``per_s``."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, float(burst)
        self._left, self._at = float(burst), 0.0

    def take(self, now: float) -> float:
        """Count one message; for how many seconds the next one has to wait."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s) - 1.0
        self._at = now
        return 0.0 if self._left >= 0.0 else -self._left / self._per_s
