"""Quotas: set, listed, dropped, and what they refuse."""

from pathlib import Path

import pytest

from maillage.engines.records.opening import open_database
from maillage.engines.records.policy import SqlPolicyRecords
from maillage.engines.records.tenancy import SqlTenancyRecords
from maillage.kernel.kinds import Kind
from maillage.kernel.policy import Policy
from maillage.kernel.prices import PriceBook
from maillage.tenancy.ports import Quota
from maillage.tenancy.quotas import Quotas
from tests.unit.faces.http.api import Api, ask, assert_problem, assert_problem_document, opened

QUOTA = "/v1/tenants/acme/quotas/cpu"


def test_a_quota_bounds_what_a_tenant_has_at_all_sites_together(api: Api) -> None:
    api.site("wm-2", cpu=8)
    acme = api.tenant("acme")
    assert api.ok("PUT", QUOTA, {"most": "6.5"}) == {"tenant": "acme", "kind": "cpu", "most": 6.5}
    api.ok("POST", "/v1/leases", ask("wm-1", cpu=4), acme)
    problem = assert_problem(api.call("POST", "/v1/leases", ask("wm-2", cpu=3), acme), 409, "quota-exceeded")
    assert {name: problem[name] for name in ("kind", "quota", "in_use", "asked")} == {
        "kind": "cpu",
        "quota": 6.5,
        "in_use": 4,
        "asked": 3,
    }
    near = ask(None, cpu=3, near={"lat": 36.37, "lon": -94.21, "within_km": 100})  # type: ignore[arg-type]
    assert_problem(api.call("POST", "/v1/leases", near, acme), 409, "quota-exceeded")
    results = api.ok("POST", "/v1/leases/batch", {"leases": [ask("wm-2", cpu=2), ask("wm-2", cpu=1)]}, acme)["results"]
    assert results[0]["status"] == 201
    assert_problem_document(results[1]["problem"], 409, "quota-exceeded")
    assert api.call("POST", "/v1/leases", ask("wm-2", cpu=6)).status_code == 201, "others are not bounded by it"


def test_a_quota_is_changed_and_dropped_at_once(api: Api) -> None:
    acme = api.tenant("acme")
    for most, status in ((0, 409), (1, 201), (1, 409), (2, 201)):
        api.ok("PUT", QUOTA, {"most": most})
        assert api.call("POST", "/v1/leases", ask(), acme).status_code == status
    assert api.call("DELETE", QUOTA).status_code == 204
    assert api.call("POST", "/v1/leases", ask(), acme).status_code == 201
    assert_problem(api.call("DELETE", QUOTA), 404, "not-found")


def test_quotas_are_listed_by_kind_and_outlive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        acme = api.tenant("acme")
        for kind, most in (("memory", 256), ("cpu", 64)):
            api.ok("PUT", f"/v1/tenants/acme/quotas/{kind}", {"most": most})
        listed = api.ok("GET", "/v1/tenants/acme/quotas")
        assert [(quota["kind"], quota["most"]) for quota in listed["items"]] == [("cpu", 64), ("memory", 256)]
        operator = api.operator
    with opened(tmp_path) as api:
        assert api.ok("GET", "/v1/tenants/acme/quotas", key=operator) == listed
        assert api.ok("GET", "/v1/tenants/acme/quotas", key=acme) == listed


def test_a_tenant_sees_its_own_quotas_and_no_others(api: Api) -> None:
    acme, node = api.tenant("acme"), api.tenant("store", "node")
    assert api.ok("GET", "/v1/tenants/acme/quotas", key=acme)["items"] == []
    assert_problem(api.call("GET", "/v1/tenants/store/quotas", key=acme), 404, "not-found")
    assert_problem(api.call("GET", "/v1/tenants/acme/quotas", key=node), 403, "not-allowed")
    for method, body in (("PUT", {"most": 1}), ("DELETE", None)):
        assert_problem(api.call(method, QUOTA, body, acme), 403, "not-allowed")


@pytest.mark.parametrize("most", [-1, "0.0001", "much", None, float(1 << 60), [1]])
def test_a_quota_that_can_not_be_is_422(api: Api, most: object) -> None:
    api.tenant("acme")
    assert_problem(api.call("PUT", QUOTA, {"most": most}), 422, "invalid")
    assert api.ok("GET", "/v1/tenants/acme/quotas")["items"] == []


def test_a_quota_is_of_a_tenant_and_a_kind_that_there_are(api: Api) -> None:
    api.tenant("acme")
    assert_problem(api.call("PUT", "/v1/tenants/nobody/quotas/cpu", {"most": 1}), 404, "not-found")
    assert_problem(api.call("GET", "/v1/tenants/nobody/quotas"), 404, "not-found")
    assert_problem(api.call("PUT", "/v1/tenants/acme/quotas/warp", {"most": 1}), 422, "unknown-kind")


def test_what_another_process_decides_holds_here_after_a_look_at_the_records(tmp_path: Path) -> None:
    """Quotas, kinds and prices; keys have a test of their own."""
    with opened(tmp_path) as api:
        api.site("wm-1", cpu=8)
        acme = api.tenant("acme")
        database = open_database("", tmp_path)
        elsewhere = Quotas(SqlTenancyRecords(database), Policy())
        elsewhere.put(Quota("acme", "cpu", 1_000))
        SqlPolicyRecords(database).put_kind(Kind("drone_pad", "pad"))
        api.chain.refresh()
        assert_problem(api.call("POST", "/v1/leases", ask(cpu=2), acme), 409, "quota-exceeded")
        assert "drone_pad" in {kind["name"] for kind in api.ok("GET", "/v1/kinds")["items"]}
        SqlPolicyRecords(database).put_price_book(PriceBook("EUR"))
        elsewhere.drop("acme", "cpu")
        api.chain.refresh()
        assert api.ok("POST", "/v1/leases", ask(cpu=2), acme)["price"]["currency"] == "EUR"
        database.close()
