"""One request for leases at several sites: at each of them, or at none."""

from typing import Any

import pytest

from tests.unit.faces.http.api import Api, ask, assert_problem, assert_problem_document

NEAR = {"lat": 46.0, "lon": -94.0}


@pytest.fixture
def row(api: Api) -> Api:
    """Far from the store of all tests eight of 4 cpu in a row to the north, eleven kilometres apart."""
    for number in range(1, 9):
        api.site(f"n-{number}", lat=45.9 + number / 10, lon=-94.0, cpu=4)
    return api


def named(*sites: str, **fields: Any) -> dict[str, Any]:
    return ask(**({"site": None, "sites": list(sites), "cpu": 3} | fields))


def near(count: int | None, **fields: Any) -> dict[str, Any]:
    return ask(**({"site": None, "near": NEAR, "count": count, "cpu": 3} | fields))


def got(api: Api, body: dict[str, Any], key: str | None = None, by: str | None = None) -> list[dict[str, Any]]:
    headers = {} if key is None else {"Idempotency-Key": key}
    leases: list[dict[str, Any]] = api.ok("POST", "/v1/leases", body, by, headers=headers)["leases"]
    return leases


def sites(leases: list[dict[str, Any]]) -> list[str]:
    return [lease["site"] for lease in leases]


def taken(api: Api) -> list[str]:
    return sites(api.ok("GET", "/v1/leases")["items"])


# -- granted -----------------------------------------------------------------------------------------------------------


def test_each_named_site_grants_one(row: Api) -> None:
    response = row.call("POST", "/v1/leases", named("n-3", "n-1", "n-2", hold_s=600))
    assert response.status_code == 201 and "location" not in response.headers
    leases = response.json()["leases"]
    assert sites(leases) == ["n-3", "n-1", "n-2"]
    assert {lease["state"] for lease in leases} == {"held"}
    assert [row.ok("GET", f"/v1/leases/{lease['id']}") for lease in leases] == leases


def test_near_a_place_the_nearest_grant_one_each(row: Api) -> None:
    assert sites(got(row, near(3))) == ["n-1", "n-2", "n-3"]
    assert sites(got(row, near(3))) == ["n-4", "n-5", "n-6"]


@pytest.mark.parametrize("body", [near(1), named("n-1")])
def test_one_is_a_list_of_one(row: Api, body: dict[str, Any]) -> None:
    assert sites(got(row, body)) == ["n-1"]


@pytest.mark.parametrize("left_out", [{"count": None}, {"sites": None}])
def test_null_is_as_if_it_were_left_out(row: Api, left_out: dict[str, Any]) -> None:
    assert row.ok("POST", "/v1/leases", ask("n-1") | left_out)["site"] == "n-1"


def test_sites_that_must_give_notice_first_are_passed_by(row: Api) -> None:
    for number in range(1, 7):
        row.ok("PUT", f"/v1/sites/n-{number}/capacity/cpu", {"size": 4, "notice_s": 600})
        row.ok("POST", "/v1/leases", ask(f"n-{number}", start=None, end=None, **{"class": "spot"}, cpu=2))
    assert sites(got(row, near(2, start=None, end=None))) == ["n-7", "n-8"]


def test_the_distance_holds_for_all(row: Api) -> None:
    within = NEAR | {"within_km": 25}
    assert len(got(row, near(3, near=within))) == 3
    refused = assert_problem(row.call("POST", "/v1/leases", near(1, near=within)), 409, "no-capacity")
    assert refused["passed_over"] == {"full:cpu": 3}


def test_a_tenant_gets_its_own(row: Api) -> None:
    key = row.tenant("acme")
    assert {lease["tenant"] for lease in got(row, near(3), by=key)} == {"acme"}
    assert_problem(row.call("POST", "/v1/leases", near(3, **{"class": "house"}), key), 403, "not-allowed")


# -- refused -----------------------------------------------------------------------------------------------------------


def test_where_one_of_the_named_is_full_the_problem_names_it_and_nothing_is_taken(row: Api) -> None:
    row.ok("POST", "/v1/leases", ask("n-2", cpu=2))
    problem = assert_problem(row.call("POST", "/v1/leases", named("n-1", "n-2", "n-3")), 409, "no-capacity")
    assert (problem["able"], problem["count"], problem["refused"]) == (2, 3, {"n-2": "no-capacity"})
    assert [reason["kind"] for reason in problem["reasons"]] == ["cpu"]
    assert taken(row) == ["n-2"]


def test_where_too_few_are_near_the_problem_says_why_others_were_passed_over(row: Api) -> None:
    row.ok("POST", "/v1/leases", ask("n-2", cpu=2))
    problem = assert_problem(row.call("POST", "/v1/leases", near(9)), 409, "no-capacity")
    assert (problem["able"], problem["count"], problem["refused"]) == (8, 9, {})
    assert problem["passed_over"] == {"full:cpu": 1}
    assert taken(row) == ["n-2"]


def test_the_cap_is_on_the_price_of_each(row: Api) -> None:
    (price,) = {lease["price"]["amount"] for lease in got(row, near(2))}
    assert len(got(row, near(2, max_price=price))) == 2
    problem = assert_problem(row.call("POST", "/v1/leases", near(2, max_price="0.01")), 409, "no-capacity")
    assert problem["passed_over"] == {"full:cpu": 4, "price": 5}


