"""What is to be looked at when: a heap. Entries are never taken out early; whoever pops one looks whether it holds."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Look = Callable[[int], None]
"""Is called with the present instant, in milliseconds UTC."""


class Due:
    """Instants in milliseconds UTC."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Look]] = []
        self._order = count()

    def at(self, instant_ms: int, look: Look) -> None:
        """Have ``look`` called once it is that late."""
        heappush(self._heap, (instant_ms, next(self._order), look))

    def run(self, now_ms: int) -> None:
        """Call what is due, the earliest first; what that adds is due at the next run at the soonest if it is now."""
        heap, waiting = self._heap, []
        while heap and heap[0][0] <= now_ms:
            waiting.append(heappop(heap)[2])
        for look in waiting:
            look(now_ms)
