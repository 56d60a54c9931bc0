"""What the kernel needs from outside. Engines implement these; ``bootstrap`` alone chooses among them."""

from collections.abc import Callable, Iterator
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
    """One durable commit: ``pos`` is the number of its first event, ``body`` a JSON array of ``count`` events."""

    pos: int
    count: int
    body: bytes


class Journal(Protocol):
    """Append-only and durable: what ``append`` has returned from survives a power cut."""

    def append(self, batch: Batch) -> None:
        """Make a batch durable, whole or not at all. OSError or the engine's own error means that it was not kept;
        a batch that does not start at ``end()`` is a ValueError."""
        ...

    def end(self) -> int:
        """The number that the next event will have."""
        ...

    def read(self, pos: int = 0) -> Iterator[Batch]:
        """Batches in order, from the one that holds event ``pos`` on."""
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


class Bus(Protocol):
    """Carries committed events to whoever listens, in order."""

    def publish(self, committed: Committed) -> None: ...

    def subscribe(self, listener: Callable[[Committed], None]) -> Callable[[], None]:
        """Call ``listener`` for all that is published from now on; returns what ends the subscription."""
        ...


class Tenant(msgspec.Struct, frozen=True):
    """``role`` is operator, tenant or node; ``created_at`` seconds UTC."""

    id: str
    name: str
    role: str
    created_at: int


class ApiKey(msgspec.Struct, frozen=True):
    """``digest`` is the SHA-256 of the whole key: the key itself is never stored."""

    id: str
    tenant: str
    name: str
    digest: str
    created_at: int


class Records(Protocol):
    """The operator's records: tenants, keys, kinds, the price book. Each call is durable when it returns."""

    def tenants(self) -> list[Tenant]: ...

    def add_tenant(self, tenant: Tenant) -> None: ...

    def live_keys(self) -> list[ApiKey]:
        """Keys that were not revoked, oldest first."""
        ...

    def add_key(self, key: ApiKey) -> None: ...

    def revoke_key(self, key_id: str, at: int) -> None: ...

    def kinds(self) -> list[Kind]:
        """Kinds that the chain added to the default ones, or changed."""
        ...

    def put_kind(self, kind: Kind) -> None: ...

    def price_book(self) -> PriceBook | None: ...

    def put_price_book(self, book: PriceBook) -> None: ...

    def close(self) -> None: ...
