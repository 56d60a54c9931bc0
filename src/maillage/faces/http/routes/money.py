"""What was used, and what is owed."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.billing import Invoice, UsageLine
from maillage.kernel.errors import Invalid
from maillage.kernel.readings import LeaseFilter
from maillage.kernel.times import month_bounds, month_of, parse_time


class Usage(msgspec.Struct, frozen=True):
    """A page of usage, a line for each lease."""

    items: list[UsageLine]
    next: str | None


class Invoices(msgspec.Struct, frozen=True):
    """The invoices of all tenants, for operators; a tenant gets its own."""

    items: list[Invoice]
    next: None = None


@get("/v1/usage", summary="What leases reserved and were measured to use within a time; the running month by default")
async def usage(
    chain: TheChain,
    principal: Caller,
    start: Annotated[str | None, QueryParameter(max_length=64)] = None,
    end: Annotated[str | None, QueryParameter(max_length=64)] = None,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Usage:
    this_month = month_bounds(month_of(chain.clock.now()))
    first = this_month[0] if start is None else parse_time(start, "start")
    beyond = this_month[1] if end is None else parse_time(end, "end")
    if beyond <= first:
        raise Invalid("end", "must lie after the start")
    wanted = LeaseFilter(principal.sees or tenant, site)
    some = await chain.office.usage(wanted, first, beyond, cursor, limit)
    return Usage(some.items, some.next)


@get("/v1/invoices/{month:str}", summary="What a tenant owes for a month, YYYY-MM; for operators, all tenants")
async def invoices(
    month: FromPath[str],
    chain: TheChain,
    principal: Caller,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
) -> Invoice | Invoices:
    month_bounds(month)
    one = principal.sees or tenant
    if one is not None:
        chain.access.tenant(one)
        return (await chain.office.invoices(month, [one]))[0]
    principal.require_operator()
    return Invoices(await chain.office.invoices(month, [known.id for known in chain.access.tenants()]))


HANDLERS = [usage, invoices]
