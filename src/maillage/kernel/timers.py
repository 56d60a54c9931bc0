"""What is to happen when: instants in a heap, and the leases due at each. Many leases share an instant, so each is
kept once."""

from collections import defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush


class Timers:
    """Lease ids by due second. Entries are never taken out early: whoever pops one looks whether it still holds."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._due: dict[int, list[str]] = {}

    def add(self, at: int, lease_id: str) -> None:
        due = self._due.get(at)
        if due is None:
            self._due[at] = [lease_id]
            heappush(self._heap, at)
        else:
            due.append(lease_id)

    def add_all(self, entries: Iterable[tuple[int, str]]) -> None:
        """Many at once, into timers that were empty."""
        due = defaultdict(list)
        for at, lease_id in entries:
            due[at].append(lease_id)
        self._due = dict(due)
        self._heap = sorted(due)  # a sorted list is a heap

    @property
    def next_at(self) -> int | None:
        return self._heap[0] if self._heap else None

    def pop_due(self, now: int, most: int) -> list[str]:
        """Ids due by now, earliest first; once ``most`` are reached the rest waits for the next call."""
        found: list[str] = []
        while self._heap and self._heap[0] <= now and len(found) < most:
            found.extend(self._due.pop(heappop(self._heap)))
        return found
