"""Which hub keeps a session: it alone moves it, and lets its requests through. Several hubs may serve one chain."""

import time
from collections.abc import Callable, Sequence

GONE_AFTER_S = 30.0
"""A hub that gave no sign of life for so long keeps nothing any more: long enough to restart one in."""


class Keepers:
    """``own`` is this hub; ``up`` names those that gave a sign of life lately."""

    def __init__(
        self, own: str, up: Callable[[], Sequence[str]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.own = own
        self._up = up
        self._monotonic = monotonic
        self._missed_since: dict[str, float] = {}

    def is_gone(self, keeper: str) -> bool:
        """Whether another may take over what a hub keeps. It counts from when it was first missed here."""
        now = self._monotonic()
        if keeper == self.own or keeper in self._up():
            self._missed_since.pop(keeper, None)
            return False
        return now - self._missed_since.setdefault(keeper, now) >= GONE_AFTER_S
