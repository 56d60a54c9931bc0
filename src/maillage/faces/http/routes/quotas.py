"""Quotas: the most of a kind that a tenant may have leased at any instant, over all sites."""

from asyncio import to_thread

import msgspec
from litestar import delete, get, put
from litestar.params import FromPath, JSONBody

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.documents import Quantity
from maillage.kernel.errors import NotFound
from maillage.kernel.quantities import from_thousandths, to_thousandths
from maillage.tenancy.ports import Quota


class NewQuota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``most`` is a decimal in the kind's unit; 0 lets nothing more be granted."""

    most: Quantity


class QuotaDocument(msgspec.Struct, frozen=True):
    """A quota, in the kind's unit."""

    tenant: str
    kind: str
    most: int | float


class Quotas(msgspec.Struct, frozen=True):
    """All quotas of a tenant, by kind."""

    items: list[QuotaDocument]
    next: None = None


@get("/v1/tenants/{tenant:str}/quotas", summary="A tenant's quotas; a tenant sees its own", sync_to_thread=False)
def list_quotas(tenant: FromPath[str], chain: TheChain, principal: Caller) -> Quotas:
    if principal.sees is None:
        principal.require_operator()
    elif principal.sees != tenant:
        raise NotFound(f"there is no tenant {tenant[:64]!r}, or it is not you")
    chain.access.tenant(tenant)
    return Quotas([_quota(quota) for quota in chain.quotas.of(tenant)])


@put("/v1/tenants/{tenant:str}/quotas/{kind:str}", summary="Let a tenant have so much of a kind, and no more")
async def put_quota(
    tenant: FromPath[str], kind: FromPath[str], data: JSONBody[NewQuota], chain: TheChain, principal: Caller
) -> QuotaDocument:
    principal.require_operator()
    chain.access.tenant(tenant)
    quota = Quota(tenant, kind, to_thousandths(data.most, "most", minimum=0))
    await to_thread(chain.quotas.put, quota)
    await chain.audit.done(principal, "quota.set", f"{tenant}/{kind}", f"most {from_thousandths(quota.most)}")
    return _quota(quota)


@delete("/v1/tenants/{tenant:str}/quotas/{kind:str}", summary="Bound a tenant's use of a kind no longer")
async def drop_quota(tenant: FromPath[str], kind: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    chain.access.tenant(tenant)
    await to_thread(chain.quotas.drop, tenant, kind)
    await chain.audit.done(principal, "quota.drop", f"{tenant}/{kind}")


def _quota(quota: Quota) -> QuotaDocument:
    return QuotaDocument(quota.tenant, quota.kind, from_thousandths(quota.most))


HANDLERS = [list_quotas, put_quota, drop_quota]
