"""The office: what the faces may ask of a chain, in documents.

It is the line that a real chain is cut along: nothing above it sees a ledger, so whether the owner of a site is this
process or a node behind a bus is not the faces' business.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityDocument, CapacityPlanDocument, LeaseDocument
from maillage.kernel.errors import Refusal
from maillage.kernel.readings import Readings
from maillage.kernel.sites import Site


class Office(Readings):
    """``tenant`` None in a call means somebody who may see and move the leases of all."""

    @abstractmethod
    async def lease(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> LeaseDocument:
        """Grant the ask at its site, or at the nearest that can; a refusal says why."""

    @abstractmethod
    async def lease_all(self, tenant: str, ask: Ask, key: str | None, digest: str | None) -> list[LeaseDocument]:
        """Grant an ask for several sites at each of them, or at none."""

    @abstractmethod
    async def lease_batch(
        self, tenant: str, asks: Sequence[Ask | Refusal], key: str | None, digests: Sequence[str | None]
    ) -> list[LeaseDocument | Refusal]:
        """Grant each by itself, in order; what is a refusal already stays one."""

    @abstractmethod
    async def confirm(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        """Turn a hold into a confirmed lease."""

    @abstractmethod
    async def extend(self, lease_id: str, end: int, tenant: str | None) -> LeaseDocument:
        """Move the end of a lease later."""

    @abstractmethod
    async def release(self, lease_id: str, tenant: str | None) -> LeaseDocument:
        """Give a lease back as of now."""

    @abstractmethod
    async def measure(self, lease_id: str, meters: dict[str, int]) -> LeaseDocument:
        """Add to what a lease is known to have used, in thousandths per meter."""

    @abstractmethod
    async def charge(self, lease_id: str, line: str, amount_micro: int) -> LeaseDocument:
        """Have a confirmed lease cost something once, beside its price: a line on the invoice of this month. The same
        line again is the same charge."""

    @abstractmethod
    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        """As ``Notices`` has it."""

    @abstractmethod
    async def set_site(self, site: Site) -> bool:
        """Enter or change a site; whether that changed anything."""

    @abstractmethod
    async def set_sites(self, sites: Sequence[Site]) -> int:
        """Enter many; how many of them were new or changed."""

    @abstractmethod
    async def set_capacity(self, site_id: str, kind: str, document: CapacityPlanDocument) -> CapacityDocument:
        """Give a pool its size, notice and calendar."""
