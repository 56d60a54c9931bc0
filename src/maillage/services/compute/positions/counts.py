"""What became of the messages of a session's device."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Since the process started. Of ``messages``, ``superseded`` ones were never looked at, since newer ones had come
    by the time; ``malformed`` ones could not be read, or their instants can't be. Of the positions in the others,
    ``taken`` ones went to the session, ``late`` ones were not newer than what it knew, and ``failed`` ones it could
    not take. ``unknown`` messages came for no session that there is. ``fault`` is what was wrong with the last that was
    not taken; ``heard_at`` and ``fault_at`` are seconds UTC, 0 for never."""

    messages: int = 0
    superseded: int = 0
    malformed: int = 0
    taken: int = 0
    late: int = 0
    failed: int = 0
    unknown: int = 0
    heard_at: int = 0
    fault: str = ""
    fault_at: int = 0

    def blame(self, fault: str, at: int) -> None:
        """Remember what was wrong."""
        self.fault, self.fault_at = fault[:200], at
