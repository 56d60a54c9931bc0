"""Spans: where the time of an ask goes, from whoever sent it to the commit that granted it, also across a bus.

Only the API of OpenTelemetry is used. Spans are made where an SDK was set up for the process, as
``opentelemetry-instrument`` does. Without one a trace that the caller sent is passed on as it came, and named in the
logs; without either next to nothing is paid.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from maillage.kernel.errors import Refusal

__all__ = [
    "FAILED",
    "Span",
    "SpanKind",
    "current",
    "extracted",
    "ids",
    "inject",
    "linked",
    "provided",
    "span",
    "spanned",
]

P = ParamSpec("P")
T = TypeVar("T")

_tracer = trace.get_tracer("maillage")
_propagator = TraceContextTextMapPropagator()
_NOT, _PASSED_ON, _RECORDED = range(3)
_traced: ContextVar[int] = ContextVar("traced", default=_NOT)
"""A flag of our own, since asking the API for the current span costs more than all else where nobody traces."""
FAILED = Status(StatusCode.ERROR)
"""What a span is marked with whose work broke."""
_NOTHING: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


def provided() -> bool:
    """Whether an SDK was set up, so that spans go somewhere."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def inject() -> dict[str, str]:
    """The headers that carry the current trace to another process; none where nothing is traced."""
    headers: dict[str, str] = {}
    if _traced.get():
        _propagator.inject(headers)
    return headers


def extracted(headers: Mapping[str, str]) -> AbstractContextManager[None]:
    """Go on with the trace that these headers carry, or begin one where they carry none and an SDK is there."""
    if "traceparent" in headers or provided():
        return _going_on(headers)
    return nullcontext()


def span(
    name: str, attributes: Mapping[str, Any] | None = None, kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[Span]:
    """A span around a piece of work, below the current one. A refusal is an answer and noted as one; any other
    exception makes the span a failed one."""
    return _begun(name, kind, attributes, ()) if _traced.get() == _RECORDED else _NOTHING


def spanned(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A span around every call of a function."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            if _traced.get() != _RECORDED:
                return function(*args, **kwargs)
            with _begun(name, SpanKind.INTERNAL, None, ()):
                return function(*args, **kwargs)

        return wrapped

    return decorate


def current() -> Span | None:
    """The span that is being worked in, None where nothing is recorded."""
    return trace.get_current_span() if _traced.get() == _RECORDED else None


def linked(name: str, asked: Sequence[Span]) -> AbstractContextManager[Span]:
    """A span that begins a trace of its own, for work that several others wait for: it is linked to each of theirs,
    and theirs to it. Nothing where there are none."""
    return _linked(name, asked) if asked else _NOTHING


def ids() -> tuple[str, str] | None:
    """The current trace's id and span's id in hexadecimal, as logs name them."""
    if not _traced.get():
        return None
    found = trace.get_current_span().get_span_context()
    return (f"{found.trace_id:032x}", f"{found.span_id:016x}") if found.is_valid else None


@contextmanager
def _going_on(headers: Mapping[str, str]) -> Iterator[None]:
    entered = context.attach(_propagator.extract(headers))
    was = _traced.set(_RECORDED if provided() else _PASSED_ON)
    try:
        yield
    finally:
        _traced.reset(was)
        context.detach(entered)


@contextmanager
def _begun(name: str, kind: SpanKind, attributes: Mapping[str, Any] | None, links: Sequence[Link]) -> Iterator[Span]:
    with _tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=None if attributes is None else dict(attributes),
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        try:
            yield begun
        except Refusal as refusal:
            begun.set_attribute("maillage.refusal", refusal.slug)
            raise
        except Exception as fault:
            begun.record_exception(fault)
            begun.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise


@contextmanager
def _linked(name: str, asked: Sequence[Span]) -> Iterator[Span]:
    with _going_on({}), _begun(name, SpanKind.INTERNAL, None, [Link(one.get_span_context()) for one in asked]) as begun:
        if begun.is_recording():
            for one in asked:
                one.add_link(begun.get_span_context())
        yield begun
