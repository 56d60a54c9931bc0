"""Tenants and their keys; for operators."""

from typing import Annotated, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.times import format_time
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
    """``name`` says what the key is for."""

    name: Annotated[str, Meta(max_length=200)] = ""


class KeyDocument(msgspec.Struct, frozen=True):
    """A key's record; the key itself is not kept."""

    id: str
    tenant: str
    name: str
    created_at: str


class IssuedKey(msgspec.Struct, frozen=True):
    """``key`` is shown this once."""

    id: str
    tenant: str
    key: str


class Keys(msgspec.Struct, frozen=True):
    """The keys of one tenant that are in force."""

    items: list[KeyDocument]
    next: None = None


@get("/v1/tenants", summary="All tenants", sync_to_thread=False)
def list_tenants(chain: TheChain, principal: Caller) -> Tenants:
    principal.require_operator()
    return Tenants([_tenant(tenant) for tenant in chain.access.tenants()])


@post("/v1/tenants", summary="A new tenant", sync_to_thread=False)
def create_tenant(data: JSONBody[NewTenant], chain: TheChain, principal: Caller) -> TenantDocument:
    principal.require_operator()
    return _tenant(chain.access.add_tenant(data.id, data.name or data.id, data.role))


@get("/v1/tenants/{tenant:str}/keys", summary="A tenant's keys that are in force", sync_to_thread=False)
def list_keys(tenant: FromPath[str], chain: TheChain, principal: Caller) -> Keys:
    principal.require_operator()
    return Keys([_key(key) for key in chain.access.keys(tenant)])


@post("/v1/tenants/{tenant:str}/keys", summary="A new key for a tenant, shown once", sync_to_thread=False)
def create_key(
    tenant: FromPath[str],
    chain: TheChain,
    principal: Caller,
    data: JSONBody[NewKey | None] = None,
) -> IssuedKey:
    principal.require_operator()
    record, key = chain.access.add_key(tenant, "" if data is None else data.name)
    return IssuedKey(record.id, tenant, key)


@delete("/v1/keys/{key:str}", summary="Revoke a key, at once", sync_to_thread=False)
def revoke_key(key: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_operator()
    chain.access.revoke_key(key)


def _tenant(tenant: Tenant) -> TenantDocument:
    role: Role = tenant.role  # type: ignore[assignment]
    return TenantDocument(tenant.id, tenant.name, role, format_time(tenant.created_at))


def _key(key: ApiKey) -> KeyDocument:
    return KeyDocument(key.id, key.tenant, key.name, format_time(key.created_at))


HANDLERS = [list_tenants, create_tenant, list_keys, create_key, revoke_key]
