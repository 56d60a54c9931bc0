"""ANY /run/{app}/...: requests to tenants' apps, as bare ASGI, since bodies stream both ways.

Memory and slots are held by time and by count: a body is received when the app reads it, pauses of its sender end the
request, an answer has to be read within the app's own ``request_s``, and what is still being read counts against what
the instance may have under way.
"""

import asyncio
import logging
import re
from typing import Any

from maillage.faces import problems
from maillage.faces.http.answers import Receive, Scope, Send, send_problem
from maillage.faces.http.run_body import Gone, RunBody, TooSlow
from maillage.faces.http.run_headers import inbound, outbound
from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.sites import check_position
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.invocations import Answer, Invocations, Position
from maillage.services.compute.ports import Inbound
from maillage.tenancy.principal import Principal

log = logging.getLogger(__name__)

PREFIX = "/run/"
TEMPLATE = "/run/{app}"
"""What the address is called where requests are counted."""
NEAR, SESSION = "x-maillage-near", "x-maillage-session"
PIECE_BYTES = 64 << 10
"""What is sent at once: so much of an answer stays behind in a connection whose caller neither reads nor closes it."""
_APP = re.compile(r"[A-Za-z0-9._-]{1,140}")
_BODILESS = (204, 304)


class RunRoute:
    """Answers what the gate lets through; it raises what the gate makes problems of, as long as nothing was sent."""

    def __init__(self, invocations: Invocations) -> None:
        self._invocations = invocations

    async def is_public(self, scope: Scope) -> bool:
        """Whether the app (or the session of it) that is asked for is there for those without a key. To be asked
        first."""
        scope["path_template"] = TEMPLATE
        named = next((value for name, value in scope["headers"] if name == SESSION.encode()), b"")
        return await self._invocations.is_public(_parts(scope)[0], named.decode("latin-1"))

    async def __call__(self, caller: Principal | None, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        if method in ("CONNECT", "TRACE"):
            allowed = ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)
            await send_problem(send, problems.of_door(405, ""), allowed)
            return
        app_id, path = _parts(scope)
        query = scope["query_string"].decode("latin-1")
        headers = inbound(scope["headers"], len(path) + len(query))
        if any(name == b"upgrade" for name, _ in scope["headers"]):
            raise Invalid("Upgrade", "apps speak HTTP only, no WebSocket; stream the answer, or ask again")
        task = asyncio.current_task()
        assert task is not None
        body = RunBody(receive, task.cancel)
        try:
            if not any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
                await body.begin_without()
            request = Inbound(method, path, query, headers, body)
            answer = await self._invocations.invoke(app_id, request, _near(headers), caller, _session(headers))
            await self._give(answer, f"{PREFIX}{app_id}", method, send)
        except asyncio.CancelledError:
            if not body.is_deserted or task.uncancel() > 0:
                raise
            log.debug("the caller of %s went away", app_id)
        except Exception:
            if isinstance(body.fault, Gone):
                return
            if isinstance(body.fault, TooSlow):
                fault = problems.of_door(408, str(body.fault))
                await send_problem(send, fault, ((b"connection", b"close"),))
                return
            raise
        finally:
            body.close()

    async def _give(self, answer: Answer, folder: str, method: str, send: Send) -> None:
        """Hand an answer on. What goes wrong after its head was sent breaks the connection off: that is how a caller
        learns that it is not whole."""
        try:
            if not 200 <= answer.status <= 599:
                raise CodeFault(f"the app answered with the status {answer.status}", fault="answer")
            headers, length = outbound(answer.headers, folder)
            bodiless = method == "HEAD" or answer.status in _BODILESS
            if length is not None and (method == "HEAD" or not bodiless):
                headers.append((b"content-length", b"%d" % length))
        except CodeFault as fault:
            await _close(answer)
            fault.extra["instance"] = answer.instance.id
            raise
        try:
            async with asyncio.timeout(answer.instance.limits.request_s):
                await send({"type": "http.response.start", "status": answer.status, "headers": headers})
                left = length
                if not bodiless:
                    async for chunk in answer.body:
                        if left is not None:
                            left -= len(chunk)
                            if left < 0:
                                return
                        for at in range(0, len(chunk), PIECE_BYTES):
                            piece = chunk[at : at + PIECE_BYTES]
                            await send({"type": "http.response.body", "body": piece, "more_body": True})
                    if left:
                        return
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.info("an answer of %s was not read in time, and is broken off", answer.instance.id)
        except Exception as fault:
            log.info("an answer of %s broke off: %s", answer.instance.id, fault)
        finally:
            await _close(answer)


async def _close(answer: Answer) -> None:
    close: Any = answer.body.aclose  # type: ignore[attr-defined]
    await close()


def _parts(scope: Scope) -> tuple[str, str]:
    """The app, and the path within it as the caller spelled it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    app_id, _, path = raw.decode("latin-1").removeprefix(PREFIX).partition("/")
    if not _APP.fullmatch(app_id):
        raise NotFound(f"{app_id[:140]!r} is not the id of an app")
    return app_id, f"/{path}"


def _session(headers: list[tuple[str, str]]) -> str:
    """The session that the caller wants to speak to, "" where it does not say."""
    return next((value for name, value in headers if name == SESSION), "")


def _near(headers: list[tuple[str, str]]) -> Position | None:
    """Where the caller says that it is."""
    for name, value in headers:
        if name == NEAR:
            lat, _, lon = value.partition(",")
            try:
                position = float(lat), float(lon)
            except ValueError:
                raise Invalid(NEAR, f"{value[:40]!r} is no position such as 36.37,-94.21") from None
            check_position(*position)
            return position
    return None
