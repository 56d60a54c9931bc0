"""The mesh over HTTP: a hub's nodes, tokens and escrow. The hub of these tests has no bus, as in a cut that lasts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.bootstrap import ManualClock
from maillage.bootstrap.hub import HubChain, HubSettings
from maillage.engines.nats.identity import ChainIdentity
from maillage.tenancy.limits import FAILURES_BURST
from tests.contract.nats_server import free_port
from tests.unit.faces.http.api import Api, ask, assert_problem, opened

KEY = "UBEQ2FY3UD6FQJ55FWZZQJOJQSKR5MASKUKL2MQLEIXWBOMF7HLB6XMK"
"""The public half of some node's key."""
DAY_S = 86_400
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/v1/nodes", None),
    ("DELETE", "/v1/nodes/n1", None),
    ("POST", "/v1/nodes/n1/readmit", None),
    ("GET", "/v1/enrolments", None),
    ("POST", "/v1/enrolments", {"node": "n1", "sites": ["wm-1"]}),
    ("GET", "/v1/escrow", None),
    ("PUT", "/v1/escrow/cpu", {"quantity": 4}),
    ("DELETE", "/v1/escrow/cpu", None),
]
FOR_NODES_TOO = [("GET", "/v1/nodes"), ("GET", "/v1/escrow")]


def open_hub(folder: Path, clock: ManualClock) -> HubChain:
    return HubChain(folder, clock, "", HubSettings(folder, [f"nats://127.0.0.1:{free_port()}"], ["nats://bus:4222"]))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Api]:
    """A hub that knows the sites wm-1 and wm-2, and no node."""
    with opened(tmp_path / "hub", open_hub) as api:
        for name in ("wm-1", "wm-2"):
            api.ok("PUT", f"/v1/sites/{name}", {"name": name, "lat": 36.37, "lon": -94.21})
        yield api


def invite(hub: Api, node: str = "n1", *sites: str, **more: Any) -> str:
    """A token for a node of these sites, of wm-1 unless others are named."""
    wanted = {"node": node, "sites": list(sites or ("wm-1",)), **more}
    token: str = hub.ok("POST", "/v1/enrolments", wanted)["token"]
    return token


def joining(token: str, *sites: str, key: str = KEY) -> dict[str, Any]:
    return {"token": token, "public_key": key, "sites": list(sites or ("wm-1",))}


def audited(hub: Api, action: str) -> list[dict[str, Any]]:
    hub.run(hub.chain.audit.stop())
    found: list[dict[str, Any]] = hub.ok("GET", f"/v1/audit?action={action}")["items"]
    return found


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_a_server_that_is_no_hub_has_none_of_it(refusing: Api, method: str, path: str, body: object) -> None:
    problem = assert_problem(refusing.call(method, path, body), 404, "not-found")
    assert "not a hub" in problem["detail"]


def test_nobody_joins_a_server_that_is_no_hub(refusing: Api) -> None:
    assert_problem(refusing.call("POST", "/enrol", joining("mle_n1_x"), key=""), 404, "not-found")
    assert audited(refusing, "node.join") == []


@pytest.mark.parametrize("role", ["tenant", "node"])
def test_only_operators_run_the_mesh_and_nodes_may_look(hub: Api, role: str) -> None:
    key = hub.tenant("somebody", role)
    for method, path, body in ROUTES:
        response = hub.call(method, path, body, key)
        if role == "node" and (method, path) in FOR_NODES_TOO:
            assert response.json() == {"items": [], "next": None}
        else:
            assert_problem(response, 403, "not-allowed")


def test_a_token_is_shown_once_and_admits_its_node_once(hub: Api) -> None:
    made = hub.ok("POST", "/v1/enrolments", {"node": "n1", "sites": ["wm-1", "wm-2"]})
    assert made["token"].startswith("mle_n1_") and len(made["token"]) > 40
    assert (made["created_at"], made["expires_at"]) == ("2026-11-01T12:00:00Z", "2026-11-02T12:00:00Z")
    (listed,) = hub.ok("GET", "/v1/enrolments")["items"]
    assert listed == made | {"token": None}
    joined = hub.ok("POST", "/enrol", joining(made["token"], "wm-1", "wm-2"), key="")
    assert (joined["node"], joined["servers"], joined["credentials"]) == ("n1", ["nats://bus:4222"], None)
    assert [site["id"] for site in joined["sites"]] == ["wm-1", "wm-2"]
    assert hub.ok("GET", "/v1/enrolments")["items"][0]["used_at"] == "2026-11-01T12:00:00Z"
    assert_problem(hub.call("POST", "/enrol", joining(made["token"], "wm-1"), key=""), 403, "enrolment-refused")


def test_whatever_is_wrong_with_a_token_is_told_in_the_same_words(hub: Api) -> None:
    good = invite(hub, expires_s=60)
    wrong = [joining("mle_n1_made-up"), joining(""), joining(good, "wm-2"), joining(good, "wm-1", "wm-2")]
    details = {
        assert_problem(hub.call("POST", "/enrol", body, ""), 403, "enrolment-refused")["detail"] for body in wrong
    }
    hub.clock.advance(60)
    late = assert_problem(hub.call("POST", "/enrol", joining(good), ""), 403, "enrolment-refused")
    assert details == {late["detail"]}
    assert hub.ok("GET", "/v1/nodes")["items"] == []


