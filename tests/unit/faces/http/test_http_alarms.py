"""Alarms and the HACCP log by HTTP: who may, what comes of it, and what is refused."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.services.sensing.coldchain.haccp.csv_file import check_csv
from tests.unit.faces.http.api import assert_problem
from tests.unit.faces.http.coldchain_api import ColdApi, cold
from tests.unit.services.sensing.coldchain.coldchain_world import SITE

SEEN = {"by": "Ann"}
MOVED = {"by": "Ann", "text": "moved to freezer 2", "disposition": "moved", "lot": "L7"}
PLAN = {"steps": [{"after_s": 0, "to": ["console"]}]}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ColdApi]:
    with cold(tmp_path, monkeypatch) as api:
        yield api


def test_an_alarm_goes_from_raised_to_verified(api: ColdApi) -> None:
    alarm = api.alarm()
    (listed,) = api.ok("GET", f"/v1/alarms?site={SITE}&state=open&unit=freezer-1")["items"]
    assert (listed["id"], listed["state"], listed["history"]) == (alarm, "raised", None)
    assert api.ok("POST", f"/v1/alarms/{alarm}/acknowledge", SEEN)["state"] == "acknowledged"
    assert api.ok("POST", f"/v1/alarms/{alarm}/action", MOVED)["state"] == "corrected"
    assert_problem(api.call("POST", f"/v1/alarms/{alarm}/verify", {"by": "Bob", "role": "boss"}), 409, "alarm-state")
    api.well()
    assert api.ok("GET", f"/v1/alarms/{alarm}")["state"] == "cleared"
    verified = api.ok("POST", f"/v1/alarms/{alarm}/verify", {"by": "Bob", "role": "store manager"})
    assert verified["verified"]["role"] == "store manager"
    assert [step["what"] for step in verified["history"]][-2:] == ["cleared", "verified"]
    assert api.ok("GET", "/v1/alarms?state=open")["items"] == []
    actions = [entry["action"] for entry in api.ok("GET", "/v1/audit")["items"]]
    assert {"alarm.acknowledge", "alarm.action", "alarm.verify"} <= set(actions)


def test_it_is_snoozed_and_downgraded(api: ColdApi) -> None:
    alarm = api.alarm()
    until = "2026-11-01T12:30:00Z"
    assert api.ok("POST", f"/v1/alarms/{alarm}/snooze", {"by": "Ann", "until": until})["snoozed_until"] == until
    assert api.ok("POST", f"/v1/alarms/{alarm}/downgrade", {"by": "Ann", "note": "empty"})["level"] == "warning"
    late = {"by": "Ann", "until": "2026-11-02T12:30:00Z"}
    assert_problem(api.call("POST", f"/v1/alarms/{alarm}/snooze", late), 422, "invalid")


def test_notices_go_into_the_journal_of_the_store(api: ColdApi) -> None:
    api.alarm()
    topics = [event.topic for event in events(api)]
    assert "sensing.alarm.raised" in topics and "sensing.haccp.anchored" in topics


def events(api: ColdApi) -> list[Any]:
    from maillage.kernel.events import decode_events

    return [event for batch in api.chain.journal.read() for event in decode_events(batch.body)]


def test_the_log_is_read_exported_and_checked(api: ColdApi) -> None:
    api.alarm()
    page = api.ok("GET", f"/v1/haccp/{SITE}?limit=2")
    assert [entry["seq"] for entry in page["items"]] == [1, 2] and page["next"] == "2"
    assert api.ok("GET", f"/v1/haccp/{SITE}?cursor=2&limit=2")["items"][0]["seq"] == 3
    exported = api.call("GET", f"/v1/haccp/{SITE}?format=csv")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == f'attachment; filename="haccp-{SITE}.csv"'
    assert check_csv(io.StringIO(exported.text, newline="")).ok
    pdf = api.call("GET", f"/v1/haccp/{SITE}?format=pdf")
    assert pdf.headers["content-type"] == "application/pdf" and pdf.content.startswith(b"%PDF")
    verdict = api.ok("GET", f"/v1/haccp/{SITE}/verify")
    assert verdict["ok"] and verdict["anchored"] == 4
    check = {"kind": "manual_check", "unit": "freezer-1", "by": "Ann", "measured": -18.5}
    entry = api.ok("POST", f"/v1/haccp/{SITE}", check)
    assert entry["by"] == "Ann" and entry["data"]["credential"].startswith("key:")


def test_a_plan_is_set_and_shown(api: ColdApi) -> None:
    assert not api.ok("GET", f"/v1/sites/{SITE}/escalation")["set"]
    assert api.ok("PUT", f"/v1/sites/{SITE}/escalation", PLAN)["set"]
    assert len(api.ok("GET", f"/v1/sites/{SITE}/escalation")["steps"]) == 1
    mail = {**PLAN, "contacts": {"a": {"email": "a@example.com"}}}
    problem = assert_problem(api.call("PUT", f"/v1/sites/{SITE}/escalation", mail), 422, "invalid")
    assert problem["field"] == "contacts.a.email"


REQUESTS = [
    ("GET", "/v1/alarms", None),
    ("GET", "/v1/alarms/wm-1~a1", None),
    ("POST", "/v1/alarms/wm-1~a1/acknowledge", SEEN),
    ("POST", "/v1/alarms/wm-1~a1/snooze", {"by": "A", "until": "2026-11-01T12:30:00Z"}),
    ("POST", "/v1/alarms/wm-1~a1/downgrade", {"by": "A", "note": "n"}),
    ("POST", "/v1/alarms/wm-1~a1/action", MOVED),
    ("POST", "/v1/alarms/wm-1~a1/verify", {"by": "A", "role": "r"}),
    ("GET", f"/v1/sites/{SITE}/escalation", None),
    ("PUT", f"/v1/sites/{SITE}/escalation", PLAN),
    ("GET", f"/v1/haccp/{SITE}", None),
    ("POST", f"/v1/haccp/{SITE}", {"kind": "manual_check", "unit": "u", "by": "A", "measured": 1}),
    ("GET", f"/v1/haccp/{SITE}/verify", None),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_tenants_have_nothing_to_do_with_it(api: ColdApi, method: str, path: str, body: Any) -> None:
    assert_problem(api.call(method, path, body, key=api.tenant("acme")), 403, "not-allowed")


def test_a_stores_own_system_may_do_all_of_it(api: ColdApi) -> None:
    api.alarm()
    key = api.tenant("store-1", "node")
    later = {"verify": (409, "alarm-state"), "snooze": (409, "alarm-state"), "downgrade": (200, "")}
    for method, path, body in REQUESTS:
        status, slug = later.get(path.rpartition("/")[2], (200, ""))
        answer = api.call(method, path, body, key=key)
        if slug and not path.startswith("/v1/haccp"):
            assert_problem(answer, status, slug)
        else:
            assert answer.status_code in (200, 201), (path, answer.text)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("GET", "/v1/alarms/wm-1~a99", None, 404, "not-found"),
        ("GET", "/v1/alarms?state=gone", None, 422, "invalid"),
        ("GET", "/v1/alarms?cursor=x", None, 422, "invalid"),
        ("POST", "/v1/alarms/wm-1~a99/acknowledge", SEEN, 404, "not-found"),
        ("POST", "/v1/alarms/wm-1~a1/acknowledge", {}, 422, "invalid"),
        ("POST", "/v1/alarms/wm-1~a1/acknowledge", {"by": " "}, 422, "invalid"),
        ("POST", "/v1/alarms/wm-1~a1/acknowledge", {"by": "A\nB"}, 422, "invalid"),
        ("POST", "/v1/alarms/wm-1~a1/action", {**MOVED, "disposition": "eaten"}, 422, "invalid"),
        ("POST", "/v1/alarms/wm-1~a1/snooze", {"by": "A", "until": "soon"}, 422, "invalid"),
        ("GET", "/v1/haccp/nowhere", None, 404, "not-found"),
        ("GET", "/v1/haccp/nowhere?format=csv", None, 404, "not-found"),
        ("GET", "/v1/haccp/nowhere/verify", None, 404, "not-found"),
        ("GET", "/v1/haccp/wm-1?format=xls", None, 422, "invalid"),
        ("GET", "/v1/haccp/wm-1?start=x", None, 422, "invalid"),
        ("GET", "/v1/haccp/wm-1?format=pdf&start=1970-01-02T00:00:00Z", None, 422, "invalid"),
        ("POST", "/v1/haccp/wm-1", {"kind": "calibration", "unit": "u", "by": "A", "measured": 1}, 422, "invalid"),
        ("PUT", "/v1/sites/nowhere/escalation", PLAN, 404, "not-found"),
        ("PUT", "/v1/sites/wm-1/escalation", {"steps": []}, 422, "invalid"),
        ("PUT", "/v1/sites/wm-1/escalation", {"steps": [{"after_s": -1, "to": ["console"]}]}, 422, "invalid"),
    ],
)
def test_what_can_not_be_is_refused(api: ColdApi, method: str, path: str, body: Any, status: int, slug: str) -> None:
    api.alarm()
    assert_problem(api.call(method, path, body), status, slug)
