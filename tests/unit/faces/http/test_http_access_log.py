"""The access log: a line for each request that says what came of it, and nothing that is nobody's business."""

import json
import logging
from collections.abc import Iterator

import pytest

from maillage.faces.operations.logs import JsonLines
from tests.unit.faces.http.api import Api, ask


class Heard(logging.Handler):
    """Lines as a JSON log would hold them, formatted where they were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    log = logging.getLogger("maillage")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


def test_a_request_leaves_one_line(api: Api, heard: Heard) -> None:
    key = api.tenant("acme")
    heard.text = ""
    response = api.call("POST", "/v1/leases", ask(), key, headers={"X-Request-Id": "mine-1"})
    (line,) = heard.lines
    assert isinstance(line.pop("ms"), float) and str(line.pop("ts")).endswith("Z")
    assert line == {
        "level": "info",
        "logger": "maillage.access",
        "message": "answered",
        "request_id": "mine-1",
        "method": "POST",
        "route": "/v1/leases",
        "status": 201,
        "tenant": "acme",
        "bytes": len(response.content),
    }


def test_neither_keys_nor_addresses_nor_queries_are_written_down(api: Api, heard: Heard) -> None:
    key = api.tenant("acme")
    heard.text = ""
    api.call("GET", "/v1/leases/secret-lease?cursor=secret-cursor", key=key)
    api.call("GET", "/secret-address?token=secret-token", key="secret-key")
    assert [line["status"] for line in heard.lines] == [404, 404]
    assert "secret" not in heard.text and key not in heard.text


def test_probes_and_scrapes_leave_none(api: Api, heard: Heard) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert api.call("GET", path).status_code == 200
    assert heard.lines == []


def test_what_is_turned_away_at_the_gate_leaves_one_too(api: Api, heard: Heard) -> None:
    api.call("GET", "/v1/sites", key="")
    (line,) = heard.lines
    assert (line["status"], line["tenant"], line["route"]) == (401, "", "other")


def test_what_breaks_is_told_with_its_traceback_and_the_request_it_belongs_to(
    api: Api, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(type(api.chain.office), "lease", broken)
    api.call("POST", "/v1/leases", ask(), headers={"X-Request-Id": "mine-2"})
    fault, access = heard.lines
    assert (fault["level"], access["status"]) == ("error", 500)
    assert fault["request_id"] == access["request_id"] == "mine-2"
    assert str(fault["exception"]).endswith("ZeroDivisionError: a mistake of ours")


def test_a_trace_that_came_in_is_named_beside_the_request(api: Api, heard: Heard) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"

    api.call("GET", "/v1/leases", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert [(line["trace_id"], line["span_id"]) for line in heard.lines] == [(trace, "b7ad6b7169203331")]
