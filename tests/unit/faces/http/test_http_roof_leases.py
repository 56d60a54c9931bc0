"""Roof leases by HTTP: who may do what, documents, and what they cost."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.records.roofs import SqlRoofRecords
from tests.unit.faces.http.api import Api, assert_problem, opened
from tests.unit.services.roof.leasing.leasing_world import CAPACITY, ROOF, START

LEASES = "/v1/roof-leases"
PDF = {"Content-Type": "application/pdf"}


def body(mount: str = "m3", **more: Any) -> dict[str, Any]:
    hung = {
        "mount": mount,
        "band": "n78",
        "eirp_dbm": 68,
        "height_m": 0.9,
        "weight_kg": 30,
        "wind_area_m2": 0.4,
        "azimuth_deg": {"m1": 0, "m2": 120}.get(mount),
    }
    terms = {"rent_per_month": "1000", "term_years": 5, "renewals": 1}
    usual = {"site": "wm-1", "start": "2027-01-01", "mounts": [mount], "antennas": [hung], "terms": terms}
    return {**usual, "needs": {"roof_power": "1.5"}, **more}


class Roof(Api):
    """``acme`` and ``other`` are keys of tenants, ``node`` is a node's."""

    acme: str
    other: str
    node: str

    def act(self, lease: str, act: str, wanted: Any = None, key: str | None = None) -> Any:
        return self.ok("POST", f"{LEASES}/{lease}/{act}", wanted, key)

    def attach(self, lease: str, *kinds: str) -> None:
        for kind in kinds:
            self.ok("POST", f"{LEASES}/{lease}/documents?kind={kind}&name={kind}.pdf", content=b"%PDF", headers=PDF)

    def signed(self, mount: str, key: str | None = None) -> str:
        key = key or self.acme
        lease: str = self.ok("POST", LEASES, body(mount), key)["id"]
        self.act(lease, "apply", key=key)
        self.act(lease, "review")
        self.attach(lease, "structural_certificate", "permit", "agreement")
        self.act(lease, "approve")
        self.act(lease, "sign")
        return lease


@pytest.fixture
def roof(tmp_path: Path) -> Iterator[Roof]:
    one = Roof(tmp_path / "chain")
    try:
        one.ok("PUT", "/v1/sites/wm-1", {"name": "One", "lat": 36.37, "lon": -94.21, "tz": "America/Chicago"})
        for kind, size in CAPACITY.items():
            one.ok("PUT", f"/v1/sites/wm-1/capacity/{kind}", {"size": size})
        SqlRoofRecords(one.chain.database).put(ROOF)
        one.acme, one.other, one.node = one.tenant("acme"), one.tenant("other"), one.tenant("till-7", "node")
        yield one
    finally:
        one.close()


def test_a_lease_goes_from_inquiry_to_decommission(roof: Roof) -> None:
    made = roof.ok("POST", LEASES, body("m1"), roof.acme)
    lease = made["id"]
    assert (made["state"], made["tenant"], made["needs"]) == (
        "inquiry",
        "acme",
        {"roof_power": 1.5, "roof_mount": 1, "roof_load": 30},
    )
    assert roof.act(lease, "apply", key=roof.acme)["state"] == "application"
    assert roof.act(lease, "review", {"note": "to Smith & Co"})["state"] == "structural_review"
    lacking = assert_problem(roof.call("POST", f"{LEASES}/{lease}/approve"), 409, "roof-lease-paper-missing")
    assert lacking["missing"] == ["structural_certificate"]
    roof.attach(lease, "structural_certificate", "permit", "agreement")
    assert roof.act(lease, "approve")["state"] == "permit"
    assert roof.act(lease, "sign", {"terms": body()["terms"] | {"rent_per_month": 900}})["state"] == "signed"
    roof.clock.set(START)
    assert roof.act(lease, "on-air", key=roof.acme)["state"] == "on_air"
    ranges = {"networks": ["203.0.113.0/24"]}
    served = roof.ok("PUT", f"{LEASES}/{lease}/subscriber-networks", ranges, roof.acme)
    assert served["subscriber_networks"] == ranges["networks"]
    noticed = roof.act(lease, "notice", {"ends": "2027-02-01T06:00:00Z"}, roof.acme)
    assert (noticed["ends"], noticed["fee"]) == ("2027-02-01T06:00:00Z", "10800.00")
    gone = roof.act(lease, "decommission", {"note": "as it was"}, roof.acme)
    assert gone["state"] == "decommissioned"
    rent = roof.ok("GET", f"{LEASES}/{lease}/rent", key=roof.acme)
    assert (rent["total"], rent["periods"][0]["from"], rent["periods"][0]["charged"]) == (
        "11700.00",
        "2027-01-01",
        True,
    )
    invoice = roof.ok("GET", "/v1/invoices/2027-01", key=roof.acme)
    assert invoice["amount"] == "11700.00"
    entered = [each["action"] for each in roof.ok("GET", "/v1/audit?limit=1000")["items"]]
    acts = ["inquire", "apply", "review", "approve", "sign", "on_air", "networks", "notice", "decommission"]
    assert {f"roof_lease.{act}" for act in [*acts, "attach"]} <= set(entered)


