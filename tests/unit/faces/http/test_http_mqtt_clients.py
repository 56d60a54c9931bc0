"""Who may connect to the broker, by HTTP: who may say so, what a device and a robot get, and that it follows them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.devices.admission import Admission
from maillage.devices.clients import FILTERS_MAX
from tests.unit.faces.http.api import Api, assert_problem, opened
from tests.unit.faces.http.sensing_chain import open_with_devices

ROBOT = {"id": "r-1", "site": "wm-1", "manufacturer": "Acme", "serial": "AC-1", "clean_width_m": 0.6}
PROBE = {
    "name": "Probe",
    "topic": "plant/{site}/{device}/{measure}",
    "format": "plain",
    "measures": [{"name": "t", "unit": "Cel", "role": "temperature", "minimum": -40, "maximum": 60}],
}
SPARKPLUG = {**PROBE, "format": "sparkplug_b", "topic": "spBv1.0/{site}/NDATA/{device}"}

REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "one of three"),
    ({"device": "f-1", "robot": "r-1"}, 422, "one of three"),
    ({"device": "f-1", "publish": ["x"]}, 422, "one of three"),
    ({"id": "x"}, 422, "one of three"),
    ({"publish": ["x"]}, 422, "id"),
    ({"id": "a b", "publish": ["x"]}, 422, "a client's id"),
    ({"id": "maillage", "publish": ["x"]}, 422, "calls itself"),
    ({"id": "se_x", "publish": ["x"]}, 422, "sessions"),
    ({"id": "x", "publish": ["a/#/b"]}, 422, "last level"),
    ({"id": "x", "publish": ["$SYS/#"]}, 422, "the broker's own"),
    ({"id": "x", "publish": [""]}, 422, "empty"),
    ({"id": "x", "subscribe": ["a"] * 65}, 422, "64"),
    ({"id": "x", "site": "wm-9", "publish": ["x"]}, 422, "no site"),
    ({"device": "f-1", "site": "wm-2"}, 422, "is at wm-1"),
    ({"device": "f-9"}, 404, "no device"),
    ({"robot": "r-9"}, 404, "no robot"),
    ({"id": "x", "publish": ["x"], "password": "mine"}, 422, "password"),
]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with opened(tmp_path / "chain", lambda folder, clock: open_with_devices(folder, clock)) as one:
        one.site("wm-1")
        one.site("wm-2")
        one.ok("POST", "/v1/devices", {"id": "f-1", "site": "wm-1", "profile": "freezer"})
        one.ok("POST", "/v1/robots", ROBOT)
        yield one


def admission(api: Api) -> Admission:
    found: Admission = api.chain.devices.admission
    return found


def add(api: Api, **fields: Any) -> Any:
    return api.ok("POST", "/v1/mqtt-clients", fields)


def rights(api: Api, client: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = admission(api).client(client)
    return found.publish, found.subscribe


def ids(api: Api, query: str = "") -> list[str]:
    return [each["id"] for each in api.ok("GET", f"/v1/mqtt-clients{query}")["items"]]


def actions(api: Api) -> list[str]:
    return [each["action"] for each in api.ok("GET", "/v1/audit")["items"]]


def test_a_clients_life(api: Api) -> None:
    made = add(api, id="gateway", site="wm-1", publish=["plant/#"], subscribe=["plant/set/+"])
    password = made.pop("password")
    assert made == {
        "id": "gateway",
        "site": "wm-1",
        "publish": ["plant/#"],
        "subscribe": ["plant/set/+"],
        "made_at": "2026-11-01T12:00:00Z",
    }
    assert api.ok("GET", "/v1/mqtt-clients") == {"items": [made], "next": None}
    admitted = admission(api).admit("gateway", password)
    assert admitted is not None and admitted.may_publish("plant/x") and not admitted.may_publish("other/x")

    rotated = api.ok("POST", "/v1/mqtt-clients/gateway/rotate")
    assert rotated["password"] != password
    assert admission(api).admit("gateway", password) is None
    assert admission(api).admit("gateway", rotated["password"]) is not None

    assert api.call("DELETE", "/v1/mqtt-clients/gateway").status_code == 204
    assert admission(api).admit("gateway", rotated["password"]) is None
    for method, path in (("POST", "gateway/rotate"), ("DELETE", "gateway")):
        assert_problem(api.call(method, f"/v1/mqtt-clients/{path}"), 404, "not-found")
    told = json.dumps(api.ok("GET", "/v1/audit"))
    assert password not in told and rotated["password"] not in told
    assert {"mqtt_client.add", "mqtt_client.rotate", "mqtt_client.revoke"} <= set(actions(api))


def test_a_device_and_a_robot_get_their_own_topics_and_no_more(api: Api) -> None:
    device = add(api, device="f-1")
    assert (device["id"], device["site"]) == ("f-1", "wm-1")
    assert rights(api, "f-1") == (("maillage/wm-1/f-1",), ())
    robot = add(api, robot="r-1", id="scrubber")
    assert (robot["id"], robot["site"]) == ("scrubber", "wm-1")
    said = tuple(f"uagv/v2/Acme/AC-1/{topic}" for topic in ("connection", "factsheet", "state", "visualization"))
    heard = ("uagv/v2/Acme/AC-1/instantActions", "uagv/v2/Acme/AC-1/order")
    assert rights(api, "scrubber") == (said, heard)


def test_clients_come_by_pages_and_by_site(api: Api) -> None:
    for number in range(5):
        add(api, id=f"c-{number}", site=f"wm-{1 + number % 2}", publish=["x"])
    first = api.ok("GET", "/v1/mqtt-clients?limit=3")
    assert [each["id"] for each in first["items"]] == ["c-0", "c-1", "c-2"] and first["next"] == "c-2"
    assert ids(api, "?limit=3&cursor=c-2") == ["c-3", "c-4"]
    assert ids(api, "?site=wm-2") == ["c-1", "c-3"]


def test_what_can_not_be_is_refused_and_leaves_nothing(api: Api) -> None:
    for asked, status, told in REFUSED:
        response = api.call("POST", "/v1/mqtt-clients", asked)
        problem = assert_problem(response, status, "not-found" if status == 404 else "invalid")
        assert told in problem["detail"]
    assert ids(api) == []


def test_a_name_is_given_once(api: Api) -> None:
    password = add(api, device="f-1")["password"]
    assert_problem(api.call("POST", "/v1/mqtt-clients", {"device": "f-1"}), 409, "already-exists")
    assert admission(api).admit("f-1", password) is not None


def test_clients_are_for_staff_and_positions_of_sessions_not_for_nodes(api: Api) -> None:
    tenant, node = api.tenant("acme"), api.tenant("store", "node")
    add(api, id="drones", publish=["maillage/positions/#"])
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"device": "f-1"}),
        ("POST", "/drones/rotate", None),
        ("DELETE", "/drones", None),
    ):
        assert_problem(api.call(method, f"/v1/mqtt-clients{path}", body, tenant), 403, "not-allowed")
    assert api.call("POST", "/v1/mqtt-clients", {"device": "f-1"}, node).status_code == 201
    for body in ({"id": "spy", "subscribe": ["#"]}, {"id": "liar", "publish": ["maillage/+/se_1"]}):
        assert_problem(api.call("POST", "/v1/mqtt-clients", body, node), 403, "not-allowed")
    for method, path in (("POST", "drones/rotate"), ("DELETE", "drones")):
        assert_problem(api.call(method, f"/v1/mqtt-clients/{path}", None, node), 403, "not-allowed")
    assert ids(api) == ["drones", "f-1"]


def test_a_devices_client_follows_it_to_another_profile_and_ends_with_it(api: Api) -> None:
    password = add(api, device="f-1")["password"]
    add(api, id="by-hand", publish=["maillage/wm-1/f-1"])
    add(api, id="gateway", publish=["maillage/wm-1/+"])
    api.ok("PUT", "/v1/profiles/probe", PROBE)
    api.ok("PUT", "/v1/devices/f-1", {"profile": "probe"})
    assert rights(api, "f-1") == rights(api, "by-hand") == (("plant/wm-1/f-1/t",), ())
    assert rights(api, "gateway") == (("maillage/wm-1/+",), ())
    assert admission(api).admit("f-1", password) is not None, "it keeps its password"

    api.ok("PUT", "/v1/profiles/probe", {**PROBE, "topic": "other/{device}/{measure}"})
    assert rights(api, "f-1") == (("other/f-1/t",), ())
    api.ok(
        "POST",
        "/v1/devices/import",
        content=b"id,site,profile\nf-1,wm-1,freezer\n",
        headers={"Content-Type": "text/csv"},
    )
    assert rights(api, "f-1") == (("maillage/wm-1/f-1",), ())

    assert_problem(api.call("PUT", "/v1/devices/f-1", {"profile": "nothing"}), 422, "invalid")
    assert rights(api, "f-1") == (("maillage/wm-1/f-1",), ())
    api.call("DELETE", "/v1/devices/f-1")
    assert ids(api) == ["gateway"]
    assert_problem(api.call("POST", "/v1/mqtt-clients", {"device": "f-1"}), 422, "invalid")


def test_a_client_never_follows_into_the_positions_of_sessions(api: Api) -> None:
    add(api, device="f-1")
    api.ok("PUT", "/v1/profiles/liar", {**PROBE, "topic": "maillage/positions/{device}", "format": "json"})
    api.ok("PUT", "/v1/devices/f-1", {"profile": "liar"})
    assert ids(api) == []


def test_a_device_with_a_topic_for_each_measure_gets_them_all(api: Api) -> None:
    (measure,) = PROBE["measures"]
    many = [{**measure, "name": f"t{number}"} for number in range(FILTERS_MAX)]
    api.ok("PUT", "/v1/profiles/probe", {**PROBE, "measures": many})
    api.ok("POST", "/v1/devices", {"id": "p-1", "site": "wm-1", "profile": "probe"})
    assert len(add(api, device="p-1")["publish"]) == FILTERS_MAX


def test_an_edge_node_gets_what_sparkplug_needs_and_a_device_behind_one_gets_nothing(api: Api) -> None:
    api.ok("PUT", "/v1/profiles/node", SPARKPLUG)
    api.ok("POST", "/v1/devices", {"id": "edge", "site": "wm-1", "profile": "node"})
    add(api, device="edge")
    assert rights(api, "edge") == (("spBv1.0/wm-1/+/edge/#",), ("spBv1.0/wm-1/NCMD/edge",))
    api.ok("PUT", "/v1/profiles/behind", {**SPARKPLUG, "topic": "spBv1.0/{site}/DDATA/edge/{device}"})
    api.ok("POST", "/v1/devices", {"id": "b-1", "site": "wm-1", "profile": "behind"})
    problem = assert_problem(api.call("POST", "/v1/mqtt-clients", {"device": "b-1"}), 422, "invalid")
    assert "spBv1.0/wm-1/+/edge/#" in problem["detail"] and "spBv1.0/wm-1/NCMD/edge" in problem["detail"]
    api.call("DELETE", "/v1/devices/b-1")
    assert ids(api) == ["edge"], "the node goes on for the others"


def test_a_robots_client_ends_with_it(api: Api) -> None:
    add(api, robot="r-1")
    add(api, device="f-1")
    api.ok("PUT", "/v1/robots/r-1", {"name": "Scrubber", "clean_width_m": 0.7})
    assert ids(api) == ["f-1", "r-1"]
    assert api.call("DELETE", "/v1/robots/r-1").status_code == 204
    assert ids(api) == ["f-1"]


def test_where_there_is_no_broker_sessions_get_no_client(api: Api) -> None:
    assert_problem(api.call("POST", "/v1/sessions/se_1/mqtt-client"), 404, "no-devices-here")
    assert_problem(api.call("GET", "/v1/sessions/se_1/mqtt-client"), 404, "no-devices-here")


def test_a_hubs_server_has_no_devices(tmp_path: Path) -> None:
    with opened(tmp_path / "bare") as bare:
        assert_problem(bare.call("GET", "/v1/mqtt-clients"), 404, "no-devices-here")
        assert_problem(bare.call("POST", "/v1/mqtt-clients", {"device": "f-1"}), 404, "no-devices-here")
