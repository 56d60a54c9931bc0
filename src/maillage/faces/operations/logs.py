"""How a server writes down what happens: one line an event on standard error, for people or for machines.

Standard output is for what was promised there (``listening on ...``).
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from maillage.kernel import spans
from maillage.kernel.tracing import request_id

Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
CHATTY = ("httpx", "httpcore", "asyncio", "nats", "sqlalchemy", "alembic")
"""Libraries that tell at ``info`` and below what an operator never asked, some of it with whole addresses."""

_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
"""What others sent may stand in a message; it must not look like a line of its own or steer a terminal."""


def configure(form: Form, level: str) -> None:
    """Have everything that is logged in this process go to standard error in one form. Twice replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class JsonLines(logging.Formatter):
    """A JSON object a line: ``ts`` (RFC 3339), ``level``, ``logger``, ``message``, ``request_id``, ``trace_id``,
    ``span_id`` and ``exception`` where there are any, and the facts that came with the event."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "ts": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context(),
            **_facts(record),
        }
        exception = _exception(self, record)
        if exception:
            document["exception"] = exception
        return json.dumps(document, default=str)  # in ASCII: it takes texts that are no Unicode, too


class TextLines(logging.Formatter):
    """For people: instant, level, logger, message, ``name=value`` for what is known beside; tracebacks follow on lines
    of their own."""

    def format(self, record: logging.LogRecord) -> str:
        known = {**_facts(record), **_context()}
        beside = "".join(f" {name}={value}" for name, value in known.items())
        line = f"{_instant(record)} {record.levelname.lower():<7} {record.name}: {record.getMessage()}{beside}"
        exception = _exception(self, record)
        return line.translate(_CONTROL) + (f"\n{exception}" if exception else "")


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _context() -> dict[str, str]:
    """What the event belongs to."""
    known = {}
    request = request_id.get()
    if request:
        known["request_id"] = request
    traced = spans.ids()
    if traced is not None:
        known["trace_id"], known["span_id"] = traced
    return known


def _facts(record: logging.LogRecord) -> Mapping[str, Any]:
    """What was logged with ``extra={"facts": {...}}``."""
    facts: Mapping[str, Any] = getattr(record, "facts", {})
    return facts


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return formatter.formatException(record.exc_info)
    return record.exc_text or ""