def test_a_site_that_does_not_exist_is_422_among_others_too(row: Api) -> None:
    problem = assert_problem(row.call("POST", "/v1/leases", named("n-1", "nowhere")), 422, "unknown-site")
    assert problem["site"] == "nowhere" and taken(row) == []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a count with a site": (ask(count=3), "count"),
    "a count with sites": (named("n-1", "n-2", count=2), "count"),
    "a count of none": (near(0), "count"),
    "a count of too many": (near(1_001), "count"),
    "a count that is no number": (near(None) | {"count": "three"}, "count"),
    "no sites": (named(), "sites"),
    "too many sites": (named(*(f"n-{number}" for number in range(1_001))), "sites"),
    "a site twice": (named("n-1", "n-2", "n-1"), "sites"),
    "sites and a site": (named("n-1", "n-2") | {"site": "n-3"}, "site"),
    "sites and a place": (named("n-1", "n-2", near=NEAR), "site"),
    "a text of sites": (named() | {"sites": "n-1"}, "sites"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_ask_for_several_that_cannot_be_is_422_and_names_the_field(row: Api, name: str) -> None:
    body, field = WRONG[name]
    for path in ("/v1/leases", "/v1/offers"):
        assert assert_problem(row.call("POST", path, body), 422, "invalid")["field"] == field
    assert taken(row) == []


@pytest.mark.parametrize("body", [near(3), named("n-1", "n-2")])
@pytest.mark.parametrize(
    ("when", "field"),
    [
        ({"start": "2020-01-01T00:00:00Z"}, "start"),
        ({"end": "2020-01-01T00:00:00Z"}, "end"),
        ({"end": "2200-01-01T00:00:00Z"}, "end"),
    ],
)
def test_a_time_that_cannot_be_is_422(row: Api, body: dict[str, Any], when: dict[str, str], field: str) -> None:
    assert assert_problem(row.call("POST", "/v1/leases", body | when), 422, "invalid")["field"] == field


def test_in_a_batch_there_is_no_ask_for_several(row: Api) -> None:
    batch = {"leases": [near(2), ask("n-1"), named("n-1")]}
    results = row.ok("POST", "/v1/leases/batch", batch)["results"]
    assert [result["status"] for result in results] == [422, 201, 422]
    assert_problem_document(results[0]["problem"], 422, "invalid")


# -- repeated ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [near(3), named("n-1", "n-2", "n-3")])
def test_a_repeat_with_its_key_gets_the_same_leases(row: Api, body: dict[str, Any]) -> None:
    first = got(row, body, "order-7")
    row.clock.advance(3_600)
    assert [lease["id"] for lease in got(row, body, "order-7")] == [lease["id"] for lease in first]
    assert len(taken(row)) == 3


@pytest.mark.parametrize("several", [True, False])
def test_a_repeat_is_answered_when_its_start_has_gone_by(row: Api, several: bool) -> None:
    body = near(3 if several else None, start="2026-11-01T12:00:00Z")
    headers = {"Idempotency-Key": "order-7"}
    first = row.ok("POST", "/v1/leases", body, headers=headers)
    batch = {"leases": [near(None, start="2026-11-01T12:00:00Z")]}
    item = row.ok("POST", "/v1/leases/batch", batch, headers=headers)["results"][0]["lease"]
    row.clock.advance(3_600)
    again = row.ok("POST", "/v1/leases", body, headers=headers)
    leases = [first["leases"], again["leases"]] if several else [[first], [again]]
    assert [lease["id"] for lease in leases[0]] == [lease["id"] for lease in leases[1]]
    result = row.ok("POST", "/v1/leases/batch", batch, headers=headers)["results"][0]
    assert result["lease"]["id"] == item["id"]
    late = {"Idempotency-Key": "order-8"}
    assert assert_problem(row.call("POST", "/v1/leases", body, headers=late), 422, "invalid")["field"] == "start"
    assert row.ok("POST", "/v1/leases/batch", batch, headers=late)["results"][0]["status"] == 422


@pytest.mark.parametrize("other", [near(2), near(4), named("n-1"), ask("n-1", cpu=3), near(3, hold_s=60)])
def test_the_key_with_another_body_is_422(row: Api, other: dict[str, Any]) -> None:
    first = got(row, near(3), "order-7")
    response = row.call("POST", "/v1/leases", other, headers={"Idempotency-Key": "order-7"})
    assert assert_problem(response, 422, "idempotency-key-reused")["lease"] == first[0]["id"]


def test_a_refusal_is_not_remembered(row: Api) -> None:
    filling = row.ok("POST", "/v1/leases", ask("n-2", cpu=2))
    body = named("n-1", "n-2")
    headers = {"Idempotency-Key": "order-7"}
    assert_problem(row.call("POST", "/v1/leases", body, headers=headers), 409, "no-capacity")
    row.ok("POST", f"/v1/leases/{filling['id']}/release")
    assert len(got(row, body, "order-7")) == 2


# -- offers ------------------------------------------------------------------------------------------------------------


def test_offers_for_a_count_are_at_least_so_many(row: Api) -> None:
    assert len(row.ok("POST", "/v1/offers", near(7))["offers"]) == 7
    assert len(row.ok("POST", "/v1/offers", near(2))["offers"]) == 5
    assert len(row.ok("POST", "/v1/offers", near(2, limit=1))["offers"]) == 2


def test_offers_are_not_for_sites_by_name(row: Api) -> None:
    assert assert_problem(row.call("POST", "/v1/offers", named("n-1", "n-2")), 422, "invalid")["field"] == "sites"
