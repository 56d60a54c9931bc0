"""Profiles, devices and readings by HTTP: who may do what, and what is said of what can't be."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.services.sensing.model import Reading
from tests.unit.faces.http.api import NOW, Api, assert_problem, opened
from tests.unit.faces.http.sensing_chain import open_with_devices

PROBE = {
    "name": "Probe",
    "measures": [{"name": "t", "unit": "Cel", "role": "temperature", "minimum": -40, "maximum": 60}],
    "rules": [{"id": "warm", "measure": "t", "side": "above", "limit": 5, "dwell_s": 60, "severity": "warning"}],
}
FREEZER = {"id": "f-1", "site": "wm-1", "profile": "freezer", "name": "Ice cream", "unit": "island"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with opened(tmp_path / "chain", lambda folder, clock: open_with_devices(folder, clock)) as one:
        one.site("wm-1")
        one.site("wm-2")
        yield one


def say(api: Api, *values: float, device: str = "f-1", measure: str = "temperature", apart_s: int = 60) -> None:
    """Readings that end now."""
    first = NOW - (len(values) - 1) * apart_s
    readings = [
        Reading("wm-1", device, measure, (first + number * apart_s) * 1_000, value)
        for number, value in enumerate(values)
    ]
    api.chain.sensing.readings.append(readings)


def test_a_devices_life(api: Api) -> None:
    made = api.ok("POST", "/v1/devices", FREEZER)
    assert made == {
        **FREEZER,
        "created_at": "2026-11-01T12:00:00Z",
        "retired_at": None,
        "topics": ["maillage/wm-1/f-1"],
    }
    assert api.ok("GET", "/v1/devices/f-1") == {**made, "last": {}, "last_seen": None}
    say(api, -18.254, -18.5)
    shown = api.ok("GET", "/v1/devices/f-1")
    assert shown["last"] == {"temperature": {"at": "2026-11-01T12:00:00.000Z", "value": -18.5, "unit": "Cel"}}
    assert shown["last_seen"] == "2026-11-01T12:00:00.000Z"
    changed = api.ok("PUT", "/v1/devices/f-1", {"profile": "chiller"})
    assert (changed["profile"], changed["name"], changed["unit"]) == ("chiller", "f-1", "f-1")
    assert api.call("DELETE", "/v1/devices/f-1").status_code == 204
    assert api.ok("GET", "/v1/devices")["items"] == []
    (retired,) = api.ok("GET", "/v1/devices?retired=true")["items"]
    assert (retired["retired_at"], retired["topics"]) == ("2026-11-01T12:00:00Z", [])
    assert len(api.ok("GET", "/v1/devices/f-1/readings")["items"]) == 2


def test_readings_each_and_by_steps_and_as_csv(api: Api) -> None:
    api.ok("POST", "/v1/devices", FREEZER)
    say(api, *[-18.0, -19.0, -20.0, -21.0])
    document = api.ok("GET", "/v1/devices/f-1/readings")
    items = document.pop("items")
    assert document.pop("full_since") in (None, "2026-08-03T00:00:00Z")  # upkeep may have had its first turn
    assert document == {
        "device": "f-1",
        "measure": "temperature",
        "unit": "Cel",
        "start": "2026-10-31T12:00:01Z",
        "end": "2026-11-01T12:00:01Z",
        "step_s": None,
    }
    assert items[-1] == {"at": "2026-11-01T12:00:00.000Z", "value": -21.0} and len(items) == 4
    path = "/v1/devices/f-1/readings?start=2026-11-01T11:57:00Z&end=2026-11-01T12:00:00Z&step_s=7200"
    by_step = api.ok("GET", path)
    assert by_step["items"] == [{"at": "2026-11-01T10:00:00.000Z", "low": -20, "mean": -19, "high": -18, "count": 3}]
    answer = api.call("GET", path + "&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(answer.text)))[1] == ["2026-11-01T10:00:00.000Z", "-20.0", "-19.0", "-18.0", "3"]


def test_lists_go_page_by_page(api: Api) -> None:
    for number in range(4):
        api.ok("POST", "/v1/devices", {"id": f"d{number}", "site": f"wm-{1 + number % 2}", "profile": "chiller"})
    first = api.ok("GET", "/v1/devices?limit=3")
    second = api.ok("GET", f"/v1/devices?limit=3&cursor={first['next']}")
    assert [each["id"] for each in first["items"] + second["items"]] == ["d0", "d1", "d2", "d3"]
    assert [each["id"] for each in api.ok("GET", "/v1/devices?site=wm-2&unit=d3")["items"]] == ["d3"]
    assert_problem(api.call("GET", f"/v1/devices?site=wm-1&cursor={first['next']}"), 422, "invalid")


def test_profiles_are_entered_changed_and_forgotten(api: Api) -> None:
    assert [each["id"] for each in api.ok("GET", "/v1/profiles")["items"]][:2] == ["freezer", "chiller"]
    made = api.ok("PUT", "/v1/profiles/probe", PROBE)
    assert (made["id"], made["shipped"], made["devices"]) == ("probe", False, 0)
    assert (made["topic"], made["measures"][0]["path"], made["rules"][0]["clear_s"]) == (
        "maillage/{site}/{device}",
        "t",
        600,
    )
    assert api.ok("GET", "/v1/profiles/probe") == made
    given_back = {name: value for name, value in made.items() if name not in ("id", "shipped", "devices")}
    assert api.ok("PUT", "/v1/profiles/probe", given_back) == made
    api.ok("POST", "/v1/devices", {**FREEZER, "profile": "probe"})
    refused = api.call("DELETE", "/v1/profiles/probe")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/profile-in-use")
    assert refused.json()["devices"] == ["f-1"]
    api.ok("DELETE", "/v1/devices/f-1")
    api.ok("DELETE", "/v1/profiles/probe")
    assert_problem(api.call("GET", "/v1/profiles/probe"), 404, "not-found")


def test_a_file_of_devices(api: Api) -> None:
    text = "id,site,profile\nf-1,wm-1,freezer\nf-2,wm-9,freezer\n"
    report = api.ok("POST", "/v1/devices/import", content=text, headers={"Content-Type": "text/csv"})
    assert (report["imported"], report["rejected"]) == (1, 1)
    assert report["rejections"] == [{"line": 3, "id": "f-2", "reason": "site: the chain has no site 'wm-9' here"}]
    wrong = api.call("POST", "/v1/devices/import", content="id,site\n", headers={"Content-Type": "text/csv"})
    assert_problem(wrong, 400, "malformed")


def test_only_staff_sees_and_changes_them(api: Api) -> None:
    acme, node = api.tenant("acme"), api.tenant("a-node", "node")
    api.ok("PUT", "/v1/profiles/probe", PROBE, node)
    api.ok("POST", "/v1/devices", FREEZER, node)
    for method, path, body in (
        ("GET", "/v1/profiles", None),
        ("GET", "/v1/profiles/freezer", None),
        ("PUT", "/v1/profiles/probe", PROBE),
        ("DELETE", "/v1/profiles/probe", None),
        ("GET", "/v1/devices", None),
        ("POST", "/v1/devices", FREEZER),
        ("GET", "/v1/devices/f-1", None),
        ("GET", "/v1/devices/none", None),
        ("PUT", "/v1/devices/f-1", {"profile": "chiller"}),
        ("DELETE", "/v1/devices/f-1", None),
        ("GET", "/v1/devices/f-1/readings", None),
    ):
        assert_problem(api.call(method, path, body, acme), 403, "not-allowed")
        assert_problem(api.call(method, path, body, ""), 401, "no-key")
    file = {"Content-Type": "text/csv"}
    assert_problem(api.call("POST", "/v1/devices/import", key=acme, content="id", headers=file), 403, "not-allowed")
    api.ok("DELETE", "/v1/devices/f-1", key=node)
    api.ok("DELETE", "/v1/profiles/probe", key=node)
    acts = [entry["action"] for entry in api.ok("GET", "/v1/audit?limit=1000&actor=a-node")["items"]]
    assert acts == ["profile.set", "device.create", "device.retire", "profile.drop"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("POST", "/v1/devices", {**FREEZER, "profile": "none"}, 422, "invalid"),
        ("POST", "/v1/devices", {**FREEZER, "site": "none"}, 422, "invalid"),
        ("POST", "/v1/devices", {**FREEZER, "id": "a b"}, 422, "invalid"),
        ("POST", "/v1/devices", {**FREEZER, "colour": "red"}, 422, "invalid"),
        ("POST", "/v1/devices", {"id": "f-1"}, 422, "invalid"),
        ("POST", "/v1/devices", None, 400, "malformed"),
        ("POST", "/v1/devices", {**FREEZER, "id": "there"}, 409, "already-exists"),
        ("PUT", "/v1/devices/there", {"profile": "none"}, 422, "invalid"),
        ("PUT", "/v1/devices/none", {"profile": "freezer"}, 404, "not-found"),
        ("GET", "/v1/devices/none", None, 404, "not-found"),
        ("GET", "/v1/devices/none/readings", None, 404, "not-found"),
        ("DELETE", "/v1/devices/none", None, 404, "not-found"),
        ("GET", "/v1/devices/there/readings?measure=none", None, 404, "not-found"),
        ("GET", "/v1/devices/there/readings?start=yesterday", None, 422, "invalid"),
        ("GET", "/v1/devices/there/readings?start=2026-11-02T00:00:00Z", None, 422, "invalid"),
        ("GET", "/v1/devices/there/readings?step_s=0", None, 422, "invalid"),
        ("GET", "/v1/devices/there/readings?step_s=x", None, 422, "invalid"),
        ("GET", "/v1/devices/there/readings?format=xml", None, 422, "invalid"),
        ("PUT", "/v1/profiles/a%20b", PROBE, 422, "invalid"),
        ("PUT", "/v1/profiles/probe", {**PROBE, "topic": "x/#"}, 422, "invalid"),
        ("PUT", "/v1/profiles/probe", {**PROBE, "measures": []}, 422, "invalid"),
        ("PUT", "/v1/profiles/probe", {**PROBE, "interval_s": "5"}, 422, "invalid"),
        ("DELETE", "/v1/profiles/freezer", None, 422, "invalid"),
        ("DELETE", "/v1/profiles/none", None, 404, "not-found"),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_nothing(
    api: Api, method: str, path: str, body: Any, status: int, slug: str
) -> None:
    api.ok("POST", "/v1/devices", {**FREEZER, "id": "there"})
    assert_problem(api.call(method, path, body), status, slug)
    assert [each["id"] for each in api.ok("GET", "/v1/devices?retired=true")["items"]] == ["there"]
    assert all(each["shipped"] for each in api.ok("GET", "/v1/profiles")["items"])


def test_too_much_at_once_is_refused_with_a_step_that_works(api: Api) -> None:
    api.ok("POST", "/v1/devices", FREEZER)
    say(api, *[-18.0] * 100_002, apart_s=1)
    path = "/v1/devices/f-1/readings?start=2026-10-30T00:00:00Z"
    refused = assert_problem(api.call("GET", path), 422, "invalid")
    assert (refused["points"], refused["step_s"]) == (100_002, 5)
    assert api.ok("GET", f"{path}&step_s=5")["items"][0]["count"] <= 5
