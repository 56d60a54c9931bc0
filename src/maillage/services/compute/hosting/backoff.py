"""When to start again what ended: soon at first, then less and less often, and not all at the same instant."""

FIRST_S, LONGEST_S = 1.0, 60.0
"""A minute is what a tenant waits at the most once its mistake is mended, and keeps what can't start to a few starts
an hour for every core."""
JITTER = 0.2
"""So much of a delay is added at random at the most: what failed together should not come back together."""
RAN_WELL_S = 60.0
"""What was ready for so long begins anew with the shortest delay."""


class Tries:
    """How starts of one instance went, as it was last told to run. Instants are seconds of the event loop's clock."""

    def __init__(self) -> None:
        self.starts = 0
        self.try_at = 0.0
        self.failed = False
        self.given_up = False
        self._failures = 0
        self._ready_since = 0.0

    def begin_anew(self) -> None:
        """It was told to run otherwise, and that may do better."""
        self._failures, self.try_at = 0, 0.0
        self.failed = self.given_up = False

    def came_up(self, now_s: float) -> None:
        self.starts += 1
        self._ready_since = now_s
        self.failed = False

    def ended(self, now_s: float) -> None:
        """What had come up runs no more."""
        if now_s - self._ready_since >= RAN_WELL_S:
            self._failures = 0

    def give_up(self, failed: bool) -> None:
        self.given_up, self.failed = True, failed

    def put_off(self, now_s: float, chance: float) -> float:
        """Seconds until the next try, after one more failure."""
        self._failures += 1
        self.failed = True
        wait_s = delay_s(self._failures, chance)
        self.try_at = now_s + wait_s
        return wait_s


def delay_s(failures: int, chance: float) -> float:
    """Seconds after the ``failures``-th failure in a row (from 1); ``chance`` is 0 to 1."""
    doubled: float = FIRST_S * 2.0 ** min(failures - 1, 16)
    return min(doubled, LONGEST_S) * (1 + JITTER * chance)
