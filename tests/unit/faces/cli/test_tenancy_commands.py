"""Keys that end and are replaced, quotas, and the audit, on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from maillage.faces.cli.main import app


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY", "MAILLAGE_ADMIN_KEY", "MAILLAGE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def test_a_key_is_made_with_an_end_and_a_rate_and_replaced() -> None:
    wanted = ("--role", "tenant", "--expires-at", "2099-01-01T00:00:00Z", "--per-s", "2.5", "--burst", "9")
    with pytest.raises(AssertionError, match="50 years"):
        ok("key", "create", "acme", *wanted)
    made = document("key", "create", "acme", "--role", "tenant", "--per-s", "2.5", "--burst", "9")
    (listed,) = document("key", "list", "acme")["items"]
    assert (listed["id"], listed["per_s"], listed["burst"]) == (made["id"], 2.5, 9)
    rotated = document("key", "rotate", made["id"], "--overlap-s", "0")
    assert rotated["replaces"] == made["id"] and rotated["key"] != made["key"]
    assert [key["id"] for key in document("key", "list", "acme")["items"]] == [rotated["id"]]
    assert "per second" in ok("key", "list", "acme")
    told = run("key", "rotate", rotated["id"])
    assert told.exit_code == 0 and "ends at" in told.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("key rotate unknown", 1),
        ("key rotate unknown --overlap-s -1", 2),
        ("key create operator --per-s nan", 2),
        ("key create operator --burst 0", 2),
        ("quota set operator cpu", 2),
        ("quota set operator warp 5", 2),
        ("quota set operator cpu much", 2),
        ("quota set nobody cpu 5", 1),
        ("quota drop operator cpu", 1),
        ("audit --after -1", 2),
        ("audit --limit 0", 2),
    ],
)
def test_what_can_not_be_is_refused_with_the_right_code(words: str, code: int) -> None:
    assert run(*words.split()).exit_code == code


def test_quotas_are_set_listed_and_dropped() -> None:
    ok("tenant", "create", "acme")
    assert document("quota", "set", "acme", "cpu", "64.5") == {"tenant": "acme", "kind": "cpu", "most": 64.5}
    assert ok("quota", "set", "acme", "memory", "4096") == "acme may have 4,096 memory\n"
    assert [quota["kind"] for quota in document("quota", "list", "acme")["items"]] == ["cpu", "memory"]
    assert "64.5" in ok("quota", "list", "acme")
    ok("quota", "drop", "acme", "cpu")
    assert [quota["kind"] for quota in document("quota", "list", "acme")["items"]] == ["memory"]


def test_the_audit_shows_what_was_done_here() -> None:
    ok("tenant", "create", "acme")
    ok("quota", "set", "acme", "cpu", "4")
    shown = document("audit")
    assert [(entry["actor"], entry["credential"], entry["action"]) for entry in shown["items"]] == [
        ("operator", "local", "tenant.create"),
        ("operator", "local", "quota.set"),
    ]
    first = document("audit", "--limit", "1")
    assert first["next"] == first["items"][0]["number"]
    assert [entry["action"] for entry in document("audit", "--after", str(first["next"]))["items"]] == ["quota.set"]
    assert document("audit", "--action", "key.revoke")["items"] == []
    assert "quota.set" in ok("audit") and "--after" in run("audit", "--limit", "1").output
    assert ok("audit", "--actor", "acme") == "Nothing is entered there.\n"
