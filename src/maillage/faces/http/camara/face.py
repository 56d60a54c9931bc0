"""The ASGI application of CAMARA's APIs: it answers what is below their addresses and leaves the rest to another.

All doors are in one place and in one order: correlator, key, rate, address, method, scope, what is accepted, what is
sent. Whatever goes wrong is a document of status, code and message.
"""

import logging
import re
from collections.abc import Mapping
from time import monotonic
from typing import Any
from uuid import uuid4

import msgspec

from maillage.faces.http.answers import Receive, Scope, Send, TooLarge, read_body, send_body
from maillage.faces.http.camara.calls import JSON, Api, Call, Operation, Reply, decoded
from maillage.faces.http.gate import BODY_MAX, AsgiApp, bounded, name_of, who
from maillage.kernel.errors import Refusal
from maillage.kernel.tracing import request_id
from maillage.services.compute.camara.faults import Fault, invalid, of_refusal
from maillage.services.compute.camara.service import Camara
from maillage.tenancy.identity import Identity
from maillage.tenancy.principal import Principal

log = logging.getLogger(__name__)

_CORRELATOR = re.compile(r"[a-zA-Z0-9\-_:;./<>{}]{0,256}")
_ACCEPTED = {"*/*", "application/*", JSON}


class _Route(msgspec.Struct, frozen=True):
    root: str
    pattern: re.Pattern[str]
    template: str
    operation: Operation


class CamaraFace:
    """``rest`` answers what is not CAMARA's."""

    def __init__(self, apis: tuple[Api, ...], camara: Camara, identity: Identity, rest: AsgiApp) -> None:
        self._camara = camara
        self._identity = identity
        self._rest = rest
        self._roots = tuple(f"/{api.name}/{version}" for api in apis for version in api.versions)
        self._routes = [
            _Route(root, operation.pattern, root + operation.template, operation)
            for api in apis
            for root in (f"/{api.name}/{version}" for version in api.versions)
            for operation in api.operations
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = self._root_of(scope["path"]) if scope["type"] == "http" else None
        if root is None:
            await self._rest(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        correlator = headers.get("x-correlator", "")
        right = bool(_CORRELATOR.fullmatch(correlator))
        try:
            if not right:
                raise invalid("x-correlator", "has characters that it may not have, or more than 256 of them")
            reply = await self._reply(root, headers, scope, receive)
        except TooLarge as too_large:
            reply = _said(invalid("body", str(too_large)), (("connection", "close"),))
        except Refusal as refusal:
            retry = refusal.extra.get("retry_after_s")
            reply = _said(of_refusal(refusal), () if retry is None else (("retry-after", str(retry)),))
        except Fault as fault:
            reply = _said(fault, (("www-authenticate", "Bearer"),) if fault.status == 401 else ())
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            reply = _said(Fault(500, "INTERNAL", "Something broke here; the request was not carried out."))
        await _send(send, reply, correlator if right and correlator else str(uuid4()))

    def _root_of(self, path: str) -> str | None:
        return next((root for root in self._roots if path == root or path.startswith(root + "/")), None)

    async def _reply(self, root: str, headers: Mapping[str, str], scope: Scope, receive: Receive) -> Reply:
        named, key = headers.get("x-request-id"), headers.get("authorization")
        request_id.set(name_of(None if named is None else named.encode("latin-1")))
        principal, _ = await who(self._identity, None if key is None else key.encode("latin-1"), scope)
        if principal is None:
            told = "None came with the request." if key is None else "The ones that came are not in force."
            raise Fault(401, "UNAUTHENTICATED", f"Credentials are needed. {told}")
        principal.charge(1, monotonic())
        scope["principal"] = principal
        route, parts = self._route(root, scope)
        operation = route.operation
        _require_scope(principal, operation.scope)
        _require_accepted(headers.get("accept", "*/*"))
        body = None
        if operation.body is not None:
            body = decoded(await _body(headers, operation.takes, receive), operation.body)
        query = scope["query_string"].decode("latin-1")
        address = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}{route.root}"
        return await operation.run(Call(self._camara, principal, address, parts, query, headers, body))

    def _route(self, root: str, scope: Scope) -> tuple[_Route, Mapping[str, str]]:
        below, fitting = scope["path"].removeprefix(root), []
        for route in self._routes:
            found = route.pattern.fullmatch(below) if route.root == root else None
            if found is not None:
                scope["path_template"] = route.template
                if route.operation.method == scope["method"]:
                    return route, found.groupdict()
                fitting.append(route.operation.method)
        if fitting:
            raise Fault(405, "METHOD_NOT_ALLOWED", f"This address takes {', '.join(sorted(fitting))}.")
        raise Fault(404, "NOT_FOUND", "There is no such address.")


def _require_scope(principal: Principal, needed: str) -> None:
    if principal.scopes is not None and needed not in principal.scopes:
        raise Fault(403, "PERMISSION_DENIED", f"The access token lacks the scope {needed}.")


def _require_accepted(accept: str) -> None:
    """A range that is given the weight 0 is not accepted."""
    for one in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        refused = any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
        if kind in _ACCEPTED and not refused:
            return
    raise Fault(406, "NOT_ACCEPTABLE", f"The answer is {JSON}, which the Accept header does not allow.")


async def _body(headers: Mapping[str, str], takes: str, receive: Receive) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > BODY_MAX:
        raise TooLarge(f"has {length} bytes, at most {BODY_MAX} are taken")
    body = await read_body(bounded(receive, BODY_MAX))
    kind = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if body and kind != takes:
        raise Fault(415, "UNSUPPORTED_MEDIA_TYPE", f"The body is {kind or 'of no type'}; this address takes {takes}.")
    return body


def _said(fault: Fault, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(fault.status, {"status": fault.status, "code": fault.code, "message": fault.message}, headers)


async def _send(send: Send, reply: Reply, correlator: str) -> None:
    """An answer without a document has no type either, but for 202, which CAMARA's tests want to be JSON."""
    fields = [("x-correlator", correlator), *reply.headers]
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
    if reply.status == 204:
        await send({"type": "http.response.start", "status": 204, "headers": list(raw)})
        await send({"type": "http.response.body", "body": b""})
        return
    body: Any = {} if reply.document is None else reply.document
    await send_body(send, reply.status, JSON.encode(), msgspec.json.encode(body), raw)
