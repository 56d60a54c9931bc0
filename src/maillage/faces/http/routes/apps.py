"""Apps and their versions: a tenant's own; operators see and change those of all, nodes only look."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from maillage.faces.http.answers import decoded
from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Limit, TheChain
from maillage.kernel.errors import Invalid, Malformed, NotAllowed
from maillage.kernel.times import format_time
from maillage.services.compute.model import App, CodeKind, Version
from maillage.services.compute.names import REFERENCE_MAX
from maillage.services.compute.uploads import Claimed
from maillage.tenancy.access import Principal

_SENT_AS: dict[str, Claimed] = {"application/wasm": "wasm", "application/x-tar": "image"}

AppCursor = Annotated[str | None, QueryParameter(max_length=160, description="the `next` of the former page")]


class NewApp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name`` is 2 to 64 of letters, digits, ``_`` and ``-``, a letter first."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class AppDocument(msgspec.Struct, frozen=True):
    """``id`` is ``<tenant>.<name>``, and its address is ``/run/<id>/``."""

    id: str
    tenant: str
    name: str
    created_at: str


class AppDocuments(msgspec.Struct, frozen=True):
    """A page of apps, by id."""

    items: list[AppDocument]
    next: str | None


class NamedImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version that is an image where it is to run already, by its OCI reference."""

    reference: Annotated[str, Meta(min_length=1, max_length=REFERENCE_MAX)]


class VersionDocument(msgspec.Struct, frozen=True):
    """``digest`` is the SHA-256 of the bytes, or of the ``reference``; ``needs_memory_bytes`` the least that it starts
    with, 0 where that is not known."""

    app: str
    digest: str
    kind: CodeKind
    size_bytes: int
    created_at: str
    reference: str | None
    needs_memory_bytes: int


class VersionDocuments(msgspec.Struct, frozen=True):
    """Versions, the oldest first."""

    items: list[VersionDocument]
    next: None = None


@post("/v1/apps", summary="A new app, without a version yet")
async def create_app(data: JSONBody[NewApp], chain: TheChain, principal: Caller) -> AppDocument:
    _may_change(principal)
    app = await chain.compute.catalogue.create_app(principal.tenant, data.name)
    await chain.audit.done(principal, "app.create", app.id)
    return _app(app)


@get("/v1/apps", summary="Apps, by id; a tenant sees its own")
async def list_apps(
    chain: TheChain, principal: Caller, cursor: AppCursor = None, limit: Limit = PAGE_DEFAULT
) -> AppDocuments:
    found = await chain.compute.catalogue.apps(principal.sees)
    rest = [app for app in found if cursor is None or app.id > cursor]
    page = rest[:limit]
    return AppDocuments([_app(app) for app in page], page[-1].id if len(rest) > limit else None)


@get("/v1/apps/{app:str}", summary="One app")
async def get_app(app: FromPath[str], chain: TheChain, principal: Caller) -> AppDocument:
    return _app(await chain.compute.catalogue.app(app, principal.sees))


@delete("/v1/apps/{app:str}", summary="Forget an app and its versions, if no deployment uses it")
async def delete_app(app: FromPath[str], chain: TheChain, principal: Caller) -> None:
    _may_change(principal)
    await chain.compute.catalogue.drop_app(app, principal.sees)
    await chain.audit.done(principal, "app.delete", app)


@post("/v1/apps/{app:str}/versions", summary="Upload a version: its bytes, or the reference of an image")
async def upload_version(
    app: FromPath[str],
    request: Request[Any, Any, Any],
    chain: TheChain,
    principal: Caller,
    kind: Annotated[CodeKind | None, QueryParameter(description="told from the bytes unless given")] = None,
) -> VersionDocument:
    _may_change(principal)
    catalogue = chain.compute.catalogue
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in _SENT_AS:
        claimed = _claimed(_SENT_AS[content_type], kind, content_type)
        announced = request.headers.get("content-length", "")
        length = int(announced) if announced.isascii() and announced.isdigit() else 0
        version = await catalogue.upload(app, principal.sees, claimed, request.stream(), announced=length)
    elif content_type == "application/json":
        named: NamedImage = decoded(_named_image, await request.body())
        version = await catalogue.upload(app, principal.sees, kind, None, named.reference)
    else:
        raise Malformed(f"there is no body; this address takes {', '.join(_SENT_AS)} or application/json")
    await chain.audit.done(principal, "version.upload", app, version.digest)
    return _version(version)


@get("/v1/apps/{app:str}/versions", summary="The versions of an app, the oldest first")
async def list_versions(app: FromPath[str], chain: TheChain, principal: Caller) -> VersionDocuments:
    found = await chain.compute.catalogue.versions(app, principal.sees)
    return VersionDocuments([_version(version) for version in found])


@delete("/v1/apps/{app:str}/versions/{version:str}", summary="Forget a version that no deployment uses")
async def delete_version(app: FromPath[str], version: FromPath[str], chain: TheChain, principal: Caller) -> None:
    """By its digest, 6 or more digits of that, or ``latest``."""
    _may_change(principal)
    dropped = await chain.compute.catalogue.drop_version(app, principal.sees, version)
    await chain.audit.done(principal, "version.delete", app, dropped.digest)


_named_image = msgspec.json.Decoder(NamedImage)


def _may_change(principal: Principal) -> None:
    if principal.role == "node":
        raise NotAllowed("apps are for tenants and operators to change; this key is a node's")


def _claimed(sent: Claimed, kind: CodeKind | None, content_type: str) -> Claimed:
    """What the sender says by the type of the body and by ``kind`` together."""
    if kind is None:
        return sent
    if (kind == "image") != (sent == "image"):
        raise Invalid("kind", f"{kind} is not what comes as {content_type}")
    return kind


def _app(app: App) -> AppDocument:
    return AppDocument(app.id, app.tenant, app.name, format_time(app.created_at))


def _version(version: Version) -> VersionDocument:
    return VersionDocument(
        version.app,
        version.digest,
        version.kind,
        version.size,
        format_time(version.created_at),
        version.reference or None,
        version.needs_memory_bytes,
    )


HANDLERS = [create_app, list_apps, get_app, delete_app, upload_version, list_versions, delete_version]
