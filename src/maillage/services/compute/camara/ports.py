"""What CAMARA's resources need of the outside: a place to be kept."""

from typing import Literal, Protocol

import msgspec

EntryKind = Literal["profile", "app", "instance", "deployment", "subscription"]


class Entry(msgspec.Struct, frozen=True):
    """A resource of some kind. ``parent`` is the app that it is of, "" where it is of none. No two entries have the
    same ``unique``. ``revision`` counts changes; ``body`` is JSON."""

    id: str
    kind: EntryKind
    tenant: str
    unique: str
    created_at: int
    body: bytes
    parent: str = ""
    revision: int = 0


class CamaraRecords(Protocol):
    """Calls block; threads and other processes may come at once."""

    def add(self, entry: Entry) -> bool:
        """Keep it; False where an entry of the same ``unique`` is there."""
        ...

    def entry(self, kind: EntryKind, entry_id: str) -> Entry | None: ...

    def entries(self, kind: EntryKind, tenant: str | None = None, parent: str | None = None) -> list[Entry]:
        """Oldest first; None is any."""
        ...

    def change(self, entry: Entry) -> bool:
        """Write body and ``unique`` where the record's revision is one less; False where somebody else was faster.
        AlreadyExists where another has that ``unique``."""
        ...

    def drop(self, kind: EntryKind, entry_id: str) -> bool:
        """Whether it was there."""
        ...