def test_a_wrong_step_says_what_can_be_done_and_by_whom(roof: Roof) -> None:
    lease = roof.ok("POST", LEASES, body(), roof.acme)["id"]
    problem = assert_problem(roof.call("POST", f"{LEASES}/{lease}/sign"), 409, "roof-lease-state")
    assert problem["state"] == "inquiry"
    assert [(each["act"], each["by"]) for each in problem["can"]] == [
        ("apply", ["tenant"]),
        ("withdraw", ["tenant"]),
        ("decline", ["operator"]),
    ]
    assert_problem(roof.call("POST", f"{LEASES}/{lease}/sign", key=roof.acme), 403, "not-allowed")
    assert_problem(roof.call("POST", f"{LEASES}/{lease}/apply"), 403, "not-allowed")
    assert_problem(roof.call("POST", f"{LEASES}/{lease}/withdraw", key=roof.node), 403, "not-allowed")
    assert_problem(roof.call("POST", f"{LEASES}/{lease}/decline", {"note": ""}), 422, "invalid")
    assert roof.act(lease, "decline", {"note": "no"})["state"] == "declined"


def test_a_tenant_sees_and_moves_only_its_own(roof: Roof) -> None:
    lease = roof.ok("POST", LEASES, body(), roof.acme)["id"]
    roof.attach(lease, "permit")
    document = roof.ok("GET", f"{LEASES}/{lease}/documents", key=roof.acme)["items"][0]["id"]
    steps = ("apply", "withdraw", "on-air", "notice", "decommission")
    for method, address, sent in [
        ("GET", "", None),
        ("GET", "/rent", None),
        ("GET", "/documents", None),
        ("GET", f"/documents/{document}", None),
        ("PUT", "/subscriber-networks", {"networks": []}),
        *(("POST", f"/{step}", None) for step in steps),
    ]:
        assert_problem(roof.call(method, f"{LEASES}/{lease}{address}", sent, roof.other), 404, "not-found")
    sent = roof.call("POST", f"{LEASES}/{lease}/documents?kind=a&name=a", key=roof.other, content=b"x", headers=PDF)
    assert_problem(sent, 404, "not-found")
    assert roof.ok("GET", f"{LEASES}?tenant=acme", key=roof.other)["items"] == []
    assert [each["id"] for each in roof.ok("GET", LEASES, key=roof.node)["items"]] == [lease]


def test_leases_are_listed_in_pages(roof: Roof) -> None:
    made = [roof.ok("POST", LEASES, body(), roof.acme)["id"] for _ in range(3)]
    first = roof.ok("GET", f"{LEASES}?site=wm-1&state=inquiry&tenant=acme&limit=2")
    rest = roof.ok("GET", f"{LEASES}?limit=2&cursor={first['next']}")
    assert {each["id"] for each in first["items"] + rest["items"]} == set(made)
    assert rest["next"] is None
    assert_problem(roof.call("GET", f"{LEASES}?state=let"), 422, "invalid")


def test_an_operator_inquires_for_a_tenant_that_there_is(roof: Roof) -> None:
    assert roof.ok("POST", LEASES, body(tenant="acme"))["tenant"] == "acme"
    for tenant in ("nobody", "operator", None):
        problem = assert_problem(roof.call("POST", LEASES, body(tenant=tenant)), 422, "invalid")
        assert problem["field"] == "tenant"
    assert_problem(roof.call("POST", LEASES, body(), roof.node), 403, "not-allowed")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mounts": []}, "mounts"),
        ({"antennas": []}, "antennas"),
        ({"start": 5}, "start"),
        ({"mounts": ["m9"]}, "mounts"),
        ({"more": 1}, "body"),
        ({"terms": {"rent_per_month": "1", "escalator_every": "month"}}, "terms.escalator_every"),
        ({"exclusion_zone_m": -1}, "exclusion_zone_m"),
    ],
)
def test_what_is_no_inquiry_is_refused(roof: Roof, more: dict[str, Any], field: str) -> None:
    problem = assert_problem(roof.call("POST", LEASES, body(**more), roof.acme), 422, "invalid")
    assert problem["field"] == field


