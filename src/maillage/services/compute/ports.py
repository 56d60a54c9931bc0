"""What compute needs of the outside: runtimes for code, blobs for its bytes, and records."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from maillage.services.compute.model import (
    App,
    CodeKind,
    Deployment,
    Instance,
    LogLine,
    Meters,
    Version,
)

HeaderList = list[tuple[str, str]]
"""Names in lower case, in the order in which they came; a name may come more than once."""

Note = Callable[[LogLine], None]
"""Takes a line of an instance's log; cheap, from any thread, never raises."""

Claim = Callable[[str], Awaitable[None]]
"""Told a digest; what it stands for waits until it returns."""

Count = Callable[[Meters], None]
"""Adds what was just used; cheap, from any thread, never raises."""


class Inbound(msgspec.Struct):
    """A request to an instance. ``path`` starts with ``/`` and is what comes after ``/run/{app}``; ``query`` is
    without its question mark. ``body`` yields what the caller sends as it comes."""

    method: str
    path: str
    query: str
    headers: HeaderList
    body: AsyncIterator[bytes]


class Outbound(msgspec.Struct):
    """An instance's answer. Whoever takes it reads ``body`` to its end or closes it (``aclose``)."""

    status: int
    headers: HeaderList
    body: AsyncIterator[bytes]


class Inspected(msgspec.Struct, frozen=True):
    """What a runtime found out about code when it accepted it."""

    kind: CodeKind
    needs_memory_bytes: int = 0


class Runtime(Protocol):
    """Runs code of certain kinds. Methods that wait do so without holding up the event loop."""

    kinds: frozenset[CodeKind]

    @property
    def values(self) -> "KeyValues | None":
        """Where its code keeps what it keeps between requests; None where this runtime gives it no such place."""
        ...

    async def inspect(self, code: Path, kind: CodeKind, digest: str, reference: str) -> Inspected:
        """Check code that was uploaded and make it ready to start; CodeRefused with the reason where it can't run here.
        ``code`` need not exist where only a ``reference`` is given. Done once a version, and again where what was
        made ready is gone."""
        ...

    async def start(self, instance: Instance, code: Path, note: Note, count: Count) -> None:
        """Have it run; returns when it can take requests. CodeFault where it can't be started. What is left of a
        former one of that id (in a process before this one) is ended first."""
        ...

    async def stop(self, instance_id: str, grace_s: float) -> None:
        """Take no more requests, let those under way end within the grace, then end it. Does nothing where it does not
        run."""
        ...

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        """Answer a request within the instance's limits; it counts itself what was used. CodeFault where the code
        fails at it, Busy where too many wait already, NotFound where the instance does not run."""
        ...

    def running(self) -> Sequence[str]:
        """Ids of the instances that run now; one that ended by itself is not among them."""
        ...

    def exit_code(self, instance_id: str) -> int | None:
        """What one that ended by itself ended with, until it is started or stopped again; None where there is nothing
        to say."""
        ...

    async def close(self) -> None:
        """End all, without grace."""
        ...


class Blobs(Protocol):
    """Bytes by their digest, ``sha256:<hex>``; what was put is whole or absent, whatever happens meanwhile."""

    async def put(self, chunks: AsyncIterator[bytes], size_max: int, claim: Claim | None = None) -> tuple[str, int]:
        """Keep them; (digest, size). CodeTooLarge above ``size_max``, and nothing is kept. ``claim`` is awaited with
        the digest before they are to be found under it."""
        ...

    async def path(self, digest: str) -> Path:
        """A file with these bytes, never to be written to. NotFound where they are not here."""
        ...

    async def drop(self, digest: str) -> None:
        """Forget them; does nothing where they are not here."""
        ...

    async def digests(self) -> list[str]:
        """Of all that is here."""
        ...


class KeyValues(Protocol):
    """What code keeps, by lease. Calls come from worker threads and may block."""

    def get(self, lease: str, key: str) -> bytes | None: ...

    def put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        """Set a value, None takes it away; False where all values of the lease would be more than the most."""
        ...

    def items(self, lease: str) -> list[tuple[str, bytes]]:
        """Everything of a lease, for handing a session over."""
        ...

    def keys(self, lease: str) -> list[str]: ...

    def leases(self) -> list[str]:
        """Those of which anything was ever put and not dropped."""
        ...

    def drop(self, lease: str) -> None:
        """Forget everything of a lease."""
        ...


class CatalogueRecords(Protocol):
    """Apps, versions and deployments of the chain, shared by its hubs. Calls block; threads may come at once."""

    def add_app(self, app: App) -> None:
        """AlreadyExists where there is one of that id."""
        ...

    def app(self, app_id: str) -> App | None: ...

    def apps(self, tenant: str | None) -> list[App]: ...

    def drop_app(self, app_id: str) -> None:
        """With its versions."""
        ...

    def put_version(self, version: Version) -> None: ...

    def versions(self, app_id: str) -> list[Version]:
        """Oldest first."""
        ...

    def drop_version(self, app_id: str, digest: str) -> None: ...

    def uses_of(self, digest: str) -> int:
        """How many versions of all apps are these bytes."""
        ...

    def add_deployment(self, deployment: Deployment) -> None: ...

    def deployment(self, deployment_id: str) -> Deployment | None: ...

    def deployments(self, tenant: str | None = None, app: str | None = None) -> list[Deployment]: ...

    def change_deployment(self, deployment: Deployment) -> bool:
        """Write it where the record's revision is one less; False where somebody else was faster."""
        ...

    def drop_deployment(self, deployment_id: str) -> None: ...

    def put_instance(self, instance: Instance) -> None: ...

    def instances(self, deployment_id: str | None = None, app: str | None = None) -> list[Instance]: ...

    def drop_instance(self, instance_id: str) -> None: ...
