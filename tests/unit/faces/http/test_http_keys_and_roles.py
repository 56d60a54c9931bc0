"""Who gets in, and what each role may do."""

import sqlite3
from pathlib import Path

import pytest

from tests.unit.faces.http.api import Api, ask, assert_problem, assert_problem_document, opened

ROUTES = [
    ("GET", "/v1/kinds"),
    ("PUT", "/v1/kinds/cpu"),
    ("GET", "/v1/prices"),
    ("PUT", "/v1/prices"),
    ("GET", "/v1/sites"),
    ("GET", "/v1/sites/wm-1"),
    ("PUT", "/v1/sites/wm-1"),
    ("POST", "/v1/sites/import"),
    ("GET", "/v1/sites/wm-1/capacity"),
    ("PUT", "/v1/sites/wm-1/capacity/cpu"),
    ("POST", "/v1/offers"),
    ("POST", "/v1/leases"),
    ("POST", "/v1/leases/batch"),
    ("GET", "/v1/leases"),
    ("GET", "/v1/leases/wm-1~4"),
    ("POST", "/v1/leases/wm-1~4/confirm"),
    ("POST", "/v1/leases/wm-1~4/extend"),
    ("POST", "/v1/leases/wm-1~4/release"),
    ("POST", "/v1/leases/wm-1~4/measurements"),
    ("GET", "/v1/tenants"),
    ("POST", "/v1/tenants"),
    ("GET", "/v1/tenants/acme/keys"),
    ("POST", "/v1/tenants/acme/keys"),
    ("DELETE", "/v1/keys/0123456789abcdef"),
    ("POST", "/v1/keys/0123456789abcdef/rotate"),
    ("GET", "/v1/tenants/acme/quotas"),
    ("PUT", "/v1/tenants/acme/quotas/cpu"),
    ("DELETE", "/v1/tenants/acme/quotas/cpu"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/apps"),
    ("POST", "/v1/apps"),
    ("GET", "/v1/apps/acme.hello"),
    ("DELETE", "/v1/apps/acme.hello"),
    ("GET", "/v1/apps/acme.hello/versions"),
    ("POST", "/v1/apps/acme.hello/versions"),
    ("DELETE", "/v1/apps/acme.hello/versions/latest"),
    ("GET", "/v1/deployments"),
    ("POST", "/v1/deployments"),
    ("GET", "/v1/deployments/d1"),
    ("PATCH", "/v1/deployments/d1"),
    ("DELETE", "/v1/deployments/d1"),
    ("POST", "/v1/deployments/d1/rollback"),
    ("GET", "/v1/deployments/d1/instances"),
    ("GET", "/v1/instances/wm-1~4/logs"),
    ("GET", "/v1/sessions"),
    ("POST", "/v1/sessions"),
    ("GET", "/v1/sessions/se_1"),
    ("DELETE", "/v1/sessions/se_1"),
    ("POST", "/v1/sessions/se_1/positions"),
    ("GET", "/v1/sites/wm-1/house"),
    ("PUT", "/v1/sites/wm-1/house"),
    ("DELETE", "/v1/sites/wm-1/house"),
    ("POST", "/v1/sites/wm-1/house/use"),
    ("GET", "/v1/profiles"),
    ("GET", "/v1/profiles/freezer"),
    ("PUT", "/v1/profiles/freezer"),
    ("DELETE", "/v1/profiles/freezer"),
    ("GET", "/v1/devices"),
    ("POST", "/v1/devices"),
    ("POST", "/v1/devices/import"),
    ("GET", "/v1/devices/f-1"),
    ("PUT", "/v1/devices/f-1"),
    ("DELETE", "/v1/devices/f-1"),
    ("GET", "/v1/devices/f-1/readings"),
    ("GET", "/v1/mqtt-clients"),
    ("POST", "/v1/mqtt-clients"),
    ("POST", "/v1/mqtt-clients/f-1/rotate"),
    ("DELETE", "/v1/mqtt-clients/f-1"),
    ("GET", "/v1/sessions/se_1/mqtt-client"),
    ("POST", "/v1/sessions/se_1/mqtt-client"),
    ("GET", "/v1/alarms"),
    ("GET", "/v1/alarms/wm-1~a1"),
    ("POST", "/v1/alarms/wm-1~a1/acknowledge"),
    ("POST", "/v1/alarms/wm-1~a1/snooze"),
    ("POST", "/v1/alarms/wm-1~a1/downgrade"),
    ("POST", "/v1/alarms/wm-1~a1/action"),
    ("POST", "/v1/alarms/wm-1~a1/verify"),
    ("GET", "/v1/sites/wm-1/escalation"),
    ("PUT", "/v1/sites/wm-1/escalation"),
    ("GET", "/v1/haccp/wm-1"),
    ("POST", "/v1/haccp/wm-1"),
    ("GET", "/v1/haccp/wm-1/verify"),
    ("GET", "/v1/robots"),
    ("POST", "/v1/robots"),
    ("GET", "/v1/robots/r-1"),
    ("PUT", "/v1/robots/r-1"),
    ("DELETE", "/v1/robots/r-1"),
    ("POST", "/v1/robots/r-1/pause"),
    ("POST", "/v1/robots/r-1/resume"),
    ("POST", "/v1/robots/r-1/cancel"),
    ("POST", "/v1/robots/r-1/position"),
    ("GET", "/v1/robots/r-1/missions"),
    ("POST", "/v1/robots/r-1/missions"),
    ("GET", "/v1/missions/m-1"),
    ("GET", "/v1/missions/m-1/track"),
    ("GET", "/v1/sites/wm-1/floors"),
    ("GET", "/v1/sites/wm-1/floors/ground"),
    ("PUT", "/v1/sites/wm-1/floors/ground"),
    ("DELETE", "/v1/sites/wm-1/floors/ground"),
    ("GET", "/v1/cleanings"),
    ("POST", "/v1/cleanings"),
    ("GET", "/v1/cleanings/c-1"),
    ("POST", "/v1/cleanings/c-1/pause"),
    ("POST", "/v1/cleanings/c-1/resume"),
    ("POST", "/v1/cleanings/c-1/cancel"),
    ("GET", "/v1/cleanings/c-1/evidence"),
    ("GET", "/v1/cleanings/c-1/evidence.png"),
    ("GET", "/v1/sites/wm-1/cleaning-schedules"),
    ("GET", "/v1/sites/wm-1/cleaning-schedules/nights"),
    ("PUT", "/v1/sites/wm-1/cleaning-schedules/nights"),
    ("DELETE", "/v1/sites/wm-1/cleaning-schedules/nights"),
    ("GET", "/v1/sites/wm-1/give-way"),
    ("POST", "/v1/sites/wm-1/give-way"),
    ("GET", "/v1/roofs"),
    ("GET", "/v1/roofs/wm-1"),
    ("GET", "/v1/roofs/wm-1/coverage"),
    ("GET", "/v1/roofs/wm-1/coverage.png"),
    ("GET", "/v1/sites/wm-1/roof"),
    ("PUT", "/v1/sites/wm-1/roof"),
    ("DELETE", "/v1/sites/wm-1/roof"),
    ("GET", "/v1/bands"),
    ("GET", "/v1/population"),
    ("PUT", "/v1/population"),
    ("POST", "/v1/roof-plans"),
    ("GET", "/v1/roof-rent-roll"),
    ("GET", "/v1/roof-leases"),
    ("POST", "/v1/roof-leases"),
    ("GET", "/v1/roof-leases/rl_1"),
    ("GET", "/v1/roof-leases/rl_1/rent"),
    ("POST", "/v1/roof-leases/rl_1/apply"),
    ("POST", "/v1/roof-leases/rl_1/review"),
    ("POST", "/v1/roof-leases/rl_1/approve"),
    ("POST", "/v1/roof-leases/rl_1/sign"),
    ("POST", "/v1/roof-leases/rl_1/on-air"),
    ("POST", "/v1/roof-leases/rl_1/notice"),
    ("POST", "/v1/roof-leases/rl_1/decommission"),
    ("POST", "/v1/roof-leases/rl_1/withdraw"),
    ("POST", "/v1/roof-leases/rl_1/decline"),
    ("PUT", "/v1/roof-leases/rl_1/subscriber-networks"),
    ("GET", "/v1/roof-leases/rl_1/documents"),
    ("POST", "/v1/roof-leases/rl_1/documents"),
    ("GET", "/v1/roof-leases/rl_1/documents/rd_1"),
    ("GET", "/v1/usage"),
    ("GET", "/v1/invoices/2026-11"),
    ("GET", "/v1/events"),
    ("GET", "/v1/webhooks"),
    ("POST", "/v1/webhooks"),
    ("GET", "/v1/webhooks/wh_1"),
    ("DELETE", "/v1/webhooks/wh_1"),
    ("POST", "/v1/webhooks/wh_1/rotate"),
    ("POST", "/v1/webhooks/wh_1/test"),
    ("GET", "/v1/webhooks/wh_1/dead"),
    ("POST", "/v1/webhooks/wh_1/replay"),
    ("POST", "/v1/webhooks/wh_1/enable"),
    ("GET", "/v1/nodes"),
    ("DELETE", "/v1/nodes/n1"),
    ("POST", "/v1/nodes/n1/readmit"),
    ("GET", "/v1/enrolments"),
    ("POST", "/v1/enrolments"),
    ("GET", "/v1/escrow"),
    ("PUT", "/v1/escrow/cpu"),
    ("DELETE", "/v1/escrow/cpu"),
    ("GET", "/v1/nowhere"),
    ("GET", "/v1"),
]
OPERATORS_ONLY = [
    ("PUT", "/v1/kinds/drone", {"unit": "drone"}),
    ("PUT", "/v1/prices", {"entries": []}),
    ("PUT", "/v1/sites/wm-1", {"name": "mine now", "lat": 1, "lon": 1}),
    ("PUT", "/v1/sites/wm-1/capacity/cpu", {"size": 1}),
    ("GET", "/v1/tenants", None),
    ("POST", "/v1/tenants", {"id": "friend", "role": "operator"}),
    ("GET", "/v1/tenants/acme/keys", None),
    ("POST", "/v1/tenants/acme/keys", None),
    ("DELETE", "/v1/keys/0123456789abcdef", None),
    ("POST", "/v1/keys/0123456789abcdef/rotate", {"overlap_s": 60}),
    ("PUT", "/v1/tenants/acme/quotas/cpu", {"most": 1_000}),
    ("DELETE", "/v1/tenants/acme/quotas/cpu", None),
    ("GET", "/v1/audit", None),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_under_v1_needs_a_key(refusing: Api, method: str, path: str) -> None:
    response = refusing.call(method, path, key="")
    assert_problem(response, 401, "no-key")
    assert response.headers["www-authenticate"] == "Bearer"


def test_the_routes_of_this_test_are_those_of_the_description(refusing: Api) -> None:
    described = {
        (method.upper(), path)
        for path, item in refusing.ok("GET", "/openapi.json")["paths"].items()
        for method in item
        if path.startswith("/v1")
    }
    segments = [
        (method, ["*" if part.startswith("{") else part for part in path.split("/")]) for method, path in described
    ]
    for method, path in ROUTES[:-2]:
        parts = path.split("/")
        assert any(
            method == other
            and len(parts) == len(pattern)
            and all(b in ("*", a) for a, b in zip(parts, pattern, strict=True))
            for other, pattern in segments
        ), (method, path)
    assert len(described) == len(ROUTES) - 2


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/problems"])
def test_health_and_description_need_no_key(refusing: Api, path: str) -> None:
    assert refusing.call("GET", path, key="").status_code == 200


@pytest.mark.parametrize("path", ["//v1/kinds", "///v1//sites", "//v1/leases", "//v1/leases/", "/%2Fv1/kinds"])
def test_more_slashes_open_no_back_door(refusing: Api, path: str) -> None:
    assert_problem(refusing.call("GET", f"http://chain{path}", key=""), 401, "no-key")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {key}", "{key}", "Bearer {key}x", "Bearer  x {key}"]
)
def test_what_is_not_exactly_a_bearer_key_in_force_opens_nothing(refusing: Api, header: str) -> None:
    headers = {"Authorization": header.format(key=refusing.operator)}
    assert_problem(refusing.call("GET", "/v1/kinds", key="", headers=headers), 401, "no-key")


def test_the_word_bearer_may_be_written_in_any_case(api: Api) -> None:
    headers = {"Authorization": f"bearer {api.operator}"}
    assert api.call("GET", "/v1/kinds", key="", headers=headers).status_code == 200


def test_a_tenant_asks_firm_and_spot_but_not_house(api: Api) -> None:
    acme = api.tenant("acme")
    for lease_class in ("firm", "spot"):
        assert api.call("POST", "/v1/leases", ask(**{"class": lease_class}), acme).status_code == 201
        assert api.call("POST", "/v1/offers", ask(**{"class": lease_class}), acme).status_code == 200
    house = ask(**{"class": "house"})
    assert_problem(api.call("POST", "/v1/leases", house, acme), 403, "not-allowed")
    assert_problem(api.call("POST", "/v1/offers", house, acme), 403, "not-allowed")
    results = api.ok("POST", "/v1/leases/batch", {"leases": [house, ask()]}, acme)["results"]
    assert_problem_document(results[0]["problem"], 403, "not-allowed")
    assert results[1]["status"] == 201


@pytest.mark.parametrize("role", ["operator", "node"])
def test_operators_and_nodes_may_ask_house_too(api: Api, role: str) -> None:
    staff = api.tenant("staff", role)
    lease = api.ok("POST", "/v1/leases", ask(**{"class": "house"}), staff)
    assert (lease["class"], lease["tenant"]) == ("house", "staff")


def test_a_tenant_sees_and_moves_only_its_own(api: Api) -> None:
    acme, other = api.tenant("acme"), api.tenant("other")
    lease = api.ok("POST", "/v1/leases", ask(hold_s=600), acme)
    address = f"/v1/leases/{lease['id']}"
    assert_problem(api.call("GET", address, key=other), 404, "not-found")
    for step, body in (("confirm", None), ("extend", {"end": None}), ("release", None)):
        assert_problem(api.call("POST", f"{address}/{step}", body, other), 404, "not-found")
    for query in ("", "?site=wm-1", "?tenant=acme", "?state=held"):
        assert api.ok("GET", f"/v1/leases{query}", key=other)["items"] == []
        assert [item["id"] for item in api.ok("GET", f"/v1/leases{query}", key=acme)["items"]] == [lease["id"]]
    assert api.ok("GET", address, key=acme)["state"] == "held"
    assert api.ok("POST", f"{address}/confirm", key=acme)["state"] == "confirmed"


@pytest.mark.parametrize("role", ["operator", "node"])
def test_operators_and_nodes_see_the_leases_of_all(api: Api, role: str) -> None:
    acme, staff = api.tenant("acme"), api.tenant("staff", role)
    lease = api.ok("POST", "/v1/leases", ask(), acme)
    assert api.ok("GET", f"/v1/leases/{lease['id']}", key=staff)["tenant"] == "acme"
    assert [item["id"] for item in api.ok("GET", "/v1/leases?tenant=acme", key=staff)["items"]] == [lease["id"]]
    assert api.ok("POST", f"/v1/leases/{lease['id']}/release", key=staff)["state"] == "released"


def test_a_tenants_usage_and_invoice_are_its_own_whatever_it_asks_for(api: Api) -> None:
    acme, other = api.tenant("acme"), api.tenant("other")
    api.ok("POST", "/v1/leases", ask(start=None, end=None), acme)
    api.clock.advance(3_600)
    assert api.ok("GET", "/v1/usage?tenant=acme", key=other)["items"] == []
    invoice = api.ok("GET", "/v1/invoices/2026-11?tenant=acme", key=other)
    assert (invoice["tenant"], invoice["total"]) == ("other", "0.00")


@pytest.mark.parametrize("role", ["tenant", "node"])
@pytest.mark.parametrize(("method", "path", "body"), OPERATORS_ONLY)
def test_only_operators_run_the_chain(api: Api, role: str, method: str, path: str, body: object) -> None:
    key = api.tenant("acme", role)
    problem = assert_problem(api.call(method, path, body, key), 403, "not-allowed")
    assert role in problem["detail"]


def test_only_operators_import_sites_and_only_staff_report_measurements(api: Api) -> None:
    acme, node = api.tenant("acme"), api.tenant("store", "node")
    csv = {"content": b"id,name,lat,lon\nx,X,1,1\n", "headers": {"Content-Type": "text/csv"}}
    for key in (acme, node):
        assert_problem(api.call("POST", "/v1/sites/import", key=key, **csv), 403, "not-allowed")
    lease = api.ok("POST", "/v1/leases", ask(), acme)
    address, meters = f"/v1/leases/{lease['id']}/measurements", {"meters": {"cpu_s": 5}}
    assert_problem(api.call("POST", address, meters, acme), 403, "not-allowed")
    assert api.call("POST", address, meters, node).status_code == 200


def test_a_revoked_key_opens_nothing_from_that_moment_on(api: Api) -> None:
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    issued, kept = (api.ok("POST", "/v1/tenants/acme/keys", {"name": name}) for name in ("old", "new"))
    assert api.ok("GET", "/v1/leases", key=issued["key"])["items"] == []
    assert api.call("DELETE", f"/v1/keys/{issued['id']}").status_code == 204
    assert_problem(api.call("GET", "/v1/leases", key=issued["key"]), 401, "no-key")
    assert_problem(api.call("POST", "/v1/leases", ask(), issued["key"]), 401, "no-key")
    assert api.ok("GET", "/v1/leases", key=kept["key"])["items"] == []
    assert [key["name"] for key in api.ok("GET", "/v1/tenants/acme/keys")["items"]] == ["new"]
    assert_problem(api.call("DELETE", f"/v1/keys/{issued['id']}"), 404, "not-found")


def test_keys_and_revocations_outlive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        operator, acme = api.operator, api.tenant("acme")
        revoked = api.ok("POST", "/v1/tenants/acme/keys")
        api.ok("DELETE", f"/v1/keys/{revoked['id']}")
    with opened(tmp_path) as api:
        assert api.operator == "", "there is a key already, so no new one is made"
        assert api.ok("GET", "/v1/leases", key=acme)["items"] == []
        assert api.ok("GET", "/v1/tenants", key=operator)["items"][0]["id"] == "acme"
        assert_problem(api.call("GET", "/v1/leases", key=revoked["key"]), 401, "no-key")


def test_only_hashes_of_keys_are_stored(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    given = "an-admin-key-that-was-given"
    with opened(folder) as api:
        api.site("wm-1", cpu=8)
        assert api.chain.access.first_key(given) is None
        keys = [api.operator, given, api.tenant("acme")]
        for key in keys:
            api.ok("POST", "/v1/leases", ask(), key)
        while_open = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    at_rest = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for key in keys:
        assert key.encode() not in while_open + at_rest
        assert key.rsplit("_", 1)[-1].encode() not in while_open + at_rest
    with sqlite3.connect(folder / "records.db") as records:
        digests = [row[0] for row in records.execute("SELECT digest FROM keys")]
    assert len(digests) == 3 and all(len(digest) == 64 for digest in digests)


def test_an_issued_key_is_shown_once(api: Api) -> None:
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    issued = api.ok("POST", "/v1/tenants/acme/keys", {"name": "for the vans"})
    assert set(issued) == {"id", "tenant", "key"} and len(issued["key"]) > 40
    (listed,) = api.ok("GET", "/v1/tenants/acme/keys")["items"]
    assert listed == {
        "id": issued["id"],
        "tenant": "acme",
        "name": "for the vans",
        "created_at": "2026-11-01T12:00:00Z",
    }


def test_the_same_tenant_twice_is_one_and_another_of_its_name_is_refused(api: Api) -> None:
    first = api.call("POST", "/v1/tenants", {"id": "acme", "name": "Acme", "role": "tenant"})
    assert first.status_code == 201
    assert first.json() == {"id": "acme", "name": "Acme", "role": "tenant", "created_at": "2026-11-01T12:00:00Z"}
    assert api.ok("POST", "/v1/tenants", {"id": "acme", "name": "Acme", "role": "tenant"}) == first.json()
    assert_problem(api.call("POST", "/v1/tenants", {"id": "acme", "role": "operator"}), 409, "already-exists")
    assert [tenant["id"] for tenant in api.ok("GET", "/v1/tenants")["items"]] == ["acme", "operator"]


@pytest.mark.parametrize(
    "body", [{}, {"id": ""}, {"id": "a b"}, {"id": "a/b"}, {"id": "x" * 65}, {"id": "a", "role": "root"}, {"id": 5}]
)
def test_a_tenant_that_cannot_be_is_422(api: Api, body: object) -> None:
    assert_problem(api.call("POST", "/v1/tenants", body), 422, "invalid")


def test_keys_are_for_tenants_that_exist(api: Api) -> None:
    assert_problem(api.call("POST", "/v1/tenants/nobody/keys"), 404, "not-found")
    assert_problem(api.call("GET", "/v1/tenants/nobody/keys"), 404, "not-found")
