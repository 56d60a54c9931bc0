"""Idempotency keys: each is granted once a day to its tenant."""

from collections import deque

KEY_LIFE_S = 24 * 3_600


class Keys:
    """The grants of the last day by (tenant, key)."""

    def __init__(self) -> None:
        self._granted: dict[tuple[str, str], str] = {}
        self._oldest_first: deque[tuple[int, tuple[str, str]]] = deque()

    def grant(self, tenant: str, key: str, at: int, lease: str) -> str | None:
        """Note a grant; the lease that the key was granted for within the last 24 h, if any."""
        while self._oldest_first and self._oldest_first[0][0] <= at - KEY_LIFE_S:
            del self._granted[self._oldest_first.popleft()[1]]
        before = self._granted.get((tenant, key))
        if before is not None:
            return before
        self._granted[tenant, key] = lease
        self._oldest_first.append((at, (tenant, key)))
        return None
