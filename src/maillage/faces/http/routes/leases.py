"""Leases after they were granted; the granting itself is in ``hot``."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.documents import LeaseDocument, MetersDocument, TimeText
from maillage.kernel.leases import LeaseState
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.times import FOREVER, parse_time
from maillage.services.compute.metering import require_free_names


class Leases(msgspec.Struct, frozen=True):
    """A page of leases."""

    items: list[LeaseDocument]
    next: str | None


class ExtendDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The later end; null makes the lease open."""

    end: TimeText | None


@get("/v1/leases", summary="Leases, in order of grant; a tenant sees its own")
async def list_leases(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    lease_state: Annotated[LeaseState | None, QueryParameter(name="state")] = None,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Leases:
    some = await chain.office.list_leases(LeaseFilter(principal.sees or tenant, site, lease_state), cursor, limit)
    return Leases(some.items, some.next)


@get("/v1/leases/{lease:str}", summary="One lease")
async def get_lease(lease: FromPath[str], chain: TheChain, principal: Caller) -> LeaseDocument:
    return await chain.office.get_lease(lease, principal.sees)


@post("/v1/leases/{lease:str}/confirm", summary="Confirm a held lease", status_code=200)
async def confirm(lease: FromPath[str], chain: TheChain, principal: Caller) -> LeaseDocument:
    return await chain.office.confirm(lease, principal.sees)


@post("/v1/leases/{lease:str}/extend", summary="Move the end of a lease later", status_code=200)
async def extend(
    lease: FromPath[str],
    data: JSONBody[ExtendDocument],
    chain: TheChain,
    principal: Caller,
) -> LeaseDocument:
    end = FOREVER if data.end is None else parse_time(data.end, "end")
    return await chain.office.extend(lease, end, principal.sees)


@post("/v1/leases/{lease:str}/release", summary="Give a lease back as of now", status_code=200)
async def release(lease: FromPath[str], chain: TheChain, principal: Caller) -> LeaseDocument:
    return await chain.office.release(lease, principal.sees)


@post("/v1/leases/{lease:str}/measurements", summary="Report what a lease really used", status_code=200)
async def measure(
    lease: FromPath[str],
    data: JSONBody[MetersDocument],
    chain: TheChain,
    principal: Caller,
) -> LeaseDocument:
    principal.require_staff()
    if principal.role != "operator":  # who sets right what was counted, and answers for it
        require_free_names(data.meters)
    meters = {name: to_thousandths(amount, f"meters.{name}") for name, amount in data.meters.items()}
    return await chain.office.measure(lease, meters)


HANDLERS = [list_leases, get_lease, confirm, extend, release, measure]
