"""Snapshots in memory: for tests and for chains that need not outlive the process."""

KEPT = 2


class MemorySnapshots:
    """Keeps the newest few in a dict; nothing survives the process."""

    def __init__(self) -> None:
        self._bodies: dict[int, bytes] = {}

    def save(self, pos: int, body: bytes) -> None:
        self._bodies[pos] = body
        for old in sorted(self._bodies, reverse=True)[KEPT:]:
            del self._bodies[old]

    def newest(self, at_most: int) -> bytes | None:
        return max(((pos, body) for pos, body in self._bodies.items() if pos <= at_most), default=(0, None))[1]

    def newest_pos(self) -> int:
        """Position of the newest, 0 where there is none."""
        return max(self._bodies, default=0)
