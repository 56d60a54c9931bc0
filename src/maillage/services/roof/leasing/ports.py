"""What roof leases need of the outside, besides the kernel's office: a place to be kept."""

from collections.abc import Callable
from typing import Protocol

from maillage.services.roof.leasing.model import RoofLease


class RoofLeaseRecords(Protocol):
    """Calls block; threads and other processes may come at once. What returned is durable."""

    def add(self, lease: RoofLease) -> None:
        """Enter a new one, of revision 1."""
        ...

    def change(self, lease: RoofLease, check: Callable[[list[RoofLease]], None] | None = None) -> bool:
        """Write it where the record's revision is one less; False where somebody else was faster.

        ``check`` is given what else is ``holding``, and may raise a Refusal: nothing is written then, and nobody else
        changes a lease in between.
        """
        ...

    def get(self, lease_id: str) -> RoofLease | None: ...

    def of_site(self, site: str) -> list[RoofLease]:
        """The oldest first."""
        ...

    def going_on(self) -> list[RoofLease]:
        """Those of which something is left to be done (``RoofLease.going_on``), the oldest first."""
        ...

    def holding(self) -> list[RoofLease]:
        """Those that have their mounts (``HOLDS_MOUNTS``), the oldest first: of inquiries there may be any number."""
        ...

    def some(
        self, tenant: str | None, site: str | None, state: str | None, before: str | None, limit: int
    ) -> list[RoofLease]:
        """The newest first, those older than the lease ``before``; None is any."""
        ...

    def put_document(self, lease_id: str, document_id: str, body: bytes) -> None:
        """NotFound without the lease."""
        ...

    def document(self, lease_id: str, document_id: str) -> bytes | None: ...
