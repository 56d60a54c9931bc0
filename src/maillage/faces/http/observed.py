"""What every request is watched by: its time, its status, its line in the log, its span.

It stands before the gate, so that what the gate refuses is watched as well. Each lease on the hot path pays for it.
"""

import logging
from collections.abc import Collection
from time import perf_counter
from typing import Any

from maillage.faces.http.answers import Receive, Scope, Send
from maillage.faces.http.gate import AsgiApp
from maillage.faces.operations.tally import Tally
from maillage.kernel import spans

log = logging.getLogger("maillage.access")

QUIET = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines; whoever reads the log is not interested."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for methods and addresses that do not exist: a label that askers could choose would never stop growing."""
GONE = 499
"""Counted where whoever asked went away before an answer began."""
_NO_TRACE: dict[str, str] = {}


class _Answer:
    """Sees an answer off; ``began`` and ``size`` (bytes of the body) are what it saw."""

    __slots__ = ("_send", "began", "size", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = 0.0
        self.size = 0
        self.status = 0

    def send(self, message: Any) -> Any:
        """A plain function that hands on what the other one returns: one coroutine less for each message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.began = perf_counter()
        else:
            self.size += len(message.get("body", b""))
        return self._send(message)


class Observed:
    """An ASGI application around another; ``hot_paths`` are those that answer without the router, which elsewhere
    says by which route a request went."""

    def __init__(self, app: AsgiApp, tally: Tally, hot_paths: Collection[str]) -> None:
        self._app = app
        self._tally = tally
        self._hot_paths = frozenset(hot_paths)
        self._traces = spans.provided()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = _trace_of(scope)
        if trace or self._traces:
            await self._traced(trace, scope, receive, send)
        else:
            await self._watched(scope, receive, _Answer(send))

    async def _watched(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        came = perf_counter()
        self._tally.in_flight += 1
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            answer.status = answer.status or 500
            raise
        finally:
            self._tally.in_flight -= 1
            self._note(scope, came, answer)

    async def _traced(self, trace: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """The same within a span, below that of whoever asked."""
        with spans.extracted(trace), spans.span(scope["method"], kind=spans.SpanKind.SERVER) as span:
            answer = _Answer(send)
            await self._watched(scope, receive, answer)
            route = self._route(scope)
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": route,
                    "http.response.status_code": answer.status,
                }
            )
            if answer.status >= 500:
                span.set_status(spans.FAILED)

    def _note(self, scope: Scope, came: float, answer: _Answer) -> None:
        method: str = scope["method"]
        if method not in METHODS:
            method = OTHER
        route, status = self._route(scope), answer.status or GONE
        self._tally.answered(method, route, status, (answer.began or perf_counter()) - came)
        if log.isEnabledFor(logging.INFO) and scope["path"] not in QUIET:
            principal = scope.get("principal")
            facts = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round((perf_counter() - came) * 1_000, 2),
                "tenant": "" if principal is None else principal.tenant,
                "bytes": answer.size,
            }
            log.info("answered", extra={"facts": facts})

    def _route(self, scope: Scope) -> str:
        """The route's template, never the path itself: that may hold what is nobody's business."""
        path: str = scope["path"]
        if path in self._hot_paths:
            return path
        template: str = scope.get("path_template", OTHER)
        return template


def _trace_of(scope: Scope) -> dict[str, str]:
    """The headers by which whoever asks sent a trace along; most send none."""
    for name, _ in scope["headers"]:
        if name == b"traceparent":
            return {
                name.decode(): value.decode("latin-1")
                for name, value in scope["headers"]
                if name in (b"traceparent", b"tracestate")
            }
    return _NO_TRACE
