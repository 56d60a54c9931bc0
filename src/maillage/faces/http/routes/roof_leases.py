"""Roof leases, from the inquiry to the day when the roof is as it was: a tenant's own, for operators all."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.errors import Invalid
from maillage.services.roof.leasing.documents import (
    NetworksWanted,
    NewRoofLease,
    NoticeWanted,
    PaperDocument,
    RoofLeaseDocument,
    SignWanted,
    StepWanted,
)
from maillage.services.roof.leasing.model import State
from maillage.services.roof.leasing.rent_documents import RentDocument
from maillage.services.roof.leasing.steps import Actor
from maillage.tenancy.principal import Principal

Id = FromPath[str]


class RoofLeaseDocuments(msgspec.Struct, frozen=True):
    """A page of roof leases, the newest first."""

    items: list[RoofLeaseDocument]
    next: str | None


class PaperDocuments(msgspec.Struct, frozen=True):
    """All that is attached to a roof lease, the oldest first."""

    items: list[PaperDocument]


@post("/v1/roof-leases", summary="Inquire about mounts on a roof")
async def inquire(data: JSONBody[NewRoofLease], chain: TheChain, principal: Caller) -> RoofLeaseDocument:
    if principal.role == "operator" and data.tenant is not None:
        known = chain.access.find_tenant(data.tenant)
        if known is None or known.role != "tenant":
            raise Invalid("tenant", f"the chain has no tenant {data.tenant[:64]!r}")
    document = await chain.roofs.leases.inquire(_actor(principal), data)
    await _enter(chain, principal, "inquire", document)
    return document


@get("/v1/roof-leases", summary="Roof leases, the newest first; a tenant sees its own")
async def list_roof_leases(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    lease_state: Annotated[State | None, QueryParameter(name="state")] = None,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> RoofLeaseDocuments:
    desk = chain.roofs.leases
    return RoofLeaseDocuments(*await desk.some(_actor(principal), tenant, site, lease_state, cursor, limit))


@get("/v1/roof-leases/{lease:str}", summary="One roof lease: what is next, what is due, what was done")
async def get_roof_lease(lease: Id, chain: TheChain, principal: Caller) -> RoofLeaseDocument:
    return await chain.roofs.leases.get(_actor(principal), lease)


@get("/v1/roof-leases/{lease:str}/rent", summary="What it costs, month by month")
async def get_rent(lease: Id, chain: TheChain, principal: Caller) -> RentDocument:
    return await chain.roofs.leases.rent(_actor(principal), lease)


@post("/v1/roof-leases/{lease:str}/apply", summary="Have all that it needs granted as one", status_code=200)
async def apply(lease: Id, chain: TheChain, principal: Caller) -> RoofLeaseDocument:
    document = await chain.roofs.leases.apply(_actor(principal), lease)
    await _enter(chain, principal, "apply", document)
    return document


@post("/v1/roof-leases/{lease:str}/review", summary="Begin the structural review", status_code=200)
async def review(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[StepWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.step(_actor(principal), lease, "review", data or StepWanted())
    await _enter(chain, principal, "review", document)
    return document


@post("/v1/roof-leases/{lease:str}/approve", summary="Say that the structure bears it", status_code=200)
async def approve(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[StepWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.step(_actor(principal), lease, "approve", data or StepWanted())
    await _enter(chain, principal, "approve", document)
    return document


@post("/v1/roof-leases/{lease:str}/sign", summary="Enter that it was signed; its rent is fixed", status_code=200)
async def sign(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[SignWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.sign(_actor(principal), lease, data or SignWanted())
    await _enter(chain, principal, "sign", document)
    return document


@post("/v1/roof-leases/{lease:str}/on-air", summary="Say that its antennas radiate", status_code=200)
async def on_air(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[StepWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.on_air(_actor(principal), lease, data or StepWanted())
    await _enter(chain, principal, "on_air", document)
    return document


@post("/v1/roof-leases/{lease:str}/notice", summary="Give notice: for the end of a term, or sooner", status_code=200)
async def notice(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[NoticeWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.notice(_actor(principal), lease, data or NoticeWanted())
    await _enter(chain, principal, "notice", document, f"ends {document.ends}, fee {document.fee}")
    return document


@post("/v1/roof-leases/{lease:str}/decommission", summary="Say that the antennas are gone", status_code=200)
async def decommission(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[StepWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.decommission(_actor(principal), lease, data or StepWanted())
    await _enter(chain, principal, "decommission", document)
    return document


@post("/v1/roof-leases/{lease:str}/withdraw", summary="Withdraw one that was not signed", status_code=200)
async def withdraw(
    lease: Id, chain: TheChain, principal: Caller, data: JSONBody[StepWanted | None] = None
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.leave(_actor(principal), lease, "withdraw", data or StepWanted())
    await _enter(chain, principal, "withdraw", document)
    return document


@post("/v1/roof-leases/{lease:str}/decline", summary="Decline one that was not signed", status_code=200)
async def decline(lease: Id, data: JSONBody[StepWanted], chain: TheChain, principal: Caller) -> RoofLeaseDocument:
    document = await chain.roofs.leases.leave(_actor(principal), lease, "decline", data)
    await _enter(chain, principal, "decline", document, data.note)
    return document


@put("/v1/roof-leases/{lease:str}/subscriber-networks", summary="Say whose addresses the roof serves")
async def put_networks(
    lease: Id, data: JSONBody[NetworksWanted], chain: TheChain, principal: Caller
) -> RoofLeaseDocument:
    document = await chain.roofs.leases.set_networks(_actor(principal), lease, data)
    await _enter(chain, principal, "networks", document, ", ".join(document.subscriber_networks))
    return document


@post("/v1/roof-leases/{lease:str}/documents", summary="Attach a document, of any type, up to 1 MiB")
async def attach(
    lease: Id,
    request: Request[Any, Any, Any],
    chain: TheChain,
    principal: Caller,
    kind: Annotated[str, QueryParameter(max_length=64, description="structural_certificate, permit, agreement, ...")],
    name: Annotated[str, QueryParameter(max_length=400, description="of the file")],
) -> PaperDocument:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    papers, body = chain.roofs.leases.papers, await request.body()
    document = await papers.attach(_actor(principal), lease, kind, name, media_type, body)
    await chain.audit.done(principal, "roof_lease.attach", lease, f"{document.id}: {kind}, {document.name}")
    return document


@get("/v1/roof-leases/{lease:str}/documents", summary="What is attached, the oldest first")
async def list_documents(lease: Id, chain: TheChain, principal: Caller) -> PaperDocuments:
    return PaperDocuments(await chain.roofs.leases.papers.some(_actor(principal), lease))


@get(
    "/v1/roof-leases/{lease:str}/documents/{document:str}",
    summary="A document as it was sent",
    media_type="application/octet-stream",
)
async def get_document(lease: Id, document: FromPath[str], chain: TheChain, principal: Caller) -> Response[bytes]:
    found, body = await chain.roofs.leases.papers.get(_actor(principal), lease, document)
    # It is somebody's upload: it is never shown as a page of this server, whatever it says it is.
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }
    return Response(body, media_type=found.media_type, headers=headers)


def _actor(principal: Principal) -> Actor:
    return Actor(principal.tenant, principal.role)  # type: ignore[arg-type]


async def _enter(
    chain: TheChain, principal: Principal, act: str, document: RoofLeaseDocument, detail: str = ""
) -> None:
    told = detail or f"{', '.join(document.mounts)} of {document.site} for {document.tenant}"
    await chain.audit.done(principal, f"roof_lease.{act}", document.id, told)


HANDLERS = [
    inquire,
    list_roof_leases,
    get_roof_lease,
    get_rent,
    apply,
    review,
    approve,
    sign,
    on_air,
    notice,
    decommission,
    withdraw,
    decline,
    put_networks,
    attach,
    list_documents,
    get_document,
]
