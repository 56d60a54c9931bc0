"""What holds for the whole chain: its kinds of capacity, its prices, and what can go wrong."""

from asyncio import to_thread
from typing import Annotated

import msgspec
from litestar import get, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from maillage.faces import problems
from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.kinds import Kind, checked_kind
from maillage.kernel.prices import PriceBook


class Kinds(msgspec.Struct, frozen=True):
    """All kinds that the chain knows, its own last."""

    items: list[Kind]
    next: None = None


class KindDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``unit`` is what a quantity of 1 means."""

    unit: Annotated[str, Meta(min_length=1, max_length=32)]
    description: Annotated[str, Meta(max_length=200)] = ""


@get("/v1/kinds", summary="Kinds of capacity", sync_to_thread=False)
def list_kinds(chain: TheChain) -> Kinds:
    return Kinds(list(chain.policy.kinds.values()))


@put("/v1/kinds/{kind:str}", summary="Add a kind, or change its unit and description")
async def put_kind(
    kind: FromPath[str],
    data: JSONBody[KindDocument],
    chain: TheChain,
    principal: Caller,
) -> Kind:
    principal.require_operator()
    wanted = checked_kind(Kind(kind, data.unit, data.description))
    await to_thread(chain.put_kind, wanted)
    await chain.audit.done(principal, "kind.set", kind, f"unit {wanted.unit}")
    return wanted


@get("/v1/prices", summary="The price book", sync_to_thread=False)
def get_prices(chain: TheChain) -> PriceBook:
    return chain.policy.pricing.book


@put("/v1/prices", summary="Replace the price book for leases granted from now on")
async def put_prices(data: JSONBody[PriceBook], chain: TheChain, principal: Caller) -> PriceBook:
    principal.require_operator()
    await to_thread(chain.put_price_book, data)
    await chain.audit.done(principal, "price.set", "", f"{len(data.entries)} entries in {data.currency}")
    return data


@get("/problems", summary="The catalogue of problems", sync_to_thread=False)
def list_problems() -> list[problems.ProblemType]:
    return problems.catalogue()


HANDLERS = [list_kinds, put_kind, get_prices, put_prices, list_problems]
