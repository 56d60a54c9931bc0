"""Usage, invoices and prices by HTTP."""

from typing import Any

import pytest

from tests.unit.faces.http.api import Api, ask, assert_problem


def test_usage_tells_what_was_reserved_and_measured_up_to_now(api: Api) -> None:
    acme, node = api.tenant("acme"), api.tenant("store", "node")
    lease = api.ok("POST", "/v1/leases", ask(cpu=2, start=None, end=None), acme)["id"]
    api.ok("POST", f"/v1/leases/{lease}/measurements", {"meters": {"cpu_s": 1.5}}, node)
    api.ok("POST", f"/v1/leases/{lease}/measurements", {"meters": {"cpu_s": "2", "joules": 7}}, node)
    api.clock.advance(5_400)
    (line,) = api.ok("GET", "/v1/usage", key=acme)["items"]
    assert line == {
        "lease": lease,
        "tenant": "acme",
        "site": "wm-1",
        "class": "firm",
        "state": "confirmed",
        "start": "2026-11-01T12:00:00Z",
        "end": None,
        "seconds": 5_400,
        "reserved": {"cpu": 3.0},
        "measured": {"cpu_s": 3.5, "joules": 7},
        "amount": "0.126",
    }
    half = api.ok("GET", "/v1/usage?start=2026-11-01T13:00:00Z&end=2026-11-01T14:00:00Z", key=acme)["items"]
    assert (half[0]["seconds"], half[0]["amount"]) == (1_800, "0.042")
    assert api.ok("GET", "/v1/usage?site=nowhere", key=acme)["items"] == []


def test_an_invoice_adds_up_its_lines(api: Api) -> None:
    acme = api.tenant("acme")
    for cpu in (1, 2):
        api.ok("POST", "/v1/leases", ask(cpu=cpu, start=None, end="2026-11-01T14:00:00Z"), acme)
    api.clock.advance(7_200)
    invoice = api.ok("GET", "/v1/invoices/2026-11", key=acme)
    assert (invoice["tenant"], invoice["month"], invoice["status"]) == ("acme", "2026-11", "open")
    assert [line["amount"] for line in invoice["lines"]] == ["0.084", "0.168"]
    assert (invoice["amount"], invoice["credit"], invoice["total"]) == ("0.252", "0.00", "0.252")
    api.clock.advance(30 * 86_400)
    assert api.ok("GET", "/v1/invoices/2026-11", key=acme)["status"] == "final"


def test_an_invoice_tells_what_was_measured_in_the_month(api: Api) -> None:
    acme, node = api.tenant("acme"), api.tenant("store", "node")
    lease = api.ok("POST", "/v1/leases", ask(cpu=2, start=None, end=None), acme)["id"]
    for _ in range(2):
        api.ok("POST", f"/v1/leases/{lease}/measurements", {"meters": {"cpu_s": 1.5}}, node)
    api.clock.advance(3_600)
    (line,) = api.ok("GET", "/v1/invoices/2026-11", key=acme)["lines"]
    assert (line["measured"], line["amount"]) == ({"cpu_s": 3}, "0.084")
    api.clock.advance(30 * 86_400)
    final = api.ok("GET", "/v1/invoices/2026-11", key=acme)
    api.ok("POST", f"/v1/leases/{lease}/measurements", {"meters": {"cpu_s": 9}}, node)
    assert api.ok("GET", "/v1/invoices/2026-11", key=acme) == final
    assert api.ok("GET", "/v1/invoices/2026-12", key=acme)["lines"][0]["measured"] == {"cpu_s": 9}


@pytest.mark.parametrize("meter", ["requests", "fuel_k", "wall_ms", "in_kb", "out_kb"])
def test_what_the_runtime_counts_is_reported_by_nobody_else(api: Api, meter: str) -> None:
    acme, node = api.tenant("acme"), api.tenant("store", "node")
    lease = api.ok("POST", "/v1/leases", ask(cpu=2, start=None, end=None), acme)["id"]
    address, meters = f"/v1/leases/{lease}/measurements", {"meters": {"cpu_s": 1, meter: 1}}
    assert_problem(api.call("POST", address, meters, acme), 403, "not-allowed")
    refused = assert_problem(api.call("POST", address, meters, node), 422, "invalid")
    assert f"meters.{meter}" in refused["detail"] and f"x_{meter}" in refused["detail"]
    assert api.ok("GET", "/v1/usage", key=acme)["items"] == []
    api.ok("POST", address, meters)
    api.clock.advance(60)
    assert api.ok("GET", "/v1/usage", key=acme)["items"][0]["measured"] == {"cpu_s": 1, meter: 1}


