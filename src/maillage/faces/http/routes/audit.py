"""The audit: who did what, and who was turned away; for operators."""

from asyncio import to_thread
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Limit, TheChain
from maillage.kernel.times import format_time
from maillage.tenancy.ports import AuditEntry

NUMBER_MAX = (1 << 53) - 1


class AuditDocument(msgspec.Struct, frozen=True):
    """An entry. ``credential`` names the key or token; ``outcome`` is ``done`` or why not; ``number`` only grows."""

    number: int
    at: str
    actor: str
    credential: str
    action: str
    subject: str
    outcome: str
    detail: str
    request_id: str


class AuditEntries(msgspec.Struct, frozen=True):
    """Entries in order; ``next`` is the ``after`` of the following ones, null where there are none yet."""

    items: list[AuditDocument]
    next: int | None


@get("/v1/audit", summary="Who did what, in order, and who was turned away")
async def audit(
    chain: TheChain,
    principal: Caller,
    after: Annotated[int, QueryParameter(ge=0, le=NUMBER_MAX, description="entries with higher numbers")] = 0,
    actor: Annotated[str | None, QueryParameter(max_length=64, description="a tenant's id")] = None,
    action: Annotated[str | None, QueryParameter(max_length=64, description="such as key.revoke")] = None,
    limit: Limit = PAGE_DEFAULT,
) -> AuditEntries:
    principal.require_operator()
    entries = await to_thread(chain.tenancy.audit, after, limit, actor, action)
    following = entries[-1].number if len(entries) == limit else None
    return AuditEntries([_document(entry) for entry in entries], following)


def _document(entry: AuditEntry) -> AuditDocument:
    return AuditDocument(
        entry.number,
        format_time(entry.at),
        entry.actor,
        entry.credential,
        entry.action,
        entry.subject,
        entry.outcome,
        entry.detail,
        entry.request_id,
    )


HANDLERS = [audit]
