"""Tenants and their keys; for operators.

What changes the records waits for them in a thread, so that a slow database does not hold up leases.
"""

from asyncio import to_thread
from typing import Annotated, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.documents import TimeText
from maillage.kernel.times import format_time, parse_time
from maillage.tenancy.access import OVERLAP_MAX_S
from maillage.tenancy.limits import RATE_MAX
from maillage.tenancy.ports import ApiKey, Tenant

Role = Literal["operator", "tenant", "node"]


class NewTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name`` is the id unless given."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(max_length=200)] = ""
    role: Role = "tenant"


class TenantDocument(msgspec.Struct, frozen=True):
    """A tenant as it was entered."""

    id: str
    name: str
    role: Role
    created_at: str


class Tenants(msgspec.Struct, frozen=True):
    """All tenants, by id."""

    items: list[TenantDocument]
    next: None = None


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name`` says what the key is for. It may end by itself, and ask ``per_s`` times a second, ``burst`` times at
    once."""

    name: Annotated[str, Meta(max_length=200)] = ""
    expires_at: TimeText | None = None
    per_s: Annotated[float, Meta(gt=0, le=RATE_MAX)] | None = None
    burst: Annotated[int, Meta(ge=1, le=RATE_MAX)] | None = None


class KeyDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key's record; the key itself is not kept. What is left out is not set."""

    id: str
    tenant: str
    name: str
    created_at: str
    expires_at: str | None = None
    per_s: float | None = None
    burst: int | None = None


class IssuedKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """``key`` is shown this once."""

    id: str
    tenant: str
    key: str
    expires_at: str | None = None


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For so long the old key opens beside the new one."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_MAX_S)] = 3_600


class RotatedKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """The new key, shown this once, and when the one that it replaces ends."""

    id: str
    tenant: str
    key: str
    replaces: str
    replaced_ends_at: str
    expires_at: str | None = None


class Keys(msgspec.Struct, frozen=True):
    """The keys of one tenant that are in force."""

    items: list[KeyDocument]
    next: None = None


@get("/v1/tenants", summary="All tenants", sync_to_thread=False)
def list_tenants(chain: TheChain, principal: Caller) -> Tenants:
    principal.require_operator()
    return Tenants([_tenant(tenant) for tenant in chain.access.tenants()])


@post("/v1/tenants", summary="A new tenant")
async def create_tenant(data: JSONBody[NewTenant], chain: TheChain, principal: Caller) -> TenantDocument:
    principal.require_operator()
    tenant = await to_thread(chain.access.add_tenant, data.id, data.name or data.id, data.role)
    await chain.audit.done(principal, "tenant.create", tenant.id, f"role {tenant.role}")
    return _tenant(tenant)


@get("/v1/tenants/{tenant:str}/keys", summary="A tenant's keys that are in force", sync_to_thread=False)
def list_keys(tenant: FromPath[str], chain: TheChain, principal: Caller) -> Keys:
    principal.require_operator()
    return Keys([_key(key) for key in chain.access.keys(tenant)])


@post("/v1/tenants/{tenant:str}/keys", summary="A new key for a tenant, shown once")
async def create_key(
    tenant: FromPath[str],
    chain: TheChain,
    principal: Caller,
    data: JSONBody[NewKey | None] = None,
) -> IssuedKey:
    principal.require_operator()
    wanted = data or NewKey()
    expires_at = None if wanted.expires_at is None else parse_time(wanted.expires_at, "expires_at")
    record, key = await to_thread(chain.access.add_key, tenant, wanted.name, expires_at, wanted.per_s, wanted.burst)
    await chain.audit.done(principal, "key.create", record.id, f"for {tenant}")
    return IssuedKey(record.id, tenant, key, _instant(record.expires_at))


@post("/v1/keys/{key:str}/rotate", summary="A new key in the place of one, which ends after an overlap")
async def rotate_key(
    key: FromPath[str],
    chain: TheChain,
    principal: Caller,
    data: JSONBody[Rotation | None] = None,
) -> RotatedKey:
    principal.require_operator()
    overlap_s = (data or Rotation()).overlap_s
    record, secret, old = await to_thread(chain.access.rotate_key, key, overlap_s)
    ends_at = format_time(old.expires_at or 0)
    await chain.audit.done(
        principal, "key.rotate", key, f"of {record.tenant}: {record.id} follows, {key} ends {ends_at}"
    )
    return RotatedKey(record.id, record.tenant, secret, key, ends_at, _instant(record.expires_at))


@delete("/v1/keys/{key:str}", summary="Revoke a key, at once")
async def revoke_key(key: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    record = await to_thread(chain.access.revoke_key, key)
    await chain.audit.done(principal, "key.revoke", key, f"of {record.tenant}")


def _tenant(tenant: Tenant) -> TenantDocument:
    role: Role = tenant.role  # type: ignore[assignment]
    return TenantDocument(tenant.id, tenant.name, role, format_time(tenant.created_at))


def _key(key: ApiKey) -> KeyDocument:
    ends_at = _instant(key.expires_at)
    return KeyDocument(key.id, key.tenant, key.name, format_time(key.created_at), ends_at, key.per_s, key.burst)


def _instant(second: int | None) -> str | None:
    return None if second is None else format_time(second)


HANDLERS = [list_tenants, create_tenant, list_keys, create_key, rotate_key, revoke_key]
