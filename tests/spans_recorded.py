"""An SDK of OpenTelemetry for the length of a test, and the spans that it was given."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from maillage.kernel import spans


class Recorded:
    """Spans that have ended, in that order."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = [span for span in self.all if span.name == name]
        return found

    def forget(self) -> None:
        self._exporter.clear()


@contextmanager
def recording() -> Iterator[Recorded]:
    """As if the process had been started with an SDK; what is built within sees it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "_TRACER_PROVIDER", provider)  # it can be set only once, and there are other tests
        patch.setattr(spans, "_tracer", provider.get_tracer("maillage"))
        yield Recorded(exporter)
    provider.shutdown()