def test_an_operator_gets_the_invoices_of_all_or_of_one(api: Api) -> None:
    acme = api.tenant("acme")
    api.ok("POST", "/v1/leases", ask(), acme)
    everybodys = api.ok("GET", "/v1/invoices/2026-11")
    assert [invoice["tenant"] for invoice in everybodys["items"]] == ["acme", "operator"]
    assert api.ok("GET", "/v1/invoices/2026-11?tenant=acme")["tenant"] == "acme"
    assert_problem(api.call("GET", "/v1/invoices/2026-11?tenant=nobody"), 404, "not-found")


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "0000-01", "9999-12", "2026-1", "26-11", "november"])
def test_a_month_that_is_none_is_422(refusing: Api, month: str) -> None:
    assert_problem(refusing.call("GET", f"/v1/invoices/{month}"), 422, "invalid")


@pytest.mark.parametrize(
    "query", ["start=now", "start=2026-12-01T00:00:00Z&end=2026-11-01T00:00:00Z", "limit=0", "cursor=1"]
)
def test_a_window_of_usage_that_cannot_be_is_422(refusing: Api, query: str) -> None:
    assert_problem(refusing.call("GET", f"/v1/usage?{query}"), 422, "invalid")


def test_a_new_price_book_prices_new_leases_and_leaves_granted_ones(api: Api) -> None:
    old = api.ok("POST", "/v1/leases", ask(start=None, end=None))
    book = {"currency": "EUR", "entries": [{"kind": "cpu", "per_unit_hour": "1.25"}], "reclaim_credit_s": 0}
    api.ok("PUT", "/v1/prices", book)
    assert api.ok("GET", "/v1/prices")["entries"] == [{"kind": "cpu", "per_unit_hour": "1.25"}]
    assert api.ok("POST", "/v1/leases", ask(start=None, end=None))["price"]["per_hour"] == "1.25"
    assert api.ok("GET", f"/v1/leases/{old['id']}")["price"]["per_hour"] == "0.042"


@pytest.mark.parametrize(
    ("book", "slug"),
    [
        ({"entries": [{"kind": "antimatter", "per_unit_hour": "1"}]}, "unknown-kind"),
        ({"entries": [{"kind": "cpu", "per_unit_hour": "-1"}]}, "invalid"),
        ({"entries": [{"kind": "cpu", "per_unit_hour": 1}]}, "invalid"),
        ({"entries": [{"kind": "cpu", "per_unit_hour": "1", "hours": [[5, 3]]}]}, "invalid"),
        ({"entries": [{"kind": "cpu", "per_unit_hour": "1", "class": "gold"}]}, "invalid"),
        ({"currency": "dollars"}, "invalid"),
        ({"reclaim_credit_s": -1}, "invalid"),
        ({"prices": []}, "invalid"),
    ],
)
def test_a_price_book_that_cannot_be_is_422(refusing: Api, book: dict[str, Any], slug: str) -> None:
    before = refusing.ok("GET", "/v1/prices")
    assert_problem(refusing.call("PUT", "/v1/prices", book), 422, slug)
    assert refusing.ok("GET", "/v1/prices") == before


@pytest.mark.parametrize(
    "meters", [{}, {"cpu_s": -1}, {"cpu_s": "lots"}, {"cpu_s": None}, {str(n): 1 for n in range(65)}]
)
def test_measurements_that_cannot_be_are_422(api: Api, meters: dict[str, Any]) -> None:
    lease = api.ok("POST", "/v1/leases", ask())["id"]
    assert_problem(api.call("POST", f"/v1/leases/{lease}/measurements", {"meters": meters}), 422, "invalid")
