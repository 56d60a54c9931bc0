"""What the kernel needs from outside. Engines implement these; ``bootstrap`` alone chooses among them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from maillage.kernel.events import Event
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import PriceBook


class Clock(Protocol):
    def now(self) -> int:
        """Seconds UTC. It may jump; the scribe sees to it that a ledger's time never goes back."""
        ...


class Batch(msgspec.Struct, frozen=True):
    """One durable commit: ``pos`` is the number of its first event, ``body`` a JSON array of ``count`` events.

    In a journal that merges those of several owners, ``source`` names the owner, and ``source_end`` is the number that
    the owner's next event had after this batch.
    """

    pos: int
    count: int
    body: bytes
    source: str = ""
    source_end: int = 0


def require_contiguous(end: int, batches: Sequence[Batch]) -> int:
    """Where a journal that ends at ``end`` will end with these; ValueError if they don't follow on."""
    for batch in batches:
        if batch.pos != end:
            raise ValueError(f"the batch starts at event {batch.pos}, the journal ends at {end}")
        end += batch.count
    return end


class Journal(Protocol):
    """Append-only and durable: what ``append`` has returned from survives a power cut."""

    def append(self, *batches: Batch) -> None:
        """Make batches durable, all of them whole or nothing at all. OSError or the engine's own error means that they
        were not kept; one that does not start where the journal ends is a ValueError."""
        ...

    def end(self) -> int:
        """The number that the next event will have."""
        ...

    def read(self, pos: int = 0) -> Iterator[Batch]:
        """Batches in order, from the one that holds event ``pos`` on."""
        ...

    def sources(self) -> dict[str, int]:
        """For each source that was named, the ``source_end`` of its last batch."""
        ...

    def close(self) -> None: ...


class SnapshotStore(Protocol):
    """Keeps a few snapshots of a ledger. Losing them costs time, never data."""

    def save(self, pos: int, body: bytes) -> None: ...

    def newest(self, at_most: int) -> bytes | memoryview | None:
        """The newest undamaged snapshot of at most ``at_most`` events, or None."""
        ...


class Committed(NamedTuple):
    """Events that are durable, ``pos`` being the number of the first."""

    pos: int
    events: list[Event]


class PolicyRecords(Protocol):
    """What the operator has decided for the whole chain. Each call is durable when it returns."""

    def kinds(self) -> list[Kind]:
        """Kinds that the chain added to the default ones, or changed."""
        ...

    def put_kind(self, kind: Kind) -> None: ...

    def price_book(self) -> PriceBook | None: ...

    def put_price_book(self, book: PriceBook) -> None: ...