@pytest.mark.parametrize("key", ["", "UABC", KEY.lower(), f"A{KEY[1:]}", f"{KEY}A"])
def test_what_is_no_public_key_joins_nothing_and_costs_no_token(hub: Api, key: str) -> None:
    token = invite(hub)
    problem = assert_problem(hub.call("POST", "/enrol", joining(token, key=key), ""), 422, "invalid")
    assert problem["field"] == "public_key"
    assert hub.call("POST", "/enrol", joining(token), "").status_code == 201


@pytest.mark.parametrize(
    "body", [None, {}, {"token": "x"}, {**joining("x"), "role": "operator"}, {**joining("x"), "sites": []}]
)
def test_a_join_that_says_something_else_is_turned_away(hub: Api, body: object) -> None:
    response = hub.call("POST", "/enrol", body, "")
    assert response.status_code in (400, 422) and response.json()["type"] in (
        "/problems/invalid",
        "/problems/malformed",
    )


def test_joins_and_refused_joins_are_in_the_audit_with_where_they_came_from_and_without_the_token(hub: Api) -> None:
    token = invite(hub)
    hub.call("POST", "/enrol", joining("mle_n1_a-wrong-one", "wm-1", "wm-2"), "")
    hub.ok("POST", "/enrol", joining(token), key="")
    refused, done = audited(hub, "node.join")
    assert (refused["actor"], refused["outcome"], refused["subject"]) == ("", "enrolment-refused", "wm-1,wm-2")
    assert refused["detail"] == "from 127.0.0.1"
    assert (done["actor"], done["outcome"], done["subject"], done["detail"]) == ("n1", "done", "n1", "wm-1")
    assert "a-wrong-one" not in str(refused) and token not in str(done)


def test_an_address_that_keeps_trying_has_to_wait_but_the_right_token_passes(hub: Api) -> None:
    token = invite(hub)
    answers = [hub.call("POST", "/enrol", joining(f"mle_n1_{number}"), "") for number in range(FAILURES_BURST + 20)]
    waits = [answer for answer in answers if answer.status_code != 403]
    assert waits, "so many in so short a time are bounded"
    for answer in waits:
        problem = assert_problem(answer, 429, "too-many-requests")
        assert answer.headers["retry-after"] == str(problem["retry_after_s"])
    assert hub.call("POST", "/enrol", joining(token), "").status_code == 201
    assert len(audited(hub, "node.join")) <= FAILURES_BURST + 21 - len(waits)


def test_a_bus_with_identities_gets_a_token_signed_for_the_node(tmp_path: Path) -> None:
    ChainIdentity.load_or_make(tmp_path / "nats", {})
    with opened(tmp_path, open_hub) as hub:
        hub.ok("PUT", "/v1/sites/wm-1", {"name": "wm-1", "lat": 36.37, "lon": -94.21})
        joined = hub.ok("POST", "/enrol", joining(invite(hub)), key="")
        assert joined["credentials"].count(".") == 2


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("node", {"node": ""}),
        ("node", {"node": "a.b"}),
        ("node", {"node": "x" * 65}),
        ("sites", {"sites": []}),
        ("sites", {"sites": ["wm-1", "wm-1"]}),
        ("sites", {"sites": ["wm-9"]}),
        ("sites", {"sites": "wm-1"}),
        ("expires_s", {"expires_s": 59}),
        ("expires_s", {"expires_s": 30 * DAY_S + 1}),
        ("expires_s", {"expires_s": "60"}),
    ],
)
def test_a_token_that_cannot_be_is_422(hub: Api, field: str, wrong: dict[str, Any]) -> None:
    body = {"node": "n1", "sites": ["wm-1"], **wrong}
    assert field in str(assert_problem(hub.call("POST", "/v1/enrolments", body), 422, "invalid"))
    assert hub.ok("GET", "/v1/enrolments")["items"] == []


def test_the_name_of_a_node_is_given_once_whatever_became_of_it(hub: Api) -> None:
    hub.ok("POST", "/enrol", joining(invite(hub)), key="")
    hub.ok("DELETE", "/v1/nodes/n1")
    problem = assert_problem(hub.call("POST", "/v1/enrolments", {"node": "n1", "sites": ["wm-1"]}), 422, "invalid")
    assert "a name of its own" in problem["detail"]


