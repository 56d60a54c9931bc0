"""Deployments, their instances, and what those say: a tenant's own; operators see and change those of all, nodes only
look."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.errors import Invalid, NotAllowed
from maillage.services.compute.deployment_documents import (
    DeploymentChange,
    DeploymentDocument,
    InstanceDocument,
    NewDeployment,
)
from maillage.tenancy.access import Principal

Revision = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", max_length=24, description="the revision that is changed, in place of `revision` in the body"
    ),
]


class DeploymentDocuments(msgspec.Struct, frozen=True):
    """A page of deployments, the oldest first."""

    items: list[DeploymentDocument]
    next: str | None


class InstanceDocuments(msgspec.Struct, frozen=True):
    """All instances of a deployment, those that are about to leave included."""

    items: list[InstanceDocument]
    next: None = None


class LogLineDocument(msgspec.Struct, frozen=True):
    """``n`` grows with each line; ``at`` has milliseconds."""

    n: int
    at: str
    stream: str
    level: str
    text: str


class LogDocument(msgspec.Struct, frozen=True):
    """``next`` is what to give as ``after`` the next time; a log may always go on, so there always is one."""

    items: list[LogLineDocument]
    next: int


@post("/v1/deployments", summary="Have instances of an app run, on leases or near points")
async def create_deployment(
    data: JSONBody[NewDeployment], chain: TheChain, principal: Caller
) -> Response[DeploymentDocument]:
    _may_change(principal)
    principal.require_class(data.lease_class or "firm")
    document = await chain.compute.deployments.create(data, principal.sees)
    await chain.audit.done(principal, "deployment.create", document.id, f"{document.app} {document.version}")
    return _answer(document, 201)


@get("/v1/deployments", summary="Deployments, the oldest first; a tenant sees its own")
async def list_deployments(
    chain: TheChain,
    principal: Caller,
    app: Annotated[str | None, QueryParameter(max_length=140)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> DeploymentDocuments:
    found, following = await chain.compute.deployments.some(principal.sees, app, cursor, limit)
    return DeploymentDocuments(found, following)


@get("/v1/deployments/{deployment:str}", summary="One deployment, and what has come of it")
async def get_deployment(deployment: FromPath[str], chain: TheChain, principal: Caller) -> Response[DeploymentDocument]:
    return _answer(await chain.compute.deployments.get(deployment, principal.sees))


@patch("/v1/deployments/{deployment:str}", summary="Change a deployment; versions and settings roll out")
async def change_deployment(
    deployment: FromPath[str],
    data: JSONBody[DeploymentChange],
    chain: TheChain,
    principal: Caller,
    if_match: Revision = None,
) -> Response[DeploymentDocument]:
    _may_change(principal)
    revision = _revision(if_match, data.revision)
    document = await chain.compute.deployments.change(deployment, data, revision, principal.sees)
    await chain.audit.done(principal, "deployment.change", deployment, f"revision {document.revision}")
    return _answer(document)


@post("/v1/deployments/{deployment:str}/rollback", summary="Go back to the former version", status_code=200)
async def roll_back(
    deployment: FromPath[str], chain: TheChain, principal: Caller, if_match: Revision = None
) -> Response[DeploymentDocument]:
    _may_change(principal)
    document = await chain.compute.deployments.roll_back(deployment, _revision(if_match, None), principal.sees)
    await chain.audit.done(principal, "deployment.rollback", deployment, f"to {document.version}")
    return _answer(document)


@delete("/v1/deployments/{deployment:str}", summary="End a deployment; leases taken for it are given back")
async def delete_deployment(deployment: FromPath[str], chain: TheChain, principal: Caller) -> None:
    _may_change(principal)
    await chain.compute.deployments.remove(deployment, principal.sees)
    await chain.audit.done(principal, "deployment.delete", deployment)


@get("/v1/deployments/{deployment:str}/instances", summary="The instances of a deployment")
async def list_instances(deployment: FromPath[str], chain: TheChain, principal: Caller) -> InstanceDocuments:
    return InstanceDocuments(await chain.compute.deployments.instances(deployment, principal.sees))


@get("/v1/instances/{instance:str}/logs", summary="What an instance said, and its store about it")
async def read_log(
    instance: FromPath[str],
    chain: TheChain,
    principal: Caller,
    after: Annotated[
        int | None, QueryParameter(ge=0, le=1 << 53, description="the `n` of the last line known; else the last lines")
    ] = None,
    limit: Limit = PAGE_DEFAULT,
) -> LogDocument:
    """Also of one that has ended: whose it was says its lease."""
    await chain.office.get_lease(instance, principal.sees)
    page = await chain.compute.read_log(instance, after, limit)
    lines = [
        LogLineDocument(line.number, _instant(line.at_ms), line.stream, line.level, line.text) for line in page.items
    ]
    return LogDocument(lines, page.next)


def _may_change(principal: Principal) -> None:
    if principal.role == "node":
        raise NotAllowed("deployments are for tenants and operators to change; this key is a node's")


def _revision(if_match: str | None, told: int | None) -> int | None:
    """The revision that a caller means, by header or body."""
    if if_match is None:
        return told
    text = if_match.strip().removeprefix('"').removesuffix('"')
    if not (text.isascii() and text.isdigit()):
        raise Invalid("If-Match", f"{if_match!r} is not a revision such as 3")
    if told not in (None, int(text)):
        raise Invalid("If-Match", f"says {text}, and the body says {told}")
    return int(text)


def _answer(document: DeploymentDocument, status: int = 200) -> Response[DeploymentDocument]:
    return Response(document, status_code=status, headers={"ETag": f'"{document.revision}"'})


def _instant(at_ms: int) -> str:
    whole, rest = divmod(at_ms, 1_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


HANDLERS = [
    create_deployment,
    list_deployments,
    get_deployment,
    change_deployment,
    roll_back,
    delete_deployment,
    list_instances,
    read_log,
]
