"""What a store offers of each kind, over time."""

from typing import Annotated

import msgspec
from litestar import get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.documents import CapacityDocument, CapacityPlanDocument
from maillage.kernel.times import parse_time


class Capacities(msgspec.Struct, frozen=True):
    """All pools of a site."""

    items: list[CapacityDocument]
    next: None = None


@get("/v1/sites/{site:str}/capacity", summary="The pools of a site, or with `kind` one of them, as curves over time")
async def get_capacity(
    site: FromPath[str],
    chain: TheChain,
    kind: Annotated[str | None, QueryParameter(max_length=64)] = None,
    start: Annotated[str | None, QueryParameter(max_length=64, description="RFC 3339; now, if left out")] = None,
    end: Annotated[str | None, QueryParameter(max_length=64, description="RFC 3339; a week after the start")] = None,
) -> CapacityDocument | Capacities:
    first = None if start is None else parse_time(start, "start")
    beyond = None if end is None else parse_time(end, "end")
    pools = await chain.office.capacity(site, kind, first, beyond)
    return Capacities(pools) if kind is None else pools[0]


@put("/v1/sites/{site:str}/capacity/{kind:str}", summary="Give a pool its size, notice and calendar")
async def put_capacity(
    site: FromPath[str],
    kind: FromPath[str],
    data: JSONBody[CapacityPlanDocument],
    chain: TheChain,
    principal: Caller,
) -> CapacityDocument:
    principal.require_operator()
    capacity = await chain.office.set_capacity(site, kind, data)
    await chain.audit.done(principal, "capacity.set", f"{site}/{kind}", f"size {data.size}")
    return capacity


HANDLERS = [get_capacity, put_capacity]
