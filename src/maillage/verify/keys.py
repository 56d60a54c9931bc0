"""Idempotency keys: an owner grants each once a day to its tenant, and not at all for a day after it was made void."""

from collections import deque

KEY_LIFE_S = 24 * 3_600
VOID = ""
"""Stands where a key that was granted has its lease."""


class Keys:
    """What became of one owner's keys within the last day, by (tenant, key)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, str]] = {}
        self._oldest_first: deque[tuple[int, tuple[str, str]]] = deque()

    def known(self, tenant: str, key: str, at: int) -> str | None:
        """The lease that a key was granted within the last 24 h, VOID if it was made void, else None."""
        while self._oldest_first and self._oldest_first[0][0] <= at - KEY_LIFE_S:
            entered, name = self._oldest_first.popleft()
            if name in self._known and self._known[name][0] == entered:  # else it was entered anew since
                del self._known[name]
        entry = self._known.get((tenant, key))
        return None if entry is None else entry[1]

    def enter(self, tenant: str, key: str, at: int, lease: str) -> None:
        """Note a grant, or VOID."""
        self._known[tenant, key] = at, lease
        self._oldest_first.append((at, (tenant, key)))