def test_another_unknown_kind_or_roof_is_refused_as_elsewhere(roof: Roof) -> None:
    assert_problem(roof.call("POST", LEASES, body(needs={"wings": 1}), roof.acme), 422, "unknown-kind")
    assert_problem(roof.call("POST", LEASES, body(site="wm-9"), roof.acme), 404, "not-found")


def test_what_is_taken_or_too_much_is_refused_with_what_is_left(roof: Roof) -> None:
    roof.signed("m1")
    second = roof.ok("POST", LEASES, body("m1"), roof.other)["id"]
    problem = assert_problem(roof.call("POST", f"{LEASES}/{second}/apply", key=roof.other), 409, "mount-taken")
    assert (problem["mounts"], problem["from"]) == (["m1"], "2027-01-01T06:00:00Z")
    third = roof.ok("POST", LEASES, body("m2", needs={"roof_power": 9}), roof.other)["id"]
    problem = assert_problem(roof.call("POST", f"{LEASES}/{third}/apply", key=roof.other), 409, "no-capacity")
    assert (problem["reasons"][0]["kind"], problem["reasons"][0]["available"]) == ("roof_power", 8.5)
    assert roof.ok("GET", f"{LEASES}/{third}")["state"] == "inquiry"


def test_no_two_tenants_serve_the_same_addresses(roof: Roof) -> None:
    mine, theirs = roof.signed("m1"), roof.signed("m2", roof.other)
    networks = {"networks": ["203.0.113.0/24"]}
    roof.ok("PUT", f"{LEASES}/{mine}/subscriber-networks", networks, roof.acme)
    asked = roof.call("PUT", f"{LEASES}/{theirs}/subscriber-networks", networks, roof.other)
    assert assert_problem(asked, 409, "network-taken")["network"] == "203.0.113.0/24"


def test_a_document_is_never_shown_as_a_page_of_the_server(roof: Roof) -> None:
    lease, page = roof.ok("POST", LEASES, body(), roof.acme)["id"], b"<script>alert(1)</script>"
    address = f"{LEASES}/{lease}/documents"
    sent = roof.ok(
        "POST",
        f"{address}?kind=drawing&name=r%C3%A9sum%C3%A9%20'1'.html",
        key=roof.acme,
        content=page,
        headers={"Content-Type": "text/html; charset=utf-8"},
    )
    assert (sent["media_type"], sent["size_bytes"]) == ("text/html", len(page))
    got = roof.call("GET", f"{address}/{sent['id']}", key=roof.acme)
    assert got.content == page
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%20%271%27.html"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert roof.ok("GET", address)["items"] == [sent]
    assert_problem(roof.call("GET", f"{address}/rd_0", key=roof.acme), 404, "not-found")


def test_a_document_has_a_type_a_kind_a_name_and_at_most_a_mebibyte(roof: Roof) -> None:
    lease = roof.ok("POST", LEASES, body(), roof.acme)["id"]
    address = f"{LEASES}/{lease}/documents"
    most = b"x" * (1 << 20)
    assert roof.ok("POST", f"{address}?kind=a&name=a", content=most, headers=PDF)["size_bytes"] == 1 << 20
    too_large = roof.call("POST", f"{address}?kind=a&name=a", content=most + b"x", headers=PDF)
    assert_problem(too_large, 413, "too-large")
    assert_problem(roof.call("POST", f"{address}?kind=a&name=a", content=b"x"), 415, "wrong-type")
    for query in ("kind=a", "name=a", "kind=A&name=a", "kind=a&name=.%2Fa"):
        assert_problem(roof.call("POST", f"{address}?{query}", content=b"x", headers=PDF), 422, "invalid")
    odd = roof.call("POST", f"{address}?kind=a&name=a", content=b"x", headers={"Content-Type": "pdf"})
    assert_problem(odd, 422, "invalid")
    assert_problem(roof.call("POST", f"{address}?kind=a&name=a", headers=PDF), 422, "invalid")
    assert len(roof.ok("GET", address)["items"]) == 1
    assert_problem(roof.call("POST", f"{LEASES}/{lease}/apply", content=b"x", headers=PDF), 415, "wrong-type")


def test_leases_are_there_after_a_restart(tmp_path: Path, roof: Roof) -> None:
    lease = roof.signed("m1")
    shutil.copytree(roof.folder, tmp_path / "again")
    with opened(tmp_path / "again") as again:
        assert again.call("GET", f"{LEASES}/{lease}", key=roof.acme).json()["state"] == "signed"
