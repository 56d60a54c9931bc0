"""Floors, cleanings, schedules and giving way by HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from maillage.faces.http.app import build_app
from tests.unit.faces.http.api import Api, assert_problem, opened
from tests.unit.faces.http.sensing_chain import open_with_devices
from tests.unit.services.robots.cleaning.cleaning_world import Store, store

HALL = {"type": "Polygon", "coordinates": [[[0, 0], [12, 0], [12, 8], [0, 8], [0, 0]]]}
FLOOR = {"map_id": "m1", "area": HALL, "docks": [{"x": 1, "y": 1}]}
FLOORS = "/v1/sites/wm-1/floors"
NIGHTLY = {"floor": "sales", "windows": {"mon": [["21:30", "06:30"]]}}
SCHEDULES = "/v1/sites/wm-1/cleaning-schedules"
NOBODY = {"site": "wm-1", "floor": "sales"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A store with the floor ``sales`` and room for one robot, of which there is none."""
    with opened(tmp_path_factory.mktemp("shop"), open_with_devices) as api:
        api.site("wm-1", robot=1)
        api.site("bare")
        api.ok("PUT", f"{FLOORS}/sales", FLOOR)
        yield api


def test_a_floor_is_put_shown_listed_and_dropped(shop: Api) -> None:
    put = shop.ok("PUT", f"{FLOORS}/back", FLOOR | {"keep_out": [box(4, 4, 6, 6)]})
    assert (put["area_m2"], put["revision"], put["docks"][0]["x"]) == (92.0, 1, 1.0)
    assert 85 < put["reachable_m2"] < 92
    assert shop.ok("PUT", f"{FLOORS}/back", FLOOR | {"keep_out": [box(4, 4, 6, 6)]}) == put, "the same is no change"
    assert shop.ok("PUT", f"{FLOORS}/back", FLOOR)["revision"] == 2
    assert shop.ok("GET", f"{FLOORS}/back")["area"] == HALL
    assert {each["id"] for each in shop.ok("GET", FLOORS)["items"]} == {"sales", "back"}
    shop.ok("DELETE", f"{FLOORS}/back")
    assert_problem(shop.call("GET", f"{FLOORS}/back"), 404, "not-found")
    assert_problem(shop.call("DELETE", f"{FLOORS}/back"), 404, "not-found")


def box(left: float, bottom: float, right: float, top: float) -> dict[str, Any]:
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return {"type": "Polygon", "coordinates": [ring]}


BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]]}
TWO_ROOMS = {
    "type": "MultiPolygon",
    "coordinates": [box(0, 0, 30, 30)["coordinates"], box(40, 0, 43, 3)["coordinates"]],
}


@pytest.mark.parametrize(
    ("floor", "said"),
    [
        (FLOOR | {"area": BOW_TIE}, "crosses itself at (5, 5)"),
        (FLOOR | {"area": {"type": "Polygon", "coordinates": []}}, "is empty"),
        (FLOOR | {"area": {"type": "FeatureCollection"}}, "no list of features"),
        (FLOOR | {"area": {"type": "Point", "coordinates": [1, 2]}}, "not of 'Point'"),
        (FLOOR | {"area": {}}, "is no GeoJSON"),
        (FLOOR | {"area": box(0, 0, 2e5, 2e5)}, "too large for metres"),
        (FLOOR | {"area": box(0, 0, 1e-3, 1e-3), "docks": []}, "look like degrees"),
        (FLOOR | {"area": box(0, 0, 12, 0.4), "docks": []}, "too small for the robot"),
        (FLOOR | {"docks": [{"x": 20, "y": 1}]}, "docks[0]: (20, 1) is not on the floor"),
        (FLOOR | {"area": TWO_ROOMS, "docks": [{"x": 41, "y": 1}]}, "can reach only"),
        (FLOOR | {"keep_out": [box(0, 0, 12, 8)]}, "the obstacles cover all of it"),
        (FLOOR | {"keep_out": [{"type": "Point", "coordinates": [1, 2]}]}, "keep_out[0]"),
    ],
)
def test_what_is_no_floor_is_refused_with_what_is_wrong(shop: Api, floor: dict[str, Any], said: str) -> None:
    assert said in assert_problem(shop.call("PUT", f"{FLOORS}/new", floor), 422, "invalid")["detail"]
    assert_problem(shop.call("GET", f"{FLOORS}/new"), 404, "not-found")


