"""A session's state while it moves: which keys were written since they were last copied."""

from threading import Lock

from maillage.kernel.errors import NoCapacity
from maillage.services.compute.ports import KeyValues


class TrackedValues:
    """Key-value store that can tell what changed. All writes to sessions' values go through it, from any thread."""

    def __init__(self, values: KeyValues) -> None:
        self._values = values
        self._lock = Lock()
        self._copied_to: dict[str, str] = {}
        self._changed: dict[str, set[str]] = {}

    def get(self, lease: str, key: str) -> bytes | None:
        return self._values.get(lease, key)

    def put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        done = self._values.put(lease, key, value, stored_bytes_max)
        with self._lock:  # after the write: noted before it, a copy might take the note and read the old value
            if lease in self._changed:
                self._changed[lease].add(key)
        return done

    def items(self, lease: str) -> list[tuple[str, bytes]]:
        return self._values.items(lease)

    def drop(self, lease: str) -> None:
        self._values.drop(lease)
        with self._lock:
            self._copied_to.pop(lease, None)
            self._changed.pop(lease, None)

    def take_changes(self, lease: str, following: str) -> list[tuple[str, bytes | None]]:
        """What has to be copied to another lease: everything the first time, then what was written since the last.
        None stands for a key that is gone. A lease is copied to one other at a time."""
        with self._lock:
            changed = self._changed.get(lease, set())
            is_first = self._copied_to.get(lease) != following
            self._copied_to[lease], self._changed[lease] = following, set()
        if is_first:
            return list(self.items(lease))
        return [(key, self.get(lease, key)) for key in sorted(changed)]


def copy_changes(source: TrackedValues, lease: str, target: TrackedValues, following: str, bytes_max: int) -> int:
    """Bring the state at ``following`` up to that of ``lease``; how many bytes of keys and values were written.

    NoCapacity where the target would have to store more than it may.
    """
    changes = source.take_changes(lease, following)
    # What became smaller makes room for what grew: only what then still does not fit is too much.
    refused = [each for each in changes if not target.put(following, *each, bytes_max)]
    if not all(target.put(following, *each, bytes_max) for each in refused):
        raise NoCapacity(f"the state of lease {lease} is more than the {bytes_max:,} bytes that {following} may store")
    return sum(len(key.encode()) + len(value or b"") for key, value in changes)
