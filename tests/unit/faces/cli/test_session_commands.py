"""The commands for sessions, on a data folder: what they ask, and what they show. Each is a process of its own to the
session, which outlives it."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from maillage.faces.cli import compute_sessions
from maillage.faces.cli.main import app

CODE = Path(__file__).parents[2] / "engines" / "wasmtime" / "code" / "app.wat"
START = ("--device", "cab-7", "--at", "36.37,-94.21", "--need", "cpu=0.5")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two stores 14 km apart, and the operator's app ``guide``."""
    wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    (tmp_path / "stores.csv").write_text("id,name,lat,lon\nwm-1,One,36.37,-94.21\nwm-2,Two,36.5,-94.21\n")
    (tmp_path / "app.wasm").write_bytes(wasmtime.wat2wasm(CODE.read_text()))
    ok(app, "sites", "import", str(tmp_path / "stores.csv"))
    for store in ("wm-1", "wm-2"):
        ok(app, "capacity", "set", store, "cpu", "4")
    ok(app, "compute", "create", "guide")
    ok(app, "compute", "upload", "operator.guide", str(tmp_path / "app.wasm"))
    return tmp_path


def ok(commands: typer.Typer, *words: str) -> str:
    result = CliRunner().invoke(commands, list(words))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def session(*words: str) -> Any:
    return json.loads(ok(compute_sessions.app, *words, "--json"))


@pytest.mark.usefixtures("folder")
def test_a_sessions_life() -> None:
    begun = session("start", "operator.guide", *START, "--within-km", "25", "--dwell-s", "0", "--config", "CITY=Lowell")
    assert (begun["site"], begun["state"], begun["config"]) == ("wm-1", "ready", {"CITY": "Lowell"})
    name = begun["id"]
    call = ("compute", "call", "operator.guide", "--session", name, "--json")
    assert json.loads(ok(app, *call[:3], "keep?seat", *call[3:], "--method", "PUT", "--data", "12A"))["status"] == 200
    assert session("report", name, "36.5,-94.21")["site"] == "wm-2"
    assert json.loads(ok(app, *call[:3], "read?seat", *call[3:]))["body"] == "12A"
    (listed,) = session("list", "--app", "operator.guide")["items"]
    assert (listed["site"], listed["position"]) == ("wm-2", None), "where the device is, this process was not told"
    shown = ok(compute_sessions.app, "show", name)
    assert "wm-2" in shown and f"x-maillage-session: {name}" in shown
    assert "cab-7" in ok(compute_sessions.app, "list")
    assert session("end", name) == {"id": name, "ended": True}
    assert "There is none." in ok(compute_sessions.app, "list")


def test_a_place_that_is_none_is_said_before_anything_is_asked() -> None:
    result = CliRunner().invoke(compute_sessions.app, ["report", "se_1", "north"])
    assert result.exit_code == 2
    assert "is not LAT,LON" in result.output
