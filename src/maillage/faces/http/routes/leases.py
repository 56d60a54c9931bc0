"""Leases after they were granted; the granting itself is in ``hot``."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import Parameter

from maillage.bootstrap import Chain
from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Cursor, Limit
from maillage.kernel.access import Principal
from maillage.kernel.documents import LeaseDocument, MetersDocument, TimeText
from maillage.kernel.leases import LeaseState
from maillage.kernel.office import LeaseFilter
from maillage.kernel.quantities import to_thousandths
from maillage.kernel.times import FOREVER, parse_time


class Leases(msgspec.Struct, frozen=True):
    """A page of leases."""

    items: list[LeaseDocument]
    next: str | None


class ExtendDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The later end; null makes the lease open."""

    end: TimeText | None


@get("/v1/leases", summary="Leases, in order of grant; a tenant sees its own")
async def list_leases(
    chain: Chain,
    principal: Principal,
    site: Annotated[str | None, Parameter(max_length=64)] = None,
    lease_state: Annotated[LeaseState | None, Parameter(query="state")] = None,
    tenant: Annotated[str | None, Parameter(max_length=64, description="for those who see all")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Leases:
    some = await chain.office.list_leases(LeaseFilter(principal.sees or tenant, site, lease_state), cursor, limit)
    return Leases(some.items, some.next)


@get("/v1/leases/{lease:str}", summary="One lease")
async def get_lease(lease: str, chain: Chain, principal: Principal) -> LeaseDocument:
    return await chain.office.get_lease(lease, principal.sees)


@post("/v1/leases/{lease:str}/confirm", summary="Confirm a held lease", status_code=200)
async def confirm(lease: str, chain: Chain, principal: Principal) -> LeaseDocument:
    return await chain.office.confirm(lease, principal.sees)


@post("/v1/leases/{lease:str}/extend", summary="Move the end of a lease later", status_code=200)
async def extend(lease: str, data: ExtendDocument, chain: Chain, principal: Principal) -> LeaseDocument:
    end = FOREVER if data.end is None else parse_time(data.end, "end")
    return await chain.office.extend(lease, end, principal.sees)


@post("/v1/leases/{lease:str}/release", summary="Give a lease back as of now", status_code=200)
async def release(lease: str, chain: Chain, principal: Principal) -> LeaseDocument:
    return await chain.office.release(lease, principal.sees)


@post("/v1/leases/{lease:str}/measurements", summary="Report what a lease really used", status_code=200)
async def measure(lease: str, data: MetersDocument, chain: Chain, principal: Principal) -> LeaseDocument:
    principal.require_staff()
    meters = {name: to_thousandths(amount, f"meters.{name}") for name, amount in data.meters.items()}
    return await chain.office.measure(lease, meters)


HANDLERS = [list_leases, get_lease, confirm, extend, release, measure]
