"""Sites and their capacity by HTTP: entered, imported, found, sized."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.unit.faces.http.api import END, START, Api, ask, assert_problem

CSV = {"Content-Type": "text/csv"}
GEOJSON = {"Content-Type": "application/geo+json; charset=utf-8"}


def send(api: Api, content: bytes, headers: dict[str, str] = CSV) -> Any:
    return api.call("POST", "/v1/sites/import", content=content, headers=headers)


# -- one by one --------------------------------------------------------------------------------------------------------


def test_a_site_is_entered_changed_and_read(api: Api) -> None:
    body = {
        "name": "Rogers",
        "lat": 36.33,
        "lon": -94.12,
        "country": "US",
        "region": "AR",
        "attributes": {"dock": True},
    }
    entered = api.ok("PUT", "/v1/sites/wm-2", body)
    assert entered == {"id": "wm-2", "tz": "America/Chicago", **body}
    assert api.ok("GET", "/v1/sites/wm-2") == entered
    changed = api.ok("PUT", "/v1/sites/wm-2", body | {"name": "Rogers South", "tz": "America/New_York"})
    assert (changed["name"], changed["tz"]) == ("Rogers South", "America/New_York")
    assert_problem(api.call("GET", "/v1/sites/wm-3"), 404, "not-found")


@pytest.mark.parametrize(
    ("site", "change"),
    [
        ("wm-2", {"lat": 91}),
        ("wm-2", {"lon": "west"}),
        ("wm-2", {"lat": "36.3"}),
        ("wm-2", {"name": ""}),
        ("wm-2", {"name": None}),
        ("wm-2", {"tz": "Mars/Olympus"}),
        ("wm-2", {"country": "USA"}),
        ("wm-2", {"colour": "red"}),
        ("wm-2", {"attributes": {"": 1}}),
        ("wm-2", {"attributes": {"a": [1]}}),
        ("wm.2", {}),
        ("wm%202", {}),
        ("x" * 65, {}),
    ],
)
def test_a_site_that_cannot_be_is_422(refusing: Api, site: str, change: dict[str, Any]) -> None:
    body = {"name": "Rogers", "lat": 36.33, "lon": -94.12} | change
    assert_problem(refusing.call("PUT", f"/v1/sites/{site}", body), 422, "invalid")


def test_sites_are_listed_in_pages_or_nearest_first(api: Api) -> None:
    for number in range(2, 6):
        api.site(f"wm-{number}", lat=36.37 + number)
    first = api.ok("GET", "/v1/sites?limit=3")
    rest = api.ok("GET", f"/v1/sites?limit=3&cursor={first['next']}")
    assert [site["id"] for site in first["items"] + rest["items"]] == [f"wm-{number}" for number in range(1, 6)]
    assert rest["next"] is None
    nearest = api.ok("GET", "/v1/sites?near=40.5,-94.21&limit=2")["items"]
    assert [site["id"] for site in nearest] == ["wm-4", "wm-5"]
    assert nearest[0]["distance_km"] < nearest[1]["distance_km"]
    assert nearest[0]["round_trip"]["ms"] > 0


@pytest.mark.parametrize(
    "query",
    [
        "near=",
        "near=36",
        "near=36,-94,1",
        "near=a,b",
        "near=nan,0",
        "near=91,0",
        "near=0,inf",
        "near=1,1&cursor=0-0",
        "limit=0",
        "limit=1001",
        "cursor=x",
    ],
)
def test_a_list_of_sites_that_cannot_be_is_422(refusing: Api, query: str) -> None:
    assert_problem(refusing.call("GET", f"/v1/sites?{query}"), 422, "invalid")


# -- imports -----------------------------------------------------------------------------------------------------------


def test_good_rows_of_a_csv_load_and_bad_ones_are_rejected_with_line_and_reason(api: Api) -> None:
    rows = b"id,name,lat,lon,colour\na-1,One,36.1,-94,red\na-2,Two,136.1,-94,\n,No id,36.1,-94.1,\na-4,Four,36.4,-94,\n"
    report = send(api, rows).json()
    assert (report["imported"], report["unchanged"], report["rejected"]) == (2, 0, 2)
    assert [rejection["line"] for rejection in report["rejections"]] == [3, 4]
    assert "latitude" in report["rejections"][0]["reason"]
    assert api.ok("GET", "/v1/sites/a-1")["attributes"] == {"colour": "red"}
    assert_problem(api.call("GET", "/v1/sites/a-2"), 404, "not-found")


def feature(ref: Any, lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    named = {"ref": ref, "name": f"Store {ref}", "addr:state": "AR", **properties}
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": named}


def test_points_of_a_geojson_load_and_bad_ones_are_rejected(api: Api) -> None:
    features = [feature("77", -94.1, 36.1), feature("78", -194.1, 36.1), feature("79", -94.1, 36.2)]
    report = send(api, json.dumps({"type": "FeatureCollection", "features": features}).encode(), GEOJSON).json()
    assert (report["imported"], report["rejected"]) == (2, 1)
    assert report["rejections"][0]["reason"]
    assert api.ok("GET", "/v1/sites/79")["lat"] == 36.2


def test_the_same_file_twice_changes_nothing(api: Api) -> None:
    rows = b"id,name,lat,lon\n" + b"".join(b"a-%d,Store %d,36.%d,-94\n" % (n, n, n) for n in range(10, 60))
    assert send(api, rows).json()["imported"] == 50
    end = api.chain.feed.end
    again = send(api, rows).json()
    assert (again["imported"], again["unchanged"], again["rejected"]) == (0, 50, 0)
    assert api.chain.feed.end == end, "no event was written"
    changed = send(api, rows.replace(b"Store 10,", b"Shop 10,")).json()
    assert (changed["imported"], changed["unchanged"]) == (1, 49)


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"", CSV), (b"\n\n", CSV), (b"a,b\n1,2\n", CSV), (b"{", GEOJSON), (b"", GEOJSON), (b"[" * 100_000, GEOJSON)],
)
def test_a_site_file_that_cannot_be_read_is_400(refusing: Api, content: bytes, headers: dict[str, str]) -> None:
    assert_problem(send(refusing, content, headers), 400, "malformed")


def test_the_type_of_a_site_file_may_be_written_in_any_case(api: Api) -> None:
    assert send(api, b"id,name,lat,lon\na,A,1,1\n", {"Content-Type": "Text/CSV; charset=utf-8"}).json()["imported"] == 1


def test_only_the_first_thousand_rejections_are_told(refusing: Api) -> None:
    report = send(refusing, b"id,name,lat,lon\n" + b"x,X,100,0\n" * 2_500).json()
    assert (report["rejected"], len(report["rejections"])) == (2_500, 1_000)


# -- capacity ----------------------------------------------------------------------------------------------------------


def test_a_pool_is_sized_and_read_back_as_a_curve(api: Api) -> None:
    plan = {"size": 4, "from": START, "notice_s": 30, "calendar": {"tue": [["08:00", "20:00"]]}}
    api.ok("PUT", "/v1/sites/wm-1/capacity/gpu", plan)
    api.ok("POST", "/v1/leases", ask(cpu=2))
    api.ok("POST", "/v1/leases", ask(cpu=3, **{"class": "spot"}))
    window = f"start=2026-12-01T00:00:00Z&end={END}"
    cpu = api.ok("GET", f"/v1/sites/wm-1/capacity?kind=cpu&{window}")
    assert cpu["curve"] == [
        {"at": "2026-12-01T00:00:00Z", "committed": 0, "all": 0},
        {"at": START, "committed": 2, "all": 5},
    ]
    assert (cpu["kind"], cpu["unit"], cpu["size"], cpu["calendar"]) == ("cpu", "vCPU", 8, None)
    gpu = api.ok("GET", f"/v1/sites/wm-1/capacity?kind=gpu&{window}")
    assert (gpu["size"], gpu["sizes"], gpu["notice_s"]) == (0, [[START, 4]], 30)
    assert gpu["calendar"] == {"tue": [["08:00", "20:00"]]}
    whole = api.ok("GET", f"/v1/sites/wm-1/capacity?{window}")
    assert [pool["kind"] for pool in whole["items"]] == ["cpu", "memory", "gpu"] and whole["next"] is None


def test_a_shrink_below_what_is_leased_is_409_with_the_leases_in_the_way(api: Api) -> None:
    lease = api.ok("POST", "/v1/leases", ask(cpu=5))
    address = "/v1/sites/wm-1/capacity/cpu"
    problem = assert_problem(api.call("PUT", address, {"size": 4}), 409, "pool-in-use")
    assert problem["leases"] == [lease["id"]]
    assert api.ok("PUT", address, {"size": 5})["size"] == 5
    closed = {"size": 8, "calendar": {"mon": [["08:00", "20:00"]]}}
    assert_problem(api.call("PUT", address, closed), 409, "pool-in-use")
    assert api.ok("PUT", address, {"size": 4, "from": END})["size"] == 4


def test_an_ask_outside_opening_hours_is_409_and_says_when_it_is_closed(api: Api) -> None:
    api.ok("PUT", "/v1/sites/wm-1/capacity/pickup_slot", {"size": 8, "calendar": {"tue": [["08:00", "20:00"]]}})
    slot = {"needs": {"pickup_slot": 1}, "site": "wm-1", "start": "2026-12-01T14:00:00Z", "end": "2026-12-01T15:00:00Z"}
    assert api.call("POST", "/v1/leases", slot).status_code == 201, "08:00 to 09:00 in Chicago, a Tuesday"
    early = slot | {"start": "2026-12-01T13:00:00Z"}
    problem = assert_problem(api.call("POST", "/v1/leases", early), 409, "no-capacity")
    assert problem["reasons"] == [{"kind": "pickup_slot", "why": "closed", "at": "2026-12-01T13:00:00Z"}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"size": -1},
        {"size": "many"},
        {"size": 0.0001},
        {"size": 2**53},
        {"size": None},
        {"size": 1, "notice_s": -1},
        {"size": 1, "notice_s": "30"},
        {"size": 1, "notice_s": 1.5},
        {"size": 1, "from": "2026-12-01T08:00:00"},
        {"size": 1, "from": "0001-01-01T00:00:00Z"},
        {"size": 1, "from": "9999-01-01T00:00:00Z"},
        {"size": 1, "since": START},
        {"size": 1, "calendar": {}},
        {"size": 1, "calendar": {"monday": [["08:00", "20:00"]]}},
        {"size": 1, "calendar": {"mon": [["20:00", "08:00"]]}},
        {"size": 1, "calendar": {"mon": [["08:00", "12:00"], ["11:00", "13:00"]]}},
        {"size": 1, "calendar": {"mon": [["08:00"]]}},
        {"size": 1, "calendar": {"mon": [["8", "9"]]}},
        {"size": 1, "calendar": {"mon": [["08:00", "25:00"]]}},
        {"size": 1, "calendar": {"mon": "always"}},
    ],
)
def test_a_capacity_that_cannot_be_is_422(refusing: Api, body: dict[str, Any]) -> None:
    assert_problem(refusing.call("PUT", "/v1/sites/wm-1/capacity/cpu", body), 422, "invalid")
    assert refusing.ok("GET", "/v1/sites/wm-1/capacity?kind=cpu")["size"] == 8


def test_capacity_of_what_does_not_exist(refusing: Api) -> None:
    assert_problem(refusing.call("PUT", "/v1/sites/wm-9/capacity/cpu", {"size": 1}), 404, "not-found")
    assert_problem(refusing.call("PUT", "/v1/sites/wm-1/capacity/antimatter", {"size": 1}), 422, "unknown-kind")
    assert_problem(refusing.call("GET", "/v1/sites/wm-9/capacity"), 404, "not-found")
    assert_problem(refusing.call("GET", "/v1/sites/wm-1/capacity?kind=gpu"), 404, "not-found")
    assert_problem(refusing.call("GET", "/v1/sites/wm-1/capacity?kind=antimatter"), 422, "unknown-kind")


@pytest.mark.parametrize(
    "window",
    [
        f"start={END}&end={START}",
        f"start={START}&end={START}",
        "start=2026-12-01T08:00:00",
        "start=0001-01-01T00:00:00Z",
        "start=1969-12-31T23:59:59Z",
        "end=9999-12-31T23:59:59Z",
        "start=now",
    ],
)
def test_a_window_of_capacity_that_cannot_be_is_422(refusing: Api, window: str) -> None:
    assert_problem(refusing.call("GET", f"/v1/sites/wm-1/capacity?{window}"), 422, "invalid")


def test_a_chain_adds_a_kind_of_its_own_and_leases_it(api: Api) -> None:
    assert "drone_pad" not in [kind["name"] for kind in api.ok("GET", "/v1/kinds")["items"]]
    added = api.ok("PUT", "/v1/kinds/drone_pad", {"unit": "pad", "description": "where a drone lands"})
    assert added in api.ok("GET", "/v1/kinds")["items"]
    api.ok("PUT", "/v1/sites/wm-1/capacity/drone_pad", {"size": 1})
    assert api.call("POST", "/v1/leases", ask() | {"needs": {"drone_pad": 1}}).status_code == 201
    assert_problem(api.call("PUT", "/v1/kinds/Drone-Pad", {"unit": "pad"}), 422, "invalid")


def test_others_are_answered_while_a_long_file_is_read(api: Api) -> None:
    async def both() -> tuple[float, float]:
        async def timed(method: str, path: str, **more: Any) -> float:
            headers = {"Authorization": f"Bearer {api.operator}", **more.pop("headers", {})}
            response = await api.client.request(method, path, headers=headers, **more)
            assert response.status_code == 200
            return time.monotonic()

        rows = b"id,name,lat,lon\nx,X,1,1\n" + b"\n" * 400_000
        reading = asyncio.create_task(timed("POST", "/v1/sites/import", content=rows, headers=CSV))
        await asyncio.sleep(0.02)
        return await timed("GET", "/healthz"), await reading

    health, imported = api.run(both())
    assert health < imported
