"""The commands for alarms and the HACCP log: what they ask, and what they show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from maillage.faces.cli import sensing_alarms, sensing_haccp
from maillage.faces.cli.client import Api
from maillage.faces.cli.failures import Problem
from maillage.faces.cli.sensing_alarms import alarms_app
from maillage.faces.cli.sensing_haccp import haccp_app
from tests.unit.faces.http.coldchain_api import ColdApi, cold
from tests.unit.services.sensing.coldchain.coldchain_world import SITE


class Within(Api):
    """The way of the commands to a chain that is open already."""

    def __init__(self, api: ColdApi) -> None:
        super().__init__()
        self._api = api

    def __enter__(self) -> "Within":
        self.chain, self._client, self._runner = self._api.chain, self._api.client, self._api._runner
        self._client.headers["Authorization"] = f"Bearer {self._api.operator}"
        return self

    def __exit__(self, *_: object) -> None:
        """It stays open."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ColdApi]:
    with cold(tmp_path, monkeypatch) as api:
        for module in (sensing_alarms, sensing_haccp):
            monkeypatch.setattr(module, "Api", lambda **_: Within(api))
        yield api


def ok(commands: typer.Typer, *words: str) -> str:
    result = CliRunner().invoke(commands, list(words))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def told(commands: typer.Typer, *words: str) -> Any:
    return json.loads(ok(commands, *words, "--json"))


def refused(commands: typer.Typer, *words: str) -> Problem:
    result = CliRunner().invoke(commands, list(words))
    assert isinstance(result.exception, Problem), result.output
    return result.exception


def test_an_alarm_is_seen_to_from_the_command_line(api: ColdApi) -> None:
    alarm = api.alarm()
    assert alarm in ok(alarms_app, "list") and "freezer-1" in ok(alarms_app, "list", "--site", SITE)
    assert told(alarms_app, "list", "--state", "verified")["items"] == []
    assert ok(alarms_app, "acknowledge", alarm, "--by", "Ann").startswith(f"{alarm} acknowledged: critical, wm-1")
    ok(alarms_app, "downgrade", alarm, "--by", "Ann", "--note", "it is empty")
    acted = ok(alarms_app, "action", alarm, "--by", "Ann", "--text", "shut the door", "--product", "kept", "--lot", "7")
    assert acted.startswith(f"{alarm} corrected")
    api.well()
    ok(alarms_app, "verify", alarm, "--by", "Bob", "--role", "manager")
    shown = ok(alarms_app, "show", alarm)
    for line in ("shut the door (product kept), by Ann", "by Bob, manager, at", "air above -9", "raised"):
        assert line in shown
    assert told(alarms_app, "list", "--state", "any")["items"][0]["state"] == "verified"
    assert refused(alarms_app, "verify", alarm, "--by", "Bob", "--role", "manager").slug == "alarm-state"


def test_a_snooze_is_for_minutes_from_now(api: ColdApi) -> None:
    import time

    api.clock.set(int(time.time()))
    api.desk.tick(1_000 * api.clock.now())
    alarm = api.alarm()
    ok(alarms_app, "snooze", alarm, "--by", "Ann", "--minutes", "20")
    assert "snoozed until" in ok(alarms_app, "show", alarm)


def test_a_plan_is_set_from_a_file(api: ColdApi, tmp_path: Path) -> None:
    assert "console" in ok(alarms_app, "plan", SITE)
    file = tmp_path / "plan.json"
    file.write_text('{"steps": [{"after_s": 60, "to": ["console"], "severity": "critical"}]}')
    assert "60 s" in ok(alarms_app, "set-plan", SITE, str(file))
    file.write_text("{")
    assert CliRunner().invoke(alarms_app, ["set-plan", SITE, str(file)]).exit_code == 2


def test_the_log_is_shown_written_to_files_and_checked(api: ColdApi, tmp_path: Path) -> None:
    api.alarm()
    assert "limits set" in ok(haccp_app, "show", SITE)
    csv, pdf = tmp_path / "log.csv", tmp_path / "log.pdf"
    assert str(csv) in ok(haccp_app, "export", SITE, "--csv", str(csv), "--pdf", str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert ok(haccp_app, "verify", SITE).startswith("whole: entries 1 to ")
    assert told(haccp_app, "verify", "--csv", str(csv))["ok"]
    csv.write_text(csv.read_text("utf-8").replace("critical", "harmless"), "utf-8")
    result = CliRunner().invoke(haccp_app, ["verify", "--csv", str(csv)])
    assert result.exit_code == 1 and "it was changed" in result.stdout


def test_a_check_by_hand_is_entered(api: ColdApi) -> None:
    said = ok(
        haccp_app, "check", SITE, "freezer-1", "--by", "Ann", "--reference", "-18", "--calibration", "--", "-18.2"
    )
    assert "-0.2 K off, passed" in said
    assert told(haccp_app, "show", SITE, "--all")["items"][-1]["kind"] == "calibration"


def test_what_can_not_be_is_told(api: ColdApi) -> None:
    assert refused(haccp_app, "show", "nowhere").slug == "not-found"
    assert refused(haccp_app, "export", "nowhere", "--csv", "x.csv").slug == "not-found"
    assert refused(alarms_app, "show", "wm-1~a9").slug == "not-found"
    for words in (["export", SITE], ["verify"], ["verify", SITE, "--csv", "x"]):
        assert CliRunner().invoke(haccp_app, words).exit_code == 2