@pytest.mark.parametrize(
    "floor",
    [
        {},
        FLOOR | {"map_id": ""},
        FLOOR | {"area": "hall"},
        FLOOR | {"more": 1},
        FLOOR | {"docks": [{"x": "a", "y": 1}]},
    ],
)
def test_what_is_no_such_document_is_refused(shop: Api, floor: Any) -> None:
    assert_problem(shop.call("PUT", f"{FLOORS}/new", floor), 422, "invalid")


def test_floors_belong_to_sites_and_have_ids(shop: Api) -> None:
    assert_problem(shop.call("PUT", "/v1/sites/nowhere/floors/sales", FLOOR), 404, "not-found")
    assert_problem(shop.call("PUT", f"{FLOORS}/sales%20floor", FLOOR), 422, "invalid")


def test_a_cleaning_is_asked_for_listed_held_off_and_called_off(shop: Api) -> None:
    made = shop.ok("POST", "/v1/cleanings", NOBODY | {"order": {"target": 0.9, "brush": "soft"}})
    assert (made["state"], made["order"]["brush"], made["share"], made["left_m2"]) == ("planned", "soft", 0, None)
    name = made["id"]
    assert shop.ok("GET", f"/v1/cleanings/{name}")["id"] == name
    assert shop.ok("POST", f"/v1/cleanings/{name}/pause")["state"] == "paused"
    assert shop.ok("POST", f"/v1/cleanings/{name}/resume")["state"] == "waiting"
    assert shop.ok("POST", f"/v1/cleanings/{name}/cancel")["state"] == "cancelled"
    assert_problem(shop.call("POST", f"/v1/cleanings/{name}/resume"), 409, "cleaning-state")
    assert_problem(shop.call("GET", f"/v1/cleanings/{name}/evidence"), 404, "not-found")
    assert_problem(shop.call("GET", f"/v1/cleanings/{name}/evidence.png"), 404, "not-found")


def test_cleanings_are_listed_in_pages_the_newest_first(shop: Api) -> None:
    made = [shop.ok("POST", "/v1/cleanings", NOBODY)["id"] for _ in range(3)]
    first = shop.ok("GET", "/v1/cleanings?site=wm-1&floor=sales&limit=2")
    assert len(first["items"]) == 2
    rest = shop.ok("GET", f"/v1/cleanings?site=wm-1&floor=sales&cursor={first['next']}")
    listed = [each["id"] for each in first["items"] + rest["items"]]
    assert set(made) <= set(listed) and len(set(listed)) == len(listed)
    assert shop.ok("GET", "/v1/cleanings?state=done")["items"] == []
    assert_problem(shop.call("GET", "/v1/cleanings?state=clean"), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "status", "slug", "said"),
    [
        ({"site": "nowhere", "floor": "sales"}, 404, "not-found", "no site"),
        ({"site": "wm-1", "floor": "attic"}, 404, "not-found", "has no floor 'attic'"),
        ({"site": "bare", "floor": "sales"}, 422, "invalid", "offers no robot"),
        (NOBODY | {"robot": "r9"}, 422, "invalid", "has no robot 'r9'"),
        (NOBODY | {"order": {"target": 1.5}}, 422, "invalid", "target"),
        (NOBODY | {"order": {"mode": " "}}, 422, "invalid", "order.mode"),
        (NOBODY | {"window": {"end": "yesterday"}}, 422, "invalid", "window.end"),
        (NOBODY | {"window": {"end": "2099-01-01T00:00:00Z"}}, 422, "invalid", "seven days"),
        (NOBODY | {"windows": []}, 422, "invalid", "windows"),
    ],
)
def test_a_cleaning_that_can_not_be_is_refused(
    shop: Api, body: dict[str, Any], status: int, slug: str, said: str
) -> None:
    assert said in assert_problem(shop.call("POST", "/v1/cleanings", body), status, slug)["detail"]


def test_a_schedule_is_put_shown_listed_and_dropped(shop: Api) -> None:
    put = shop.ok("PUT", f"{SCHEDULES}/weekly", NIGHTLY | {"every_days": 7})
    assert (put["every_days"], put["coming"][0]["lease"], put["windows"]) == (7, None, NIGHTLY["windows"])
    assert shop.ok("GET", f"{SCHEDULES}/weekly") == put
    assert shop.ok("GET", SCHEDULES)["items"] == [put]
    problem = assert_problem(shop.call("DELETE", f"{FLOORS}/sales"), 409, "floor-in-use")
    assert problem["schedules"] == ["weekly"]
    shop.ok("DELETE", f"{SCHEDULES}/weekly")
    assert_problem(shop.call("GET", f"{SCHEDULES}/weekly"), 404, "not-found")
    assert_problem(shop.call("PUT", f"{SCHEDULES}/weekly", NIGHTLY | {"every_days": 0}), 422, "invalid")