def test_a_node_that_joined_is_listed_and_revoked_with_its_sites_waiting_for_another(hub: Api) -> None:
    hub.ok("POST", "/enrol", joining(invite(hub)), key="")
    (node,) = hub.ok("GET", "/v1/nodes")["items"]
    assert (node["id"], node["sites"], node["reachable"], node["revoked"]) == ("n1", 1, False, False)
    assert (node["silent_s"], node["version"], node["set_aside"]) == (None, None, None)
    assert hub.call("DELETE", "/v1/nodes/n1").status_code == 204
    assert hub.call("DELETE", "/v1/nodes/n1").status_code == 204, "twice is the same as once"
    (node,) = hub.ok("GET", "/v1/nodes")["items"]
    assert (node["sites"], node["revoked"]) == (0, True)
    hub.ok("POST", "/enrol", joining(invite(hub, "n2")), key="")
    assert [(node["id"], node["sites"]) for node in hub.ok("GET", "/v1/nodes")["items"]] == [("n1", 0), ("n2", 1)]


def test_a_node_that_was_set_aside_says_why_and_is_heard_again(hub: Api) -> None:
    hub.ok("POST", "/enrol", joining(invite(hub)), key="")

    async def it_lies() -> None:
        hub.chain.mesh.hub.mirror.put_aside("n1", "it said what can't be")

    hub.run(it_lies())
    assert hub.ok("GET", "/v1/nodes")["items"][0]["set_aside"] == "it said what can't be"
    assert hub.ok("POST", "/v1/nodes/n1/readmit")["set_aside"] is None
    (entry,) = audited(hub, "node.readmit")
    assert (entry["subject"], entry["detail"]) == ("n1", "it said what can't be")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/nodes/n9"), ("POST", "/v1/nodes/n9/readmit")])
def test_what_is_no_node_is_404(hub: Api, method: str, path: str) -> None:
    assert_problem(hub.call(method, path), 404, "not-found")


def test_escrow_rules_are_set_replaced_listed_and_dropped(hub: Api) -> None:
    rule = hub.ok("PUT", "/v1/escrow/cpu", {"quantity": "2.5"})
    assert rule == {"kind": "cpu", "quantity": 2.5, "share": 0.25, "ahead_s": DAY_S}
    hub.ok("PUT", "/v1/escrow/cpu", {"quantity": 4, "share": 1, "ahead_s": 300})
    hub.ok("PUT", "/v1/escrow/memory", {"quantity": 8})
    kinds = {each["kind"]: each["quantity"] for each in hub.ok("GET", "/v1/escrow")["items"]}
    assert kinds == {"cpu": 4, "memory": 8}
    assert hub.call("DELETE", "/v1/escrow/cpu").status_code == 204
    assert [each["kind"] for each in hub.ok("GET", "/v1/escrow")["items"]] == ["memory"]
    assert_problem(hub.call("DELETE", "/v1/escrow/cpu"), 404, "not-found")
    assert [entry["subject"] for entry in audited(hub, "escrow.set")] == ["cpu", "cpu", "memory"]
    assert [entry["subject"] for entry in audited(hub, "escrow.drop")] == ["cpu"]


@pytest.mark.parametrize(
    ("kind", "body", "slug"),
    [
        ("warp", {"quantity": 1}, "unknown-kind"),
        ("cpu", {}, "invalid"),
        ("cpu", {"quantity": -1}, "invalid"),
        ("cpu", {"quantity": "much"}, "invalid"),
        ("cpu", {"quantity": 1, "share": 0}, "invalid"),
        ("cpu", {"quantity": 1, "share": 1.1}, "invalid"),
        ("cpu", {"quantity": 1, "ahead_s": 299}, "invalid"),
        ("cpu", {"quantity": 1, "ahead_s": 90 * DAY_S + 1}, "invalid"),
        ("cpu", {"quantity": 1, "hours": 5}, "invalid"),
    ],
)
def test_an_escrow_rule_that_cannot_be_is_422(hub: Api, kind: str, body: dict[str, Any], slug: str) -> None:
    assert_problem(hub.call("PUT", f"/v1/escrow/{kind}", body), 422, slug)
    assert hub.ok("GET", "/v1/escrow")["items"] == []


def test_a_store_without_a_node_offers_nothing_and_one_that_is_away_is_not_asked(hub: Api) -> None:
    size = ("PUT", "/v1/sites/wm-1/capacity/cpu", {"size": 8})
    assert_problem(hub.call(*size), 404, "not-found")
    hub.ok("POST", "/enrol", joining(invite(hub)), key="")
    for method, path, body in (size, ("POST", "/v1/leases", ask())):
        problem = assert_problem(hub.call(method, path, body), 503, "site-unreachable")
        assert (problem["site"], problem["asked"]) == ("wm-1", False)
    near = ask(site=None, near={"lat": 36.37, "lon": -94.21})
    assert_problem(hub.call("POST", "/v1/leases", near), 409, "no-capacity")
    several = ask(site=None, sites=["wm-1", "wm-2"])
    assert "wm-" in assert_problem(hub.call("POST", "/v1/leases", several), 503, "site-unreachable")["detail"]


def test_a_hub_without_its_bus_says_that_it_is_not_ready(hub: Api) -> None:
    problem = assert_problem(hub.call("GET", "/readyz", key=""), 503, "not-ready")
    assert "no connection to the bus" in problem["checks"]["bus"]
    assert hub.call("GET", "/healthz", key="").status_code == 200
