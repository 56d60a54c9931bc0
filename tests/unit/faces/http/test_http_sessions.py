"""Sessions by HTTP, with the real runtime behind: who may do what, what the answers look like, and where calls go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from maillage.bootstrap import LocalChain
from tests.unit.faces.http.api import Api, assert_problem, opened

CODE = Path(__file__).parents[2] / "engines" / "wasmtime" / "code" / "app.wat"
HERE, THERE = {"lat": 36.37, "lon": -94.21}, {"lat": 36.5, "lon": -94.21}


class Fleet(NamedTuple):
    """A chain with two stores that run code, 14 km apart, whose tenant acme has an app that keeps what it is told."""

    api: Api
    acme: str
    other: str
    digest: str

    def begun(self, key: str | None = None, **fields: Any) -> Any:
        return self.api.ok("POST", "/v1/sessions", asked(**fields), self.acme if key is None else key)

    def reported(self, session: str, *positions: dict[str, Any], after_s: int = 300) -> Any:
        self.api.clock.advance(after_s)
        return self.api.ok("POST", f"/v1/sessions/{session}/positions", {"positions": list(positions)}, self.acme)

    def run(self, session: str, path: str, content: bytes = b"", key: str | None = None) -> Any:
        headers = {"x-maillage-session": session}
        if key != "":
            headers["Authorization"] = f"Bearer {key or self.acme}"
        method = "POST" if content else "GET"
        return self.api.run(
            self.api.client.request(method, f"/run/acme.guide/{path}", content=content or None, headers=headers)
        )


def asked(**fields: Any) -> dict[str, Any]:
    return {"app": "acme.guide", "device": "cab-1", "position": HERE, "needs": {"cpu": 0.5}, "within_km": 25} | fields


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
    folder = tmp_path_factory.mktemp("fleet")
    with opened(folder / "chain", lambda path, clock: LocalChain(path, clock, "", runs_code=True)) as api:
        api.site("wm-1", cpu=8, memory=16)
        api.site("wm-2", lat=36.5, cpu=8, memory=16)
        acme, other = api.tenant("acme"), api.tenant("other")
        api.ok("POST", "/v1/apps", {"name": "guide"}, acme)
        headers = {"Authorization": f"Bearer {acme}", "Content-Type": "application/wasm"}
        body = bytes(wasmtime.wat2wasm(CODE.read_text()))
        sent = api.run(api.client.post("/v1/apps/acme.guide/versions", content=body, headers=headers))
        assert sent.status_code == 201, sent.text
        yield Fleet(api, acme, other, sent.json()["digest"])


@pytest.fixture(autouse=True)
def tidy(fleet: Fleet) -> Iterator[None]:
    yield
    for each in fleet.api.ok("GET", "/v1/sessions")["items"]:
        fleet.api.ok("DELETE", f"/v1/sessions/{each['id']}")
    assert fleet.api.ok("GET", "/v1/leases?state=confirmed")["items"] == []


def test_a_session_is_answered_with_where_it_is(fleet: Fleet) -> None:
    response = fleet.api.call("POST", "/v1/sessions", asked(config={"CITY": "Lowell"}), fleet.acme)
    made = response.json()
    assert response.status_code == 201
    now = made["since"]
    assert made == {
        "id": made["id"],
        "app": "acme.guide",
        "tenant": "acme",
        "device": "cab-1",
        "version": fleet.digest,
        "state": "ready",
        "detail": None,
        "instance": made["instance"],
        "site": "wm-1",
        "since": now,
        "address": "/run/acme.guide/",
        "position": {**HERE, "at": now},
        "distance_km": 0.0,
        "created_at": now,
        "needs": {"cpu": 0.5},
        "class": "firm",
        "max_price": None,
        "within_km": 25.0,
        "within_ms": None,
        "hysteresis_km": 1.0,
        "dwell_s": 60,
        "silence_s": 600,
        "config": {"CITY": "Lowell"},
        "outbound": [],
        "health": {"path": "", "every_s": 10.0, "timeout_s": 2.0, "failures": 3},
        "restart": "always",
        "grace_s": 5.0,
        "request_s": 10.0,
        "port": 8080,
        "public": False,
    }
    assert made["id"].startswith("se_") and made["instance"].startswith("wm-1~")
    assert fleet.api.ok("GET", f"/v1/leases/{made['instance']}", key=fleet.acme)["state"] == "confirmed"
    assert fleet.api.ok("GET", f"/v1/sessions/{made['id']}", key=fleet.acme) == made
    assert fleet.api.ok("GET", "/v1/sessions", key=fleet.acme) == {"items": [made], "next": None}
    assert fleet.api.ok("GET", "/v1/sessions?app=acme.none", key=fleet.acme)["items"] == []


def test_requests_of_a_session_go_where_it_is_and_find_what_it_kept(fleet: Fleet) -> None:
    session = fleet.begun()
    kept = fleet.run(session["id"], "keep?seat", b"12A")
    assert (kept.status_code, kept.headers["x-maillage-site"]) == (200, "wm-1")
    moved = fleet.reported(session["id"], THERE)
    assert (moved["site"], moved["distance_km"], moved["position"]["lat"]) == ("wm-2", 0.0, 36.5)
    found = fleet.run(session["id"], "read?seat")
    assert (found.text, found.headers["x-maillage-site"]) == ("12A", "wm-2")
    assert found.headers["x-maillage-instance"] == moved["instance"]
    assert fleet.api.ok("GET", f"/v1/leases/{session['instance']}", key=fleet.acme)["state"] == "released"
    log = fleet.api.ok("GET", f"/v1/instances/{session['instance']}/logs", key=fleet.acme)["items"]
    assert any(line["stream"] == "host" and "moved on to wm-2" in line["text"] for line in log)
    headers = {"Authorization": f"Bearer {fleet.acme}"}
    plain = fleet.api.run(fleet.api.client.get("/run/acme.guide/read?seat", headers=headers))
    assert_problem(plain, 503, "no-instance")


def test_a_key_opens_the_sessions_of_its_tenant_only(fleet: Fleet) -> None:
    session = fleet.begun()["id"]
    node = fleet.api.tenant("box", "node")
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/positions", {"positions": [HERE]}),
    ):
        assert_problem(fleet.api.call(method, f"/v1/sessions/{session}{path}", body, fleet.other), 404, "not-found")
        if method != "GET":
            refused = fleet.api.call(method, f"/v1/sessions/{session}{path}", body, node)
            assert_problem(refused, 403, "not-allowed")
    assert fleet.api.ok("GET", "/v1/sessions", key=fleet.other)["items"] == []
    assert len(fleet.api.ok("GET", "/v1/sessions", key=node)["items"]) == 1
    assert_problem(fleet.api.call("POST", "/v1/sessions", asked(device="x"), fleet.other), 404, "not-found")
    assert_problem(fleet.api.call("POST", "/v1/sessions", asked(device="x"), node), 403, "not-allowed")
    assert_problem(fleet.api.call("POST", "/v1/sessions", asked(**{"class": "house"}), fleet.acme), 403, "not-allowed")
    assert_problem(fleet.run(session, "read?seat", key=fleet.other), 404, "not-found")
    assert_problem(fleet.run(session, "read?seat", key=""), 401, "no-key")
    assert_problem(fleet.run("se_none", "read?seat"), 404, "not-found")


def test_a_public_session_is_for_whoever_knows_its_id(fleet: Fleet) -> None:
    session = fleet.begun(public=True)["id"]
    assert fleet.run(session, "keep?a", b"1", key="").status_code == 200
    assert_problem(fleet.run("se_none", "read?a", key=""), 401, "no-key")


def test_a_device_has_one_session_of_an_app(fleet: Fleet) -> None:
    session = fleet.begun()["id"]
    problem = assert_problem(fleet.api.call("POST", "/v1/sessions", asked(), fleet.acme), 409, "already-exists")
    assert problem["session"] == session
    refused = fleet.api.call("DELETE", f"/v1/apps/acme.guide/versions/{fleet.digest}", key=fleet.acme)
    assert_problem(refused, 409, "in-use")


@pytest.mark.parametrize(
    ("fields", "status", "slug"),
    [
        ({"needs": {"cpu": 9}}, 409, "no-capacity"),
        ({"position": {"lat": 0, "lon": 0}}, 409, "no-capacity"),
        ({"within_ms": 4}, 422, "invalid"),
        ({"needs": {"memory": 1}}, 422, "invalid"),
        ({"needs": {"unobtainium": 1}}, 422, "unknown-kind"),
        ({"device": "a b"}, 422, "invalid"),
        ({"position": {"lat": 91, "lon": 0}}, 422, "invalid"),
        ({"leases": ["wm-1~1"]}, 422, "invalid"),
        ({"app": "acme.none"}, 404, "not-found"),
        ({"max_price": "0.000001"}, 409, "no-capacity"),
    ],
)
def test_what_can_not_begin_is_refused_and_leaves_nothing(
    fleet: Fleet, fields: dict[str, Any], status: int, slug: str
) -> None:
    assert_problem(fleet.api.call("POST", "/v1/sessions", asked(**fields), fleet.acme), status, slug)
    assert fleet.api.ok("GET", "/v1/sessions")["items"] == []


@pytest.mark.parametrize(
    "positions",
    [[], [{"lat": 1}], [{**HERE, "at": "yesterday"}], [HERE, HERE], [{**HERE, "at": "2020-01-01T00:00:00Z"}]],
)
def test_positions_that_can_not_be_are_refused(fleet: Fleet, positions: list[Any]) -> None:
    session = fleet.begun()["id"]
    body = {"positions": positions}
    refused = fleet.api.call("POST", f"/v1/sessions/{session}/positions", body, fleet.acme)
    assert_problem(refused, 422, "invalid")


def test_what_is_done_to_sessions_is_in_the_audit(fleet: Fleet) -> None:
    session = fleet.begun()["id"]
    fleet.api.ok("DELETE", f"/v1/sessions/{session}", key=fleet.acme)
    assert_problem(fleet.api.call("GET", f"/v1/sessions/{session}", key=fleet.acme), 404, "not-found")
    entries = fleet.api.ok("GET", "/v1/audit?actor=acme&limit=1000")["items"]
    actions = [entry["action"] for entry in entries if entry["subject"] == session]
    assert actions == ["session.create", "session.delete"]
