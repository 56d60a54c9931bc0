"""The commands for webhooks, on a data folder: what they ask, and what they show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from maillage.faces.cli.main import app
from tests.receiver import Answer, Receiver, receiving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY", "MAILLAGE_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAILLAGE_WEBHOOKS_ALLOW_LOCAL", "1")
    return tmp_path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["webhook", *words])


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def test_a_webhooks_life(receiver: Receiver) -> None:
    issued = document("create", receiver.url, "--type", "maillage.lease.*", "--type", "maillage.site.set")
    webhook_id = issued["id"]
    assert document("show", webhook_id)["types"] == ["maillage.lease.*", "maillage.site.set"]
    assert [one["id"] for one in document("list", "--tenant", "operator")["items"]] == [webhook_id]
    assert document("list", "--tenant", "acme")["items"] == []

    assert document("test", webhook_id)["delivered"]
    assert receiver.got[0].verified_by(issued["secret"])["type"] == "maillage.webhook.test"
    rotated = document("rotate", webhook_id)
    document("test", webhook_id)
    for secret in (issued["secret"], rotated["secret"]):
        assert receiver.got[1].verified_by(secret)

    assert document("dead", webhook_id, "--all") == {"items": [], "next": None}
    assert document("replay", webhook_id) == {"replayed": 0}
    assert document("replay", webhook_id, "--id", "msg_1", "--id", "msg_2") == {"replayed": 0}
    assert document("enable", webhook_id)["state"] == "enabled"
    assert document("delete", webhook_id) == {"id": webhook_id, "deleted": True}
    assert document("list") == {"items": [], "next": None}


def test_what_people_are_shown(receiver: Receiver) -> None:
    created = run("create", receiver.url)
    webhook_id = created.stdout.split()[1]
    assert "whsec_" in created.stdout and "only this once" in created.stderr
    assert webhook_id in ok("list") and receiver.url in ok("list")
    shown = ok("show", webhook_id)
    assert "state" in shown and "enabled" in shown and "maillage.*" in shown
    assert "taken: it answered 204" in ok("test", webhook_id)
    assert "former signs until" in ok("rotate", webhook_id)
    assert "No dead letter." in ok("dead", webhook_id)
    assert "0 on their way again" in ok("replay", webhook_id)
    assert "is told nothing any more" in ok("delete", webhook_id)
    assert "No webhook." in ok("list")


def test_a_test_that_is_not_taken_ends_with_one(receiver: Receiver) -> None:
    webhook_id = document("create", receiver.url)["id"]
    receiver.usual = Answer(500)
    done = run("test", webhook_id)
    assert done.exit_code == 1 and "not taken: answered 500" in done.stdout


def test_an_address_that_nothing_may_be_sent_to_is_usage() -> None:
    done = run("create", "https://10.0.0.1/", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["field"] == "url"


def test_a_webhook_for_a_tenant_that_does_not_exist_is_refused(receiver: Receiver) -> None:
    assert run("create", receiver.url, "--tenant", "nobody").exit_code == 1
