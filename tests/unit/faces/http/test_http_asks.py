"""What can be asked for, and how an ask that cannot be is turned away."""

from datetime import UTC, datetime
from typing import Any

import pytest

from maillage.kernel.times import HORIZON_S
from tests.unit.faces.http.api import END, NOW, START, Api, ask, assert_problem

JSON = {"Content-Type": "application/json"}
ASKED_AT = ("/v1/leases", "/v1/offers")


def rfc3339(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


WRONG: dict[str, tuple[Any, str | None]] = {
    "no needs": ({"site": "wm-1"}, None),
    "empty needs": (ask() | {"needs": {}}, "needs"),
    "needs of the wrong type": (ask() | {"needs": ["cpu"]}, "needs"),
    "a million needs": (ask() | {"needs": {f"k{n}": 1 for n in range(70_000)}}, "needs"),
    "an unknown kind": (ask() | {"needs": {"antimatter": 1}}, None),
    "an unknown field": (ask(colour="red"), None),
    "an unknown class": (ask(**{"class": "gold"}), "class"),
    "none": (ask(cpu=0), "needs"),
    "less than none": (ask(cpu=-1), "needs"),
    "finer than a thousandth": (ask(cpu=0.0001), "needs"),
    "beyond 2^53": (ask(cpu=2**53 + 1), "needs"),
    "beyond 2^64": (ask(cpu=2**64 + 1), "needs"),
    "beyond all floats": (ask(cpu=1e308), "needs"),
    "a quantity in words": (ask(cpu="four"), "needs"),
    "an exponent in a text": (ask(cpu="1e3"), "needs"),
    "infinity in a text": (ask(cpu="Infinity"), "needs"),
    "true": (ask(cpu=True), None),
    "null": (ask() | {"needs": {"cpu": None}}, None),
    "a list": (ask(cpu=[1]), None),
    "neither site nor place": (ask(site="") | {"site": None}, "site"),
    "both site and place": (ask(near={"lat": 36, "lon": -94}), "site"),
    "a latitude beyond the pole": (ask(near={"lat": 91, "lon": 0}) | {"site": None}, "near.lat"),
    "a longitude beyond the date line": (ask(near={"lat": 0, "lon": 181}) | {"site": None}, "near.lon"),
    "a place without a longitude": (ask(near={"lat": 0}) | {"site": None}, "near"),
    "a negative distance": (ask(near={"lat": 0, "lon": 0, "within_km": -1}) | {"site": None}, None),
    "a time without a zone": (ask(start="2026-12-01T08:00:00"), "start"),
    "a time that is none": (ask(start="tomorrow"), "start"),
    "a time as a number": (ask(start=1_800_000_000), "start"),
    "an end without a zone": (ask(end="2026-12-01T20:00:00"), "end"),
    "a start more than a minute past": (ask(start=rfc3339(NOW - 61)), "start"),
    "a start in the year 1": (ask(start="0001-01-01T00:00:00Z"), "start"),
    "a start over 50 years ahead": (ask(start=rfc3339(NOW + HORIZON_S + 1), end=None), "start"),
    "an end before the start": (ask(start=END, end=START), "end"),
    "an end at the start": (ask(start=START, end=START), "end"),
    "an end that is past": (ask(start=None, end=rfc3339(NOW - 5)), "end"),
    "an end over 50 years ahead": (ask(end=rfc3339(NOW + HORIZON_S + 1)), "end"),
    "an end in the year 9999": (ask(end="9999-12-31T23:59:59-10:00"), "end"),
    "a negative price": (ask(max_price=-1), "max_price"),
    "a price in words": (ask(max_price="cheap"), "max_price"),
    "a price with seven decimals": (ask(max_price="0.0000001"), "max_price"),
    "a limit of none": (ask(limit=0), "limit"),
    "a limit in a text": (ask(limit="5"), "limit"),
    "a limit of 101": (ask(limit=101), "limit"),
    "a hold of no time": (ask(hold_s=0), "hold_s"),
    "a hold of eight days": (ask(hold_s=8 * 86_400), "hold_s"),
    "a nested attribute": (ask(attributes={"a": {"b": 1}}), None),
    "seventeen attributes": (ask(attributes={str(n): n for n in range(17)}), "attributes"),
    "a list instead": ([ask()], None),
    "null instead": (None, None),
    "a text instead": ("ask", None),
}
BROKEN = {
    "nothing": b"",
    "half a document": b'{"needs": {"cpu": 1}',
    "two documents": b'{"needs": {"cpu": 1}, "site": "wm-1"} {}',
    "NaN": b'{"needs": {"cpu": NaN}, "site": "wm-1"}',
    "Infinity": b'{"needs": {"cpu": Infinity}, "site": "wm-1"}',
    "minus Infinity": b'{"needs": {"cpu": -Infinity}, "site": "wm-1"}',
    "bytes that are no UTF-8": b'{"needs": {"\xff": 1}, "site": "wm-1"}',
    "half a surrogate pair": b'{"needs": {"\\ud800": 1}, "site": "wm-1"}',
    "a form": b"needs=cpu",
}


@pytest.mark.parametrize("path", ASKED_AT)
@pytest.mark.parametrize("name", WRONG)
def test_an_ask_that_cannot_be_is_422_and_names_the_field(refusing: Api, path: str, name: str) -> None:
    body, field = WRONG[name]
    content = {"content": b"null", "headers": JSON} if body is None else {}
    response = refusing.call("POST", path, body, **content)
    slug = "unknown-kind" if name == "an unknown kind" else "invalid"
    problem = assert_problem(response, 422, slug)
    if field is not None:
        assert problem["field"] == field
    assert len(response.content) < 2_000, "a problem does not repeat all that was sent"
    assert refusing.ok("GET", "/v1/leases")["items"] == []


@pytest.mark.parametrize("path", [*ASKED_AT, "/v1/leases/batch"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_is_no_json_is_400(refusing: Api, path: str, name: str) -> None:
    body = BROKEN[name]
    if path.endswith("batch") and body.startswith(b'{"needs'):
        body = b'{"leases": [' + body + b"]}"
    assert_problem(refusing.call("POST", path, content=body, headers=JSON), 400, "malformed")


@pytest.mark.parametrize("path", [*ASKED_AT, "/v1/leases/batch", "/v1/tenants"])
@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"needs": ' * 90_000, b'{"needs": {"cpu": 1e999}}'])
def test_brackets_without_end_and_numbers_beyond_all_are_turned_away(refusing: Api, path: str, body: bytes) -> None:
    response = refusing.call("POST", path, content=body, headers=JSON)
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code, "malformed" if response.status_code == 400 else "invalid")


@pytest.mark.parametrize("path", ["/v1/leases", "/v1/offers"])
def test_an_unknown_site_is_422(api: Api, path: str) -> None:
    response = api.call("POST", path, ask(site="nowhere"))
    assert response.status_code == 422, "a site that an ask names is part of the ask, not of the address"
    assert "nowhere" in response.json()["detail"]


@pytest.mark.parametrize("start", [rfc3339(NOW), rfc3339(NOW + 59), rfc3339(NOW + 60), "2026-11-01T13:00:30.9+01:00"])
def test_a_start_up_to_a_minute_past_is_taken(api: Api, start: str) -> None:
    api.clock.set(NOW + 60)
    lease = api.ok("POST", "/v1/leases", ask(start=start))
    assert lease["start"] == rfc3339(int(datetime.fromisoformat(start).timestamp()))


def test_no_start_means_now_and_no_end_means_open(api: Api) -> None:
    lease = api.ok("POST", "/v1/leases", ask(start=None, end=None))
    assert (lease["start"], lease["end"]) == (rfc3339(NOW), None)
    assert lease["price"] == {"amount": None, "per_hour": "0.042", "currency": "USD"}


def test_an_end_up_to_50_years_ahead_is_taken(api: Api) -> None:
    assert api.ok("POST", "/v1/leases", ask(end=rfc3339(NOW + HORIZON_S)))["end"] == rfc3339(NOW + HORIZON_S)


@pytest.mark.parametrize(("given", "means"), [(1, 1), (1.5, 1.5), ("1.5", 1.5), ("2", 2), (0.001, 0.001), (1e0, 1)])
def test_quantities_are_decimals_as_numbers_or_texts(api: Api, given: Any, means: float) -> None:
    assert api.ok("POST", "/v1/leases", ask(cpu=given))["needs"] == {"cpu": means}


def test_the_example_of_the_contract_is_granted(api: Api) -> None:
    body = {
        "needs": {"cpu": 4, "memory": 16},
        "start": START,
        "end": END,
        "near": {"lat": 36.37, "lon": -94.21, "within_km": 25, "within_ms": 15},
        "class": "firm",
        "max_price": "12.50",
        "attributes": {"has_clinic": True},
        "limit": 5,
        "hold_s": 600,
    }
    refused = assert_problem(api.call("POST", "/v1/leases", body), 409, "no-capacity")
    assert refused["passed_over"], "no site has a clinic yet"
    site = {"name": "Rogers", "lat": 36.37, "lon": -94.21, "attributes": {"has_clinic": True}}
    api.ok("PUT", "/v1/sites/wm-1", site)
    assert api.ok("POST", "/v1/offers", body)["offers"][0]["site"] == "wm-1"
    lease = api.ok("POST", "/v1/leases", body)
    assert (lease["site"], lease["state"], lease["needs"]) == ("wm-1", "held", {"cpu": 4, "memory": 16})


def test_an_offer_is_a_hint_with_its_time_its_distance_and_its_price(api: Api) -> None:
    answer = api.ok("POST", "/v1/offers", ask(near={"lat": 36.4, "lon": -94.21}) | {"site": None})
    assert answer["as_of"] == rfc3339(NOW)
    (offer,) = answer["offers"]
    assert offer["site"] == "wm-1" and 3 < offer["distance_km"] < 4
    assert offer["round_trip"]["ms"] == pytest.approx(sum(part["ms"] for part in offer["round_trip"]["parts"]))
    assert offer["price"] == {"amount": "0.504", "per_hour": "0.042", "currency": "USD"}
    assert api.ok("GET", "/v1/leases")["items"] == []


def test_where_nobody_can_meet_an_ask_the_offers_say_why(api: Api) -> None:
    answer = api.ok("POST", "/v1/offers", ask(cpu=9, near={"lat": 36.4, "lon": -94.21}) | {"site": None})
    assert answer["offers"] == [] and sum(answer["passed_over"].values()) == 1


DEVICE, RANGE = "10.40.1.7", "10.40.0.0/16"


def near(device: str | None = DEVICE, **more: Any) -> dict[str, Any]:
    """An ask near wm-1 for the device, and the two stores further on."""
    place = {"lat": 36.37, "lon": -94.21, **({} if device is None else {"device": device})}
    return ask(near=place, **more) | {"site": None}


@pytest.fixture
def served(api: Api) -> Api:
    """wm-2 and wm-3 further on; the roof of wm-3 serves the device."""
    api.site("wm-2", 36.57, cpu=8)
    api.site("wm-3", 36.77, cpu=8)
    api.chain.paths.replace([(RANGE, "wm-3")])
    return api


def test_offers_say_by_which_path_a_site_was_chosen_where_the_ask_names_a_device(served: Api) -> None:
    offers = served.ok("POST", "/v1/offers", near())["offers"]
    assert [offer["site"] for offer in offers] == ["wm-3", "wm-1", "wm-2"]
    assert offers[0]["path"] == {"basis": "network", "reason": f"{RANGE} breaks out at the roof of wm-3"}
    assert {offer["path"]["basis"] for offer in offers[1:]} == {"distance"}
    assert offers[0]["round_trip"]["ms"] > offers[1]["round_trip"]["ms"], "that is an estimate by distance all the same"
    stranger = served.ok("POST", "/v1/offers", near("203.0.113.7"))["offers"]
    assert stranger[0]["site"] == "wm-1"
    assert stranger[0]["path"] == {"basis": "distance", "reason": "no roof serves 203.0.113.7"}
    assert all("path" not in offer for offer in served.ok("POST", "/v1/offers", near(None))["offers"])


def test_a_lease_for_a_device_goes_to_the_store_that_serves_it_and_on_from_there(served: Api) -> None:
    granted = [served.ok("POST", "/v1/leases", near(cpu=4))["site"] for _ in range(3)]
    assert granted == ["wm-3", "wm-3", "wm-1"]
    passed = served.ok("POST", "/v1/offers", near())["offers"][0]["path"]
    assert passed["reason"] == f"wm-3, whose roof serves {RANGE}, is passed over: full:cpu"


def test_leases_in_a_batch_and_at_several_sites_begin_at_the_store_that_serves_the_device(served: Api) -> None:
    batch = served.ok("POST", "/v1/leases/batch", {"leases": [near(), near(None), near("203.0.113.7")]})
    assert [result["lease"]["site"] for result in batch["results"]] == ["wm-3", "wm-1", "wm-1"]
    several = served.ok("POST", "/v1/leases", near(count=2))["leases"]
    assert [lease["site"] for lease in several] == ["wm-3", "wm-1"]


@pytest.mark.parametrize("path", ASKED_AT)
def test_a_device_that_is_no_address_is_refused_by_its_field(refusing: Api, path: str) -> None:
    assert assert_problem(refusing.call("POST", path, near("here")), 422, "invalid")["field"] == "near.device"
