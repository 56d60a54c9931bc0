"""The gate: every request passes it once. It knows who is asking, bounds the body, and shows the way."""

import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import monotonic
from typing import Any

from maillage.faces import problems
from maillage.faces.http.answers import Receive, Scope, Send, TooLarge, send_problem
from maillage.faces.http.run_route import PREFIX, RunRoute
from maillage.kernel.errors import Refusal, TooManyRequests
from maillage.kernel.ports import Clock
from maillage.kernel.tracing import request_id
from maillage.tenancy.identity import Identity
from maillage.tenancy.principal import Principal

log = logging.getLogger(__name__)

BODY_MAX = 1 << 20
SITE_FILE_MAX = 32 << 20
SITE_FILE_PATH = "/v1/sites/import"
DEVICE_FILE_PATH = "/v1/devices/import"
POPULATION_PATH = "/v1/population"
SITE_FILE_TYPES = ("text/csv", "application/geo+json")
UPLOAD_PATH = re.compile(r"/v1/apps/[^/]+/versions")
UPLOAD_TYPES = ("application/wasm", "application/x-tar")
PAPERS_PATH = re.compile(r"/v1/roof-leases/[^/]+/documents")
"""What is sent there is kept as it is, whatever it is."""

_DOCUMENTS: dict[str, int | None] = {"application/json": BODY_MAX}
"""The types of bodies that are taken, each with the most bytes; None where they are counted as they are taken."""
_POPULATIONS: dict[str, int | None] = {"text/csv": SITE_FILE_MAX}
_DEVICE_FILES: dict[str, int | None] = {"text/csv": BODY_MAX}
_SITE_FILES: dict[str, int | None] = dict.fromkeys(SITE_FILE_TYPES, SITE_FILE_MAX)
_UPLOADS: dict[str, int | None] = {**_DOCUMENTS, **dict.fromkeys(UPLOAD_TYPES)}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,64}")
"""What callers may name their requests, if they name them."""
_PROCESS = secrets.token_hex(4)
_numbers = itertools.count(1)

HotRoute = Callable[[Principal, Scope, Receive, Send], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """An ASGI application before the others: ``hot`` by path (POST only), ``run`` for what goes to tenants' apps,
    ``rest`` for everything else."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        hot: dict[str, HotRoute],
        rest: AsgiApp,
        run: RunRoute | None = None,
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._hot = hot
        self._rest = rest
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        try:
            await self._pass(scope, receive, send)
        except TooManyRequests as refusal:
            retry_after = b"%d" % refusal.extra["retry_after_s"]
            await send_problem(send, problems.of_refusal(refusal), ((b"retry-after", retry_after),))
        except Refusal as refusal:
            await send_problem(send, problems.of_refusal(refusal))
        except TooLarge as too_large:
            # The rest of the body is not read: the connection can't be used again.
            await send_problem(send, problems.of_door(413, str(too_large)), ((b"connection", b"close"),))
        except Exception:
            # Whatever Litestar runs it answers itself; what breaks before or beside it has sent nothing yet.
            log.exception("%s %s", scope["method"], scope["path"])
            await send_problem(send, problems.of_door(500, "The request could not be handled."))

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        key = content_type = named = None
        length = 0
        chunked = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = value
            elif name == b"content-length":
                length = int(value) if value.isdigit() else 0
            elif name == b"content-type":
                content_type = value
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"x-request-id":
                named = value
        request_id.set(name_of(named))
        if self._run is not None and path.startswith(PREFIX):
            await self._pass_to_app(self._run, key, scope, receive, send)
            return
        principal = None
        digest = b""
        # The router behind folds slashes, so ``//v1`` is as good as ``/v1``.
        if path.startswith("/v1") or path.lstrip("/").startswith("v1"):
            principal, digest = await who(self._identity, key, scope)
            if principal is None:
                await _turn_away(key, send)
                return
            principal.charge(1, monotonic())
            scope["principal"] = principal
        if length or chunked:
            bare = (content_type or b"").split(b";", 1)[0].strip().lower().decode("latin-1")
            taken = _taken(scope["method"], path, bare)
            if bare not in taken:
                await send_problem(send, problems.of_door(415, f"It came as {bare or 'nothing'}."))
                return
            most = taken[bare]
            if most is not None and length > most:
                raise TooLarge(f"It has {length} bytes, at most {most} are taken.")
            if most is not None and chunked:
                receive = bounded(receive, most)
        hot = self._hot.get(path) if scope["method"] == "POST" else None
        if hot is not None and principal is not None:
            await hot(principal, scope, receive, send)
            return
        if principal is not None:
            known = principal  # as it is now: the lambda outlives this call
            scope["in_force"] = lambda: self._identity.is_in_force(known, digest, self._clock.now())
        await self._rest(scope, receive, send)

    async def _pass_to_app(self, run: RunRoute, key: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        """What proves nothing here may well be meant for a public app, and is held against nobody."""
        if await run.is_public(scope):
            principal = self._identity.of_key(sha256(_proof(key)).digest())
        else:
            principal, _ = await who(self._identity, key, scope)
            if principal is None:
                await _turn_away(key, send)
                return
        if principal is not None:
            principal.charge(1, monotonic())
            scope["principal"] = principal
        await run(principal, scope, receive, send)


async def _turn_away(key: bytes | None, send: Send) -> None:
    told = "None came with the request." if key is None else "The one that came is not in force."
    await send_problem(send, problems.of_door(401, told), ((b"www-authenticate", b"Bearer"),))


async def who(identity: Identity, authorization: bytes | None, scope: Scope) -> tuple[Principal | None, bytes]:
    """Who asks, None where that is not proved, and the SHA-256 of the proof. NotAllowed and TooManyRequests as
    ``Identity.of_other`` has them."""
    proof = _proof(authorization)
    digest = sha256(proof).digest()
    principal = identity.of_key(digest)
    if principal is None and authorization is not None:
        principal = await identity.of_other(proof, digest, _address(scope))
    return principal, digest


def _taken(method: str, path: str, bare: str) -> dict[str, int | None]:
    """The types of bodies that an address takes, with the most bytes of each; ``bare`` is the one that came."""
    if method == "POST" and path == SITE_FILE_PATH:
        return _SITE_FILES
    if method == "POST" and UPLOAD_PATH.fullmatch(path):
        return _UPLOADS
    if method == "POST" and path == DEVICE_FILE_PATH:
        return _DEVICE_FILES
    if method == "PUT" and path == POPULATION_PATH:
        return _POPULATIONS
    if bare and method == "POST" and PAPERS_PATH.fullmatch(path):
        return {bare: BODY_MAX}
    return _DOCUMENTS


def _proof(authorization: bytes | None) -> bytes:
    """What came as a bearer token; nothing, which proves nothing, where none came."""
    if authorization is None or authorization[:7].lower() != b"bearer ":
        return b""
    return authorization[7:].strip()


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def name_of(named: bytes | None) -> str:
    """The name that the caller gave the request, or one made here."""
    if named is not None and _REQUEST_ID.fullmatch(named):
        return named.decode("ascii")
    return f"{_PROCESS}-{next(_numbers)}"


def bounded(receive: Receive, most: int) -> Receive:
    """Count the bytes of a body whose length was not announced."""
    got = 0

    async def counted() -> Any:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise TooLarge(f"More than the {most} bytes that are taken came.")
        return message

    return counted
