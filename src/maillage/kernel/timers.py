"""What is to happen when: instants in a heap, and the leases due at each. Many leases share an instant, so each is
kept once."""

from heapq import heappop, heappush


class Timers:
    """Lease ids by due second. Entries are never taken out early: whoever pops one looks whether it still holds."""

    def __init__(self, due: dict[int, list[str]] | None = None) -> None:
        """``due`` are the leases due at each second, to begin with."""
        self._due = {} if due is None else dict(due)
        self._heap = sorted(self._due)  # a sorted list is a heap

    def add(self, at: int, lease_id: str) -> None:
        due = self._due.get(at)
        if due is None:
            self._due[at] = [lease_id]
            heappush(self._heap, at)
        else:
            due.append(lease_id)

    @property
    def next_at(self) -> int | None:
        return self._heap[0] if self._heap else None

    def pop_due(self, now: int, most: int) -> list[str]:
        """Ids due by now, earliest first; once ``most`` are reached the rest waits for the next call."""
        found: list[str] = []
        while self._heap and self._heap[0] <= now and len(found) < most:
            found.extend(self._due.pop(heappop(self._heap)))
        return found
