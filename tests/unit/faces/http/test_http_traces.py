"""Traces: from the request to the commit that granted it, with an SDK; passed on unchanged without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.spans_recorded import Recorded, recording
from tests.unit.faces.http.api import Api, ask, opened

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CAME = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NEAR = {"lat": 36.37, "lon": -94.21, "within_km": 50}


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recording() as one:
        yield one


@pytest.fixture
def traced(recorded: Recorded, tmp_path: Path) -> Iterator[Api]:
    """A chain whose process was started with an SDK."""
    with opened(tmp_path / "traced") as one:
        one.site("wm-1", cpu=8)
        recorded.forget()
        yield one


def test_a_trace_goes_from_the_request_to_the_commit_that_granted_it(traced: Api, recorded: Recorded) -> None:
    traced.ok("POST", "/v1/leases", ask(site=None, near=NEAR), headers=CAME)
    server, asked, found = (recorded.named(name) for name in ("POST /v1/leases", "ask", "find"))
    batch, decide, commit = (recorded.named(name) for name in ("batch", "decide", "commit"))
    assert server.kind is SpanKind.SERVER
    assert server.parent is not None and f"{server.parent.span_id:016x}" == PARENT
    assert asked.parent is not None and asked.parent.span_id == server.context.span_id
    assert found.parent is not None and found.parent.span_id == asked.context.span_id
    assert {f"{span.context.trace_id:032x}" for span in (server, asked, found)} == {TRACE}
    for step in (decide, commit):
        assert step.parent is not None and step.parent.span_id == batch.context.span_id
    assert [link.context.span_id for link in batch.links] == [asked.context.span_id]
    assert [link.context.span_id for link in asked.links] == [batch.context.span_id]
    assert commit.attributes == {"maillage.decisions": 1, "maillage.events": 1}


def test_the_span_of_a_request_says_what_was_asked_and_what_came_of_it(traced: Api, recorded: Recorded) -> None:
    traced.call("GET", "/v1/sites/nowhere?secret=1")
    span = recorded.named("GET /v1/sites/{site}")
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/sites/{site}",
        "http.response.status_code": 404,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_refused_ask_names_the_refusal_and_is_no_fault(traced: Api, recorded: Recorded) -> None:
    traced.call("POST", "/v1/leases", ask(cpu=100))
    assert recorded.named("ask").attributes == {"maillage.refusal": "no-capacity"}
    assert recorded.named("ask").status.status_code is StatusCode.UNSET


def test_what_breaks_fails_its_span(traced: Api, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(type(traced.chain.office), "lease", broken)
    traced.call("POST", "/v1/leases", ask())
    assert recorded.named("POST /v1/leases").status.status_code is StatusCode.ERROR


def test_without_an_sdk_nothing_is_recorded_and_all_works(api: Api) -> None:
    assert api.call("POST", "/v1/leases", ask(), headers=CAME).status_code == 201
    assert api.call("POST", "/v1/leases", ask(), headers={"traceparent": "nonsense"}).status_code == 201
