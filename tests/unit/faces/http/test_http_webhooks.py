"""Webhooks by HTTP: who may do what, and what the answers look like. Nothing is delivered here but tests."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.receiver import Answer, Receiver, receiving, until
from tests.unit.faces.http.api import NOW as CLOCK_NOW
from tests.unit.faces.http.api import Api, assert_problem, opened

EVERYTHING = ["maillage.*"]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("MAILLAGE_WEBHOOKS_ALLOW_LOCAL", "1")
    monkeypatch.delenv("MAILLAGE_SECRET", raising=False)
    with opened(tmp_path / "chain") as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def made(api: Api, url: str = "http://127.0.0.1:9/", key: str | None = None, **more: Any) -> str:
    """The id of a new webhook."""
    webhook_id: str = api.ok("POST", "/v1/webhooks", {"url": url, **more}, key)["id"]
    return webhook_id


def test_a_webhook_is_registered_with_a_secret_that_is_shown_once(api: Api) -> None:
    acme = api.tenant("acme")
    response = api.call("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/x?y=1"}, acme)
    issued = response.json()
    assert response.status_code == 201
    assert issued.keys() == {"id", "secret"} and issued["secret"].startswith("whsec_")
    shown = api.ok("GET", f"/v1/webhooks/{issued['id']}", key=acme)
    assert shown == {
        "id": issued["id"],
        "tenant": "acme",
        "url": "http://127.0.0.1:9/x?y=1",
        "types": EVERYTHING,
        "state": "enabled",
        "reason": None,
        "created_at": "2026-11-01T12:00:00Z",
        "failing_since": None,
    }
    assert api.ok("GET", "/v1/webhooks", key=acme) == {"items": [shown], "next": None}


def test_a_tenant_sees_and_moves_only_its_own(api: Api) -> None:
    acme, other = api.tenant("acme"), api.tenant("other")
    theirs = made(api, key=other)
    mine = made(api, key=acme)
    assert [one["id"] for one in api.ok("GET", "/v1/webhooks", key=acme)["items"]] == [mine]
    assert [one["id"] for one in api.ok("GET", "/v1/webhooks?tenant=other", key=acme)["items"]] == [mine]
    for method, rest in [
        *(("GET", rest) for rest in ("", "/dead")),
        *(("POST", rest) for rest in ("/rotate", "/test", "/replay", "/enable")),
        ("DELETE", ""),
    ]:
        assert_problem(api.call(method, f"/v1/webhooks/{theirs}{rest}", key=acme), 404, "not-found")
    assert_problem(
        api.call("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/", "tenant": "other"}, acme), 403, "not-allowed"
    )
    assert made(api, key=acme, tenant="acme")


def test_an_operator_sees_all_and_registers_for_tenants(api: Api) -> None:
    acme = api.tenant("acme")
    own, for_acme = made(api), made(api, tenant="acme", types=["maillage.lease.ended"])
    assert {one["tenant"] for one in api.ok("GET", "/v1/webhooks")["items"]} == {"operator", "acme"}
    (shown,) = api.ok("GET", "/v1/webhooks?tenant=acme")["items"]
    assert (shown["id"], shown["types"]) == (for_acme, ["maillage.lease.ended"])
    assert api.ok("GET", f"/v1/webhooks/{for_acme}", key=acme) == shown
    sees = {webhook.id: webhook.sees for webhook in api.run(api.chain.webhooks.list_webhooks(None))}
    assert sees == {own: None, for_acme: "acme"}
    nobody = {"url": "http://127.0.0.1:9/", "tenant": "nobody"}
    assert_problem(api.call("POST", "/v1/webhooks", nobody), 404, "not-found")


def test_a_nodes_key_has_no_webhooks(api: Api) -> None:
    node = api.tenant("store-7", "node")
    for method in ("GET", "POST"):
        body = {"url": "http://127.0.0.1:9/"} if method == "POST" else None
        assert_problem(api.call(method, "/v1/webhooks", body, node), 403, "not-allowed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"url": ""}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "http://192.168.0.1/"}, "url"),
        ({"url": "https://user:word@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/", "types": ["lease.granted"]}, "types"),
        ({"url": "http://127.0.0.1/", "types": "maillage.*"}, "types"),
        ({"url": "http://127.0.0.1/", "secret": "mine"}, "body"),
    ],
)
def test_what_can_not_be_registered_is_422_and_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    assert assert_problem(api.call("POST", "/v1/webhooks", body), 422, "invalid")["field"] == field


def test_without_leave_nothing_is_sent_to_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILLAGE_WEBHOOKS_ALLOW_LOCAL", raising=False)
    with opened(tmp_path / "strict") as strict:
        for url in ("http://127.0.0.1/", "https://127.0.0.1/", "https://localhost/"):
            assert_problem(strict.call("POST", "/v1/webhooks", {"url": url}), 422, "invalid")


def test_a_tenant_can_have_twenty(api: Api) -> None:
    acme = api.tenant("acme")
    for _ in range(20):
        made(api, key=acme)
    refused = api.call("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/"}, acme)
    assert assert_problem(refused, 409, "too-many-webhooks")["tenant"] == "acme"


def test_a_rotation_gives_another_secret_and_says_how_long_both_sign(api: Api) -> None:
    issued = api.ok("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/"})
    rotated = api.ok("POST", f"/v1/webhooks/{issued['id']}/rotate")
    assert rotated["id"] == issued["id"] and rotated["secret"] != issued["secret"]
    assert rotated["former_until"] == "2026-11-02T12:00:00Z"


def test_a_test_says_what_came_of_it(api: Api, receiver: Receiver) -> None:
    webhook_id = made(api, receiver.url)
    receiver.answers = [Answer(200), Answer(500)]
    taken = api.ok("POST", f"/v1/webhooks/{webhook_id}/test")
    assert taken == {"id": receiver.got[0].id, "delivered": True, "status": 200, "reason": None}
    failed = api.ok("POST", f"/v1/webhooks/{webhook_id}/test")
    assert failed == {"id": receiver.got[1].id, "delivered": False, "status": 500, "reason": "answered 500"}


def test_dead_letters_come_in_pages_and_are_replayed(api: Api) -> None:
    webhook_id = made(api)
    api.site("wm-1", cpu=8, memory=16)
    records = api.chain.webhooks._records
    api.run(_entered(api, lambda: len(records.due(webhook_id, CLOCK_NOW + 99, 9)) == 3))
    for delivery in records.due(webhook_id, CLOCK_NOW + 99, 9):
        records.give_up(delivery, CLOCK_NOW, "answered 500")
    page = api.ok("GET", f"/v1/webhooks/{webhook_id}/dead?limit=2")
    assert [letter["event"]["type"] for letter in page["items"]] == ["maillage.site.set", "maillage.pool.resized"]
    assert page["items"][0].keys() == {"id", "attempts", "reason", "given_up_at", "event"}
    rest = api.ok("GET", f"/v1/webhooks/{webhook_id}/dead?limit=2&cursor={page['next']}")
    assert (len(rest["items"]), rest["next"]) == (1, None)
    for cursor in ("x", "-1", "1" * 20):
        assert_problem(api.call("GET", f"/v1/webhooks/{webhook_id}/dead?cursor={cursor}"), 422, "invalid")
    one = {"ids": [page["items"][0]["id"]]}
    assert api.ok("POST", f"/v1/webhooks/{webhook_id}/replay", one) == {"replayed": 1}
    assert api.ok("POST", f"/v1/webhooks/{webhook_id}/replay") == {"replayed": 2}
    assert api.ok("GET", f"/v1/webhooks/{webhook_id}/dead") == {"items": [], "next": None}


def test_a_disabled_webhook_says_why_and_is_enabled_again(api: Api) -> None:
    webhook_id = made(api)
    api.chain.webhooks._records.disable(webhook_id, CLOCK_NOW, "it answered 410")
    shown = api.ok("GET", f"/v1/webhooks/{webhook_id}")
    assert (shown["state"], shown["reason"]) == ("disabled", "it answered 410")
    refused = api.call("POST", f"/v1/webhooks/{webhook_id}/replay")
    assert assert_problem(refused, 409, "webhook-disabled")["reason"] == "it answered 410"
    for _ in range(2):
        assert api.ok("POST", f"/v1/webhooks/{webhook_id}/enable")["state"] == "enabled"


def test_a_deleted_webhook_is_gone(api: Api) -> None:
    webhook_id = made(api)
    assert api.call("DELETE", f"/v1/webhooks/{webhook_id}").status_code == 204
    assert_problem(api.call("DELETE", f"/v1/webhooks/{webhook_id}"), 404, "not-found")
    assert api.ok("GET", "/v1/webhooks")["items"] == []


def test_the_same_secret_comes_of_the_same_master_after_a_restart(tmp_path: Path, receiver: Receiver, api: Api) -> None:
    issued = api.ok("POST", "/v1/webhooks", {"url": receiver.url})
    secret = api.chain.webhooks._signing.of(issued["id"], 1)
    assert secret == issued["secret"]
    assert (api.folder / "secret").exists()
    raw = (api.folder / "records.db").read_bytes() + (api.folder / "records.db-wal").read_bytes()
    assert secret.removeprefix("whsec_").encode() not in raw


async def _entered(api: Api, enough: Callable[[], bool]) -> None:
    """Have webhooks looked after until there is enough."""
    api.chain.webhooks.start()
    try:
        await asyncio.to_thread(until, enough)
    finally:
        await api.chain.webhooks.stop()
