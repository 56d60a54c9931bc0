"""The rent to come of roof leases."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.services.roof.rent.desk import RATE_PERCENT
from maillage.services.roof.rent.documents import RentRoll


@get("/v1/roof-rent-roll", summary="The rent to come of roof leases, by lease and year, and what it is worth today")
async def get_rent_roll(
    chain: TheChain,
    principal: Caller,
    rate: Annotated[float, QueryParameter(description="percent a year, effective, to discount at")] = RATE_PERCENT,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    tenant: Annotated[str | None, QueryParameter(max_length=64, description="for those who see all")] = None,
    prospects: Annotated[bool, QueryParameter(description="also leases that are not signed yet")] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> RentRoll:
    return await chain.roofs.rent.roll(principal.sees or tenant, site, rate, prospects, cursor, limit)


HANDLERS = [get_rent_roll]
