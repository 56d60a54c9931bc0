"""What is attached to roof leases: certificates, permits, agreements, drawings; kept as they were sent."""

import re
import secrets
from hashlib import sha256

from maillage.kernel.errors import Invalid, NotAllowed, NotFound
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.services.roof.leasing.book import LeaseBook
from maillage.services.roof.leasing.documents import PaperDocument, paper_document
from maillage.services.roof.leasing.model import OVER, Document, RoofLease
from maillage.services.roof.leasing.steps import Actor, not_now, revised

PAPERS_MAX = 64
PAPER_BYTES_MAX = 1 << 20
NAME_MAX = 200
KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}")


class Papers:
    """The documents of roof leases: their tenant's and operators' to add, while the lease is not over."""

    def __init__(self, book: LeaseBook, clock: Clock) -> None:
        self._book, self._clock = book, clock

    async def attach(
        self, actor: Actor, lease_id: str, kind: str, name: str, media_type: str, body: bytes
    ) -> PaperDocument:
        """Durable when it returns. Invalid for what is no document, or too large a one."""
        if actor.role == "node":
            raise NotAllowed("documents are attached by the tenant or an operator; this key is a node's")
        _check(kind, name, media_type, body)
        require_room(await self._book.get(lease_id, actor))
        document = Document(
            id=f"rd_{secrets.token_hex(6)}",
            kind=kind,
            name=name,
            media_type=media_type.lower(),
            size_bytes=len(body),
            sha256=sha256(body).hexdigest(),
            by=actor.tenant,
            at=self._clock.now(),
        )
        await to_the_end(self._book.records.put_document, lease_id, document.id, body)

        def with_document(known: RoofLease) -> RoofLease:
            require_room(known)
            return revised(known, documents=(*known.documents, document))

        await self._book.change(lease_id, actor, with_document)
        return paper_document(document)

    async def some(self, actor: Actor, lease_id: str) -> list[PaperDocument]:
        """The oldest first."""
        return [paper_document(document) for document in (await self._book.get(lease_id, actor)).documents]

    async def get(self, actor: Actor, lease_id: str, document_id: str) -> tuple[Document, bytes]:
        """With its bytes. NotFound without it."""
        lease = await self._book.get(lease_id, actor)
        found = next((document for document in lease.documents if document.id == document_id), None)
        body = None if found is None else await to_the_end(self._book.records.document, lease_id, document_id)
        if found is None or body is None:
            raise NotFound(f"roof lease {lease_id} has no document {document_id[:100]!r}")
        return found, body


def require_room(lease: RoofLease) -> None:
    """RoofLeaseState where it is over, Invalid where it has documents enough."""
    if lease.state in OVER:
        raise not_now(lease, f"it is {lease.state}, and nothing more is attached to it")
    if len(lease.documents) >= PAPERS_MAX:
        raise Invalid("documents", f"a roof lease has at most {PAPERS_MAX}")


def _check(kind: str, name: str, media_type: str, body: bytes) -> None:
    if not KIND.fullmatch(kind):
        raise Invalid("kind", f"{kind[:40]!r} is not 1 to 32 of a-z, 0-9 and _, a letter first, such as permit")
    if not (1 <= len(name) <= NAME_MAX and name.isprintable() and name.strip()) or set(name) & set('/\\"'):
        raise Invalid("name", f"is 1 to {NAME_MAX} printable characters without slashes and quotes, such as permit.pdf")
    if not MEDIA_TYPE.fullmatch(media_type):
        raise Invalid("content-type", f"{media_type[:80]!r} is no media type such as application/pdf")
    if not 1 <= len(body) <= PAPER_BYTES_MAX:
        raise Invalid("body", f"has {len(body):,} bytes; a document has 1 to {PAPER_BYTES_MAX:,}")