def test_robots_give_way_and_need_not_any_more(shop: Api) -> None:
    address = "/v1/sites/wm-1/give-way"
    assert shop.ok("GET", address)["until"] is None
    assert shop.ok("POST", address, {"until": "2026-11-01T13:00:00Z"})["cleanings"] == []
    assert shop.ok("GET", address)["until"] == "2026-11-01T13:00:00Z"
    assert shop.ok("POST", address, {"until": None})["until"] is None
    for until in ("2026-11-01T11:00:00Z", "2026-12-01T12:00:00Z", "soon"):
        assert_problem(shop.call("POST", address, {"until": until}), 422, "invalid")
    assert_problem(shop.call("POST", address, {}), 422, "invalid")
    assert_problem(shop.call("GET", "/v1/sites/nowhere/give-way"), 404, "not-found")


ADDRESSES = [
    ("GET", FLOORS, None),
    ("GET", f"{FLOORS}/sales", None),
    ("PUT", f"{FLOORS}/sales", FLOOR),
    ("DELETE", f"{FLOORS}/sales", None),
    ("POST", "/v1/cleanings", NOBODY),
    ("GET", "/v1/cleanings", None),
    ("GET", "/v1/cleanings/cl_1", None),
    ("POST", "/v1/cleanings/cl_1/pause", None),
    ("POST", "/v1/cleanings/cl_1/resume", None),
    ("POST", "/v1/cleanings/cl_1/cancel", None),
    ("GET", "/v1/cleanings/cl_1/evidence", None),
    ("GET", "/v1/cleanings/cl_1/evidence.png", None),
    ("GET", SCHEDULES, None),
    ("GET", f"{SCHEDULES}/weekly", None),
    ("PUT", f"{SCHEDULES}/weekly", NIGHTLY),
    ("DELETE", f"{SCHEDULES}/weekly", None),
    ("GET", "/v1/sites/wm-1/give-way", None),
    ("POST", "/v1/sites/wm-1/give-way", {"until": None}),
]


def test_all_of_it_is_for_operators_and_nodes(shop: Api) -> None:
    tenant, node = shop.tenant("acme"), shop.tenant("till-7", "node")
    for method, address, body in ADDRESSES:
        assert_problem(shop.call(method, address, body, key=tenant), 403, "not-allowed")
        assert shop.call(method, address, body, key="").status_code == 401
    assert shop.ok("GET", FLOORS, key=node)["items"]


def test_the_evidence_of_a_cleaning_comes_as_json_and_as_a_picture(tmp_path: Path) -> None:
    async def story(shop: Store) -> None:
        await shop.robot()
        name = await shop.clean()
        await shop.until_state(name, "done")
        shop.chain.robots = SimpleNamespace(cleaning=shop.desk)  # type: ignore[assignment]
        transport = httpx.ASGITransport(build_app(shop.chain))  # type: ignore[arg-type]
        key = {"Authorization": f"Bearer {shop.chain.access.first_key(None)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://chain", headers=key) as client:
            evidence = (await client.get(f"/v1/cleanings/{name}/evidence")).json()
            assert evidence["figures"]["share"] >= 0.98
            assert evidence["geojson"]["type"] == "FeatureCollection"
            picture = await client.get(f"/v1/cleanings/{name}/evidence.png?size=400")
            assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
            assert picture.content.startswith(b"\x89PNG")
            assert (await client.get(f"/v1/cleanings/{name}/evidence.png?size=9")).status_code == 422

    async def whole() -> None:
        async with store(tmp_path) as shop:
            await story(shop)

    asyncio.run(whole())


def test_what_was_asked_for_is_there_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path, open_with_devices) as api:
        api.site("wm-1", robot=1)
        floor = api.ok("PUT", f"{FLOORS}/sales", FLOOR)
        made = api.ok("POST", "/v1/cleanings", NOBODY)
        api.ok("PUT", f"{SCHEDULES}/weekly", NIGHTLY)
        key = api.operator
    with opened(tmp_path, open_with_devices) as api:
        api.operator = key
        assert api.ok("GET", f"{FLOORS}/sales") == floor
        assert api.ok("GET", f"/v1/cleanings/{made['id']}")["id"] == made["id"]
        assert api.ok("GET", SCHEDULES)["items"][0]["id"] == "weekly"
