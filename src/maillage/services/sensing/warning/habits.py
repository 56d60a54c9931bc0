"""The longest that healthy things last in a unit: a defrost, the pause between two, an open door, one same value."""

import msgspec


class Habit(msgspec.Struct):
    """How long something lasts when all is well. ``since_s`` is None while it is not going on."""

    longest_s: float = 0.0
    seen: int = 0
    since_s: float | None = None

    def lasted(self, at_s: float) -> float:
        """Seconds that it has been going on."""
        return 0.0 if self.since_s is None else at_s - self.since_s

    def begin(self, at_s: float) -> None:
        if self.since_s is None:
            self.since_s = at_s

    def end(self, at_s: float, learn: bool) -> None:
        if self.since_s is not None:
            if learn:
                self.longest_s = max(self.longest_s, at_s - self.since_s)
                self.seen += 1
            self.since_s = None
