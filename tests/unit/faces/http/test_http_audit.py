"""The audit, read by operators: each administrative act, and who was turned away."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.faces.http.api import Api, ask, assert_problem, opened


def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    api.run(api.chain.audit.stop())  # whoever is turned away does not wait for the audit
    items: list[dict[str, Any]] = api.ok("GET", f"/v1/audit?limit=1000{query}")["items"]
    return items


def acts(api: Api) -> list[tuple[str, str]]:
    return [(entry["action"], entry["subject"]) for entry in entries(api) if entry["outcome"] == "done"]


def test_each_administrative_act_is_entered_with_who_did_it(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        api.site("wm-1", cpu=8)
        api.ok("POST", "/v1/tenants", {"id": "acme"})
        key = api.ok("POST", "/v1/tenants/acme/keys")["id"]
        new = api.ok("POST", f"/v1/keys/{key}/rotate")["id"]
        api.ok("DELETE", f"/v1/keys/{new}")
        api.ok("PUT", "/v1/tenants/acme/quotas/cpu", {"most": 4})
        api.ok("DELETE", "/v1/tenants/acme/quotas/cpu")
        api.ok("PUT", "/v1/kinds/drone_pad", {"unit": "pad"})
        api.ok("PUT", "/v1/prices", {"entries": []})
        csv = {"content": b"id,name,lat,lon\nx,X,1,1\n", "headers": {"Content-Type": "text/csv"}}
        api.ok("POST", "/v1/sites/import", **csv)
        assert acts(api) == [
            ("site.set", "wm-1"),
            ("capacity.set", "wm-1/cpu"),
            ("tenant.create", "acme"),
            ("key.create", key),
            ("key.rotate", key),
            ("key.revoke", new),
            ("quota.set", "acme/cpu"),
            ("quota.drop", "acme/cpu"),
            ("kind.set", "drone_pad"),
            ("price.set", ""),
            ("site.import", ""),
        ]
        first = entries(api)[0]
        (operators_key,) = api.ok("GET", "/v1/tenants/operator/keys")["items"]
        assert (first["at"], first["actor"]) == ("2026-11-01T12:00:00Z", "operator")
        assert first["credential"] == f"key:{operators_key['id']}"
        assert entries(api)[-1]["detail"] == "1 new or changed, 0 unchanged, 0 rejected"


def test_reading_and_leasing_are_not_entered_and_neither_is_what_was_refused_as_wrong(api: Api) -> None:
    before = entries(api)
    api.ok("GET", "/v1/tenants")
    api.ok("POST", "/v1/leases", ask())
    api.call("POST", "/v1/tenants", {"id": "a b"})
    api.call("DELETE", "/v1/keys/unknown")
    assert entries(api) == before


def test_who_was_turned_away_is_entered(api: Api) -> None:
    acme = api.tenant("acme")
    api.call("GET", "/v1/kinds", key="a-wrong-key")
    api.call("PUT", "/v1/prices", {"entries": []}, acme)
    api.call("GET", "/v1/kinds", key="")
    refused = [entry for entry in entries(api) if entry["outcome"] != "done"]
    assert [(entry["actor"], entry["action"], entry["subject"], entry["outcome"]) for entry in refused] == [
        ("", "sign-in", "", "wrong-key"),
        ("acme", "access", "PUT /v1/prices", "not-allowed"),
    ]
    assert refused[0]["detail"] == "from 127.0.0.1"
    assert refused[1]["credential"].startswith("key:")


@pytest.mark.parametrize(
    ("sent", "kept"), [("order-17/step:2", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)]
)
def test_a_request_is_named_by_its_caller_or_by_us(api: Api, sent: str, kept: bool) -> None:
    api.call("POST", "/v1/tenants", {"id": "acme"}, headers={"X-Request-Id": sent})
    made = entries(api, "&action=tenant.create")[-1]["request_id"]
    assert (made == sent) is kept and made


def test_the_audit_is_read_in_pages_and_by_actor_and_action(api: Api) -> None:
    for name in ("a", "b", "c"):
        api.tenant(name)
    whole = entries(api)
    page = api.ok("GET", "/v1/audit?limit=3")
    assert page["items"] == whole[:3] and page["next"] == whole[2]["number"]
    rest = api.ok("GET", f"/v1/audit?limit=1000&after={page['next']}")
    assert rest == {"items": whole[3:], "next": None}
    assert {entry["action"] for entry in entries(api, "&action=key.create")} == {"key.create"}
    assert entries(api, "&actor=operator") == whole and entries(api, "&actor=a") == []
    numbers = [entry["number"] for entry in whole]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=1001", f"after={1 << 60}"])
def test_a_page_that_can_not_be_is_422(refusing: Api, query: str) -> None:
    assert_problem(refusing.call("GET", f"/v1/audit?{query}"), 422, "invalid")


@pytest.mark.parametrize("role", ["tenant", "node"])
def test_the_audit_is_for_operators(api: Api, role: str) -> None:
    assert_problem(api.call("GET", "/v1/audit", key=api.tenant("acme", role)), 403, "not-allowed")


def test_the_audit_outlives_a_restart_and_only_grows(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        api.tenant("acme")
        before, operator = entries(api), api.operator
    with opened(tmp_path) as api:
        api.ok("POST", "/v1/tenants", {"id": "other"}, operator)
        after = api.ok("GET", "/v1/audit", key=operator)["items"]
    assert after[: len(before)] == before and len(after) == len(before) + 1
