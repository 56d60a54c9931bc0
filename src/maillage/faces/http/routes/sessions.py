"""Sessions that follow devices: a tenant's own; operators see and end those of all, nodes only look."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.errors import NotAllowed
from maillage.services.compute.live.documents import NewSession, PositionsDocument, SessionDocument
from maillage.tenancy.access import Principal


class SessionDocuments(msgspec.Struct, frozen=True):
    """A page of sessions, the oldest first."""

    items: list[SessionDocument]
    next: str | None


@post("/v1/sessions", summary="Begin a session of an app that follows a device")
async def create_session(data: JSONBody[NewSession], chain: TheChain, principal: Caller) -> SessionDocument:
    _may_change(principal)
    principal.require_class(data.lease_class)
    document = await chain.compute.sessions.create(data, principal.sees)
    await chain.audit.done(principal, "session.create", document.id, f"{document.app} for {document.device}")
    return document


@get("/v1/sessions", summary="Sessions, the oldest first; a tenant sees its own")
async def list_sessions(
    chain: TheChain,
    principal: Caller,
    app: Annotated[str | None, QueryParameter(max_length=140)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> SessionDocuments:
    return SessionDocuments(*await chain.compute.sessions.some(principal.sees, app, cursor, limit))


@get("/v1/sessions/{session:str}", summary="One session, and where it is")
async def get_session(session: FromPath[str], chain: TheChain, principal: Caller) -> SessionDocument:
    return await chain.compute.sessions.get(session, principal.sees)


@post(
    "/v1/sessions/{session:str}/positions",
    summary="Say where a device was; its session goes where it should be",
    status_code=200,
)
async def report_positions(
    session: FromPath[str], data: JSONBody[PositionsDocument], chain: TheChain, principal: Caller
) -> SessionDocument:
    _may_change(principal)
    return await chain.compute.sessions.report(session, data, principal.sees)


@delete("/v1/sessions/{session:str}", summary="End a session; its state is thrown away")
async def delete_session(session: FromPath[str], chain: TheChain, principal: Caller) -> None:
    _may_change(principal)
    plan = await chain.compute.sessions.end(session, principal.sees)
    await chain.audit.done(principal, "session.delete", session, f"{plan.app} for {plan.device}")


def _may_change(principal: Principal) -> None:
    if principal.role == "node":
        raise NotAllowed("sessions are for tenants and operators to change; this key is a node's")


HANDLERS = [create_session, list_sessions, get_session, report_positions, delete_session]
