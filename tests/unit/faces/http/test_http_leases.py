"""Leases by HTTP: granted, refused, repeated, in batches, moved, and listed."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.faces.http.api import END, START, Api, ask, assert_problem, assert_problem_document, opened

KEY = "Idempotency-Key"
MEMBERS = ["id", "tenant", "site", "needs", "start", "end", "class", "state", "hold_until", "price", "reason", "as_of"]


def lease(api: Api, body: dict[str, Any], idempotency_key: str | None = None, key: str | None = None) -> Any:
    headers = {} if idempotency_key is None else {KEY: idempotency_key}
    return api.call("POST", "/v1/leases", body, key, headers=headers)


# -- granting and refusing ---------------------------------------------------------------------------------------------


def test_a_granted_lease_is_201_with_its_address_and_all_its_facts(api: Api) -> None:
    response = lease(api, ask(cpu=2))
    granted = response.json()
    assert (response.status_code, response.headers["content-type"]) == (201, "application/json")
    assert response.headers["location"] == f"/v1/leases/{granted['id']}"
    assert list(granted) == MEMBERS
    assert granted | {"id": ""} == {
        "id": "",
        "tenant": "operator",
        "site": "wm-1",
        "needs": {"cpu": 2},
        "start": START,
        "end": END,
        "class": "firm",
        "state": "confirmed",
        "hold_until": None,
        "price": {"amount": "1.008", "per_hour": "0.084", "currency": "USD"},
        "reason": None,
        "as_of": "2026-11-01T12:00:00Z",
    }
    assert api.ok("GET", response.headers["location"]) == granted


def test_a_refusal_is_409_with_the_reason_per_kind_and_leaves_nothing_behind(api: Api) -> None:
    lease(api, ask(cpu=6))
    problem = assert_problem(lease(api, ask() | {"needs": {"cpu": 4, "memory": 1, "gpu": 1}}), 409, "no-capacity")
    assert problem["site"] == "wm-1"
    assert problem["reasons"] == [
        {"kind": "cpu", "why": "full", "at": START, "available": 2, "size": 8},
        {"kind": "gpu", "why": "no_pool"},
    ]
    (only,) = api.ok("GET", "/v1/leases")["items"]
    assert only["needs"] == {"cpu": 6}


def test_what_is_left_is_granted_to_the_last_thousandth_and_not_one_more(api: Api) -> None:
    lease(api, ask(cpu=7.999))
    assert_problem(lease(api, ask(cpu=0.002)), 409, "no-capacity")
    assert lease(api, ask(cpu=0.001)).status_code == 201
    assert_problem(lease(api, ask(cpu=0.001)), 409, "no-capacity")
    assert lease(api, ask(cpu=8, start=END, end="2026-12-02T00:00:00Z")).status_code == 201, "intervals are half-open"


def test_an_ask_near_a_place_goes_on_to_the_next_site_on_refusal(api: Api) -> None:
    api.site("wm-2", lat=36.5, cpu=4)
    near = ask(cpu=3, near={"lat": 36.37, "lon": -94.21, "within_km": 50}) | {"site": None}
    assert [lease(api, near).json()["site"] for _ in range(3)] == ["wm-1", "wm-1", "wm-2"]
    assert_problem(lease(api, near), 409, "no-capacity")


def test_a_price_above_the_cap_is_409_with_the_price(api: Api) -> None:
    problem = assert_problem(lease(api, ask(max_price="0.50")), 409, "price-above-cap")
    assert (problem["amount"], problem["max_price"]) == ("0.504", "0.50")
    assert lease(api, ask(max_price="0.504")).status_code == 201


def test_a_firm_ask_that_spot_must_make_room_for_says_when_it_could_start(api: Api) -> None:
    api.ok("PUT", "/v1/sites/wm-1/capacity/cpu", {"size": 8, "notice_s": 600})
    spot = lease(api, ask(cpu=8, start=None, **{"class": "spot"})).json()
    problem = assert_problem(lease(api, ask(cpu=1, start=None)), 409, "notice-too-short")
    assert problem["earliest_start"] == "2026-11-01T12:10:00Z"
    assert lease(api, ask(cpu=1, start=problem["earliest_start"])).status_code == 201
    reclaimed = api.ok("GET", f"/v1/leases/{spot['id']}")
    assert (reclaimed["state"], reclaimed["end"]) == ("reclaimed", "2026-11-01T12:10:00Z")
    assert reclaimed["reason"]


# -- the same key again ------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_give_the_same_lease_however_the_body_is_written(api: Api) -> None:
    first = lease(api, ask(cpu=2), "order-1")
    again = lease(api, dict(reversed(ask(cpu=2).items())), "order-1")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["location"] == first.headers["location"]
    assert len(api.ok("GET", "/v1/leases")["items"]) == 1


def test_the_same_key_with_another_body_is_422_and_names_the_lease(api: Api) -> None:
    first = lease(api, ask(cpu=2), "order-1").json()
    problem = assert_problem(lease(api, ask(cpu=3), "order-1"), 422, "idempotency-key-reused")
    assert problem["lease"] == first["id"]


def test_a_refusal_is_not_remembered(api: Api) -> None:
    blocking = lease(api, ask(cpu=8)).json()
    assert_problem(lease(api, ask(cpu=2), "order-1"), 409, "no-capacity")
    api.ok("POST", f"/v1/leases/{blocking['id']}/release")
    assert lease(api, ask(cpu=2), "order-1").status_code == 201
    assert_problem(lease(api, ask(cpu=3), "order-1"), 422, "idempotency-key-reused")


def test_a_granted_key_is_remembered_for_24_hours_and_then_free_again(api: Api) -> None:
    first = lease(api, ask(), "order-1").json()["id"]
    api.clock.advance(24 * 3_600 - 1)
    assert lease(api, ask(), "order-1").json()["id"] == first
    api.clock.advance(2)
    assert lease(api, ask(), "order-1").json()["id"] != first


def test_a_key_without_a_start_is_repeated_later_and_still_means_the_first_lease(api: Api) -> None:
    first = lease(api, ask(start=None, end=None), "order-1").json()
    api.clock.advance(3_600)
    again = lease(api, ask(start=None, end=None), "order-1").json()
    assert (again["id"], again["start"]) == (first["id"], first["start"])


def test_a_repeat_tells_what_became_of_the_lease(api: Api) -> None:
    first = lease(api, ask(), "order-1").json()
    api.ok("POST", f"/v1/leases/{first['id']}/release")
    assert lease(api, ask(), "order-1").json()["state"] == "released"


def test_two_tenants_may_use_the_same_key_for_different_things(api: Api) -> None:
    acme, other = api.tenant("acme"), api.tenant("other")
    one, two = lease(api, ask(cpu=1), "order-1", acme), lease(api, ask(cpu=2), "order-1", other)
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json()["id"] != two.json()["id"]


def test_a_granted_key_outlives_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as api:
        api.site("wm-1", cpu=8)
        operator = api.operator
        first = lease(api, ask(), "order-1").json()["id"]
    with opened(tmp_path) as api:
        assert lease(api, ask(), "order-1", operator).json()["id"] == first
        assert_problem(lease(api, ask(cpu=2), "order-1", operator), 422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_an_idempotency_key_that_cannot_be_is_422(refusing: Api, key: str) -> None:
    assert assert_problem(lease(refusing, ask(), key), 422, "invalid")["field"] == KEY


# -- batches -----------------------------------------------------------------------------------------------------------


def batch(api: Api, *bodies: Any, key: str | None = None, **headers: str) -> list[Any]:
    results: list[Any] = api.ok("POST", "/v1/leases/batch", {"leases": bodies}, key, headers=headers)["results"]
    return results


def test_a_batch_answers_each_ask_by_itself_and_in_order(api: Api) -> None:
    results = batch(api, ask(cpu=6), ask(cpu=6), ask(cpu=0), ask(cpu=2), ask() | {"needs": {"antimatter": 1}})
    assert [result["status"] for result in results] == [201, 409, 422, 201, 422]
    assert [set(result) - {"status"} for result in results] == [
        {"lease"},
        {"problem"},
        {"problem"},
        {"lease"},
        {"problem"},
    ]
    assert list(results[0]["lease"]) == MEMBERS
    assert_problem_document(results[1]["problem"], 409, "no-capacity")
    assert_problem_document(results[2]["problem"], 422, "invalid")
    assert_problem_document(results[4]["problem"], 422, "unknown-kind")


def test_item_i_of_a_batch_counts_as_the_key_number_i(api: Api) -> None:
    first = batch(api, ask(cpu=1), ask(cpu=2), **{KEY: "b"})
    again = batch(api, ask(cpu=1), ask(cpu=2), **{KEY: "b"})
    assert [result["lease"]["id"] for result in again] == [result["lease"]["id"] for result in first]
    assert lease(api, ask(cpu=2), "b#1").json()["id"] == first[1]["lease"]["id"]
    swapped = batch(api, ask(cpu=2), ask(cpu=2), **{KEY: "b"})
    assert [result["status"] for result in swapped] == [422, 201]
    assert_problem_document(swapped[0]["problem"], 422, "idempotency-key-reused")
    assert len(api.ok("GET", "/v1/leases")["items"]) == 2


def test_a_batch_near_places_finds_a_site_for_each(api: Api) -> None:
    api.site("wm-2", lat=40, cpu=8)
    near = [ask(near={"lat": lat, "lon": -94.21, "within_km": 30}) | {"site": None} for lat in (36.4, 40.1, 60)]
    results = batch(api, *near)
    assert [result.get("lease", {}).get("site") for result in results] == ["wm-1", "wm-2", None]


@pytest.mark.parametrize("body", [{"leases": []}, {}, {"leases": {}}, {"leases": [{}]}, {"asks": []}, [ask()]])
def test_a_batch_that_is_none_is_422_as_a_whole(refusing: Api, body: Any) -> None:
    assert_problem(refusing.call("POST", "/v1/leases/batch", body), 422, "invalid")


def test_a_batch_has_at_most_a_thousand_asks(api: Api) -> None:
    assert_problem(api.call("POST", "/v1/leases/batch", {"leases": [ask(cpu=0.001)] * 1_001}), 422, "invalid")
    assert {result["status"] for result in batch(api, *[ask(cpu=0.001)] * 1_000)} == {201}


# -- moves -------------------------------------------------------------------------------------------------------------


def test_a_hold_is_confirmed_and_confirming_twice_is_the_same_as_once(api: Api) -> None:
    held = lease(api, ask(hold_s=600)).json()
    assert (held["state"], held["hold_until"]) == ("held", "2026-11-01T12:10:00Z")
    for _ in range(2):
        confirmed = api.ok("POST", f"/v1/leases/{held['id']}/confirm")
        assert confirmed["state"] == "confirmed"


def test_a_hold_that_runs_out_is_free_again_and_cannot_be_confirmed(api: Api) -> None:
    held = lease(api, ask(cpu=8, hold_s=600)).json()
    assert_problem(lease(api, ask(cpu=1)), 409, "no-capacity")
    api.clock.advance(600)
    assert lease(api, ask(cpu=8)).status_code == 201
    problem = assert_problem(api.call("POST", f"/v1/leases/{held['id']}/confirm"), 409, "lease-state")
    assert problem["state"] == "expired"


def test_a_released_lease_keeps_its_id_and_ends_when_it_stopped(api: Api) -> None:
    running = lease(api, ask(cpu=8, start=None)).json()
    api.clock.advance(1_800)
    released = api.ok("POST", f"/v1/leases/{running['id']}/release")
    assert (released["id"], released["state"], released["end"]) == (running["id"], "released", "2026-11-01T12:30:00Z")
    assert api.ok("POST", f"/v1/leases/{running['id']}/release")["end"] == released["end"]
    assert lease(api, ask(cpu=8, start=None)).status_code == 201
    assert_problem(api.call("POST", f"/v1/leases/{running['id']}/confirm"), 409, "lease-state")


def test_an_end_moves_later_where_there_is_room_and_never_earlier(api: Api) -> None:
    one = lease(api, ask(cpu=5)).json()
    lease(api, ask(cpu=5, start="2026-12-02T00:00:00Z", end="2026-12-03T00:00:00Z"))
    address = f"/v1/leases/{one['id']}/extend"
    assert api.ok("POST", address, {"end": "2026-12-02T00:00:00Z"})["end"] == "2026-12-02T00:00:00Z"
    assert_problem(api.call("POST", address, {"end": "2026-12-02T00:00:01Z"}), 409, "no-capacity")
    assert_problem(api.call("POST", address, {"end": None}), 409, "no-capacity")
    assert assert_problem(api.call("POST", address, {"end": START}), 422, "invalid")["field"] == "end"
    assert api.ok("GET", f"/v1/leases/{one['id']}")["end"] == "2026-12-02T00:00:00Z"


@pytest.mark.parametrize(
    "body", [{}, {"end": "soon"}, {"end": "2026-12-02T00:00:00"}, {"end": 5}, {"end": None, "x": 1}]
)
def test_an_extension_that_cannot_be_is_422(api: Api, body: Any) -> None:
    one = lease(api, ask()).json()
    assert_problem(api.call("POST", f"/v1/leases/{one['id']}/extend", body), 422, "invalid")


def test_an_extension_without_a_body_is_400(api: Api) -> None:
    one = lease(api, ask()).json()
    assert_problem(api.call("POST", f"/v1/leases/{one['id']}/extend"), 400, "malformed")


@pytest.mark.parametrize("step", ["", "/confirm", "/release"])
def test_a_lease_that_is_none_is_404(refusing: Api, step: str) -> None:
    assert_problem(refusing.call("POST" if step else "GET", f"/v1/leases/wm-1~99{step}"), 404, "not-found")


# -- lists -------------------------------------------------------------------------------------------------------------


def pages(api: Api, query: str, key: str | None = None) -> list[list[str]]:
    found: list[list[str]] = []
    cursor = ""
    while True:
        page = api.ok("GET", f"/v1/leases?{query}{cursor}", key=key)
        assert set(page) == {"items", "next"}
        found.append([item["id"] for item in page["items"]])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def test_cursors_lead_through_all_leases_once_while_more_are_granted(api: Api) -> None:
    first = [result["lease"]["id"] for result in batch(api, *[ask(cpu=0.001)] * 250)]
    page = api.ok("GET", "/v1/leases?limit=100")
    assert [item["id"] for item in page["items"]] == first[:100]
    later = lease(api, ask(cpu=0.001)).json()["id"]
    rest = api.ok("GET", f"/v1/leases?limit=1000&cursor={page['next']}")
    assert [item["id"] for item in rest["items"]] == [*first[100:], later]
    assert rest["next"] is None


@pytest.mark.parametrize("limit", [1, 2, 7, 1_000])
def test_pages_have_at_most_the_limit_and_hold_everything_once(api: Api, limit: int) -> None:
    ids = [result["lease"]["id"] for result in batch(api, *[ask(cpu=0.001)] * 14)]
    found = pages(api, f"limit={limit}")
    assert [one for page in found for one in page] == ids
    assert all(len(page) <= limit for page in found)


def test_a_page_has_a_hundred_unless_told_otherwise(api: Api) -> None:
    batch(api, *[ask(cpu=0.001)] * 101)
    assert [len(page) for page in pages(api, "")] == [100, 1]


def test_a_list_is_filtered_by_site_and_state(api: Api) -> None:
    api.site("wm-2", cpu=8)
    one, two = lease(api, ask()).json()["id"], lease(api, ask("wm-2")).json()["id"]
    api.ok("POST", f"/v1/leases/{one}/release")
    assert pages(api, "site=wm-1") == [[one]]
    assert pages(api, "state=confirmed") == [[two]]
    assert pages(api, "site=wm-1&state=confirmed") == [[]]
    assert pages(api, "site=nowhere") == [[]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("state=lost", "state"),
        ("cursor=100", "cursor"),
        ("cursor=0-00000000", "cursor"),
        ("cursor=%00", "cursor"),
        ("site=" + "x" * 65, "site"),
    ],
)
def test_a_query_that_cannot_be_is_422_and_names_the_parameter(refusing: Api, query: str, field: str) -> None:
    assert assert_problem(refusing.call("GET", f"/v1/leases?{query}"), 422, "invalid")["field"] == field


def test_a_cursor_goes_with_the_filters_it_was_made_for(api: Api) -> None:
    batch(api, *[ask(cpu=0.001)] * 3)
    cursor = api.ok("GET", "/v1/leases?limit=1")["next"]
    assert_problem(api.call("GET", f"/v1/leases?limit=1&site=wm-1&cursor={cursor}"), 422, "invalid")
