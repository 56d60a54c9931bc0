"""The commands for devices and readings, on a data folder: what they ask, and what they show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from maillage.bootstrap import ManualClock
from maillage.faces.cli import client
from maillage.faces.cli.main import app
from maillage.faces.cli.sensing_chart import COLUMNS, ROWS, Band, draw
from maillage.services.sensing.model import SeriesKey
from tests.unit.faces.http.api import NOW
from tests.unit.faces.http.sensing_chain import open_with_devices


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two stores."""
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(client, "open_folder", lambda home, *_: open_with_devices(home, ManualClock(NOW)))
    (tmp_path / "stores.csv").write_text("id,name,lat,lon\nwm-1,One,36.37,-94.21\nwm-2,Two,36.5,-94.21\n")
    assert CliRunner().invoke(app, ["sites", "import", str(tmp_path / "stores.csv")]).exit_code == 0
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["sensing", *words])


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def measured(folder: Path, days: int) -> None:
    """A reading a minute of f-1, up to now."""
    chain = open_with_devices(folder / "home", ManualClock(NOW))
    at_ms = NOW * 1_000 - 60_000 * np.arange(days * 1_440)
    values = np.round(-18 + np.sin(np.arange(at_ms.size) / 20), 2)
    chain.sensing.readings.archive.backfill("wm-1", SeriesKey("f-1", "temperature"), at_ms, values)
    chain.close()


def test_a_devices_life(folder: Path) -> None:
    told = ok("devices", "add", "f-1", "--site", "wm-1", "--profile", "freezer", "--name", "Ice cream")
    assert "publishes to maillage/wm-1/f-1" in told
    assert "Ice cream" in ok("devices", "list") and "No devices" in ok("devices", "list", "--site", "wm-2")
    shown = ok("devices", "show", "f-1")
    assert "never" in shown and "publishes to" in shown
    changed = document("devices", "change", "f-1", "--unit", "island")
    assert (changed["unit"], changed["name"], changed["profile"]) == ("island", "Ice cream", "freezer")
    assert document("devices", "retire", "f-1") == {"id": "f-1", "retired": True}
    assert "No devices" in ok("devices", "list")
    assert "2026-11-01T12:00:00Z" in ok("devices", "list", "--retired")
    refused = run("devices", "show", "f-9")
    assert refused.exit_code == 1 and "there is no device 'f-9'" in refused.output


def test_a_file_of_devices(folder: Path) -> None:
    file = folder / "devices.csv"
    file.write_text("id,site,profile\nf-1,wm-1,freezer\nf-2,wm-7,freezer\n")
    told = ok("devices", "import", str(file))
    assert "1 devices imported" in told and "no site 'wm-7'" in told
    file.write_text("id,site,profile\nf-2,wm-7,freezer\n")
    assert run("devices", "import", str(file)).exit_code == 1
    missing = run("devices", "import", str(folder / "none.csv"))
    assert missing.exit_code == 1 and "No such file" in missing.output


def test_profiles_are_shown_entered_and_forgotten(folder: Path) -> None:
    assert "cold-room" in ok("profiles", "list")
    shown = ok("profiles", "show", "freezer")
    assert "temperature above -15" in shown and "maillage/{site}/{device}" in shown
    file = folder / "probe.json"
    file.write_text(json.dumps({**document("profiles", "show", "chiller"), "interval_s": 30}))
    assert document("profiles", "set", "probe", str(file))["interval_s"] == 30
    assert document("profiles", "drop", "probe") == {"id": "probe", "dropped": True}
    file.write_text("{")
    assert "is not JSON" in run("profiles", "set", "probe", str(file)).output
    refused = run("profiles", "drop", "freezer")
    assert refused.exit_code != 0 and "came with Maillage and stays" in refused.output


def test_readings_are_charted_pictured_and_printed(folder: Path) -> None:
    ok("devices", "add", "f-1", "--site", "wm-1", "--profile", "freezer")
    empty = ok("readings", "f-1")
    assert "f-1 has no temperature from 2026-10-31T12:00:01Z" in empty
    measured(folder, 40)
    assert "-18" in ok("devices", "show", "f-1")
    chart = ok("readings", "f-1")
    assert "temperature of f-1, Cel" in chart and "-19 to -17" in chart and "1,440 readings" in chart
    assert len([line for line in chart.splitlines() if any("⠀" < sign <= "⣿" for sign in line)]) == ROWS
    png = folder / "f-1.png"
    told = run("readings", "f-1", "--last", "30d", "--png", str(png))
    assert told.exit_code == 0 and "43,200 readings" in told.output
    with Image.open(png) as image:
        assert image.size == (1_200, 480) and len(image.convert("RGB").getcolors(100_000) or []) > 3
    lines = ok("readings", "f-1", "--last", "60m", "--csv").splitlines()
    assert lines[0] == "at,value" and len(lines) == 61 and lines[-1].startswith("2026-11-01T12:00:00.000Z,-18")
    hours = document("readings", "f-1", "--last", "2d", "--step-s", "3600")
    assert hours["step_s"] == 3_600 and 48 <= len(hours["items"]) <= 49
    assert len(document("readings", "f-1", "--start", "2026-11-01T11:59:30Z")["items"]) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--last", "soon"], "is not a span"),
        (["--last", "0h"], "is not a span"),
        (["--last", "1h", "--start", "2026-11-01T00:00:00Z"], "goes without --start"),
        (["--start", "today"], "RFC 3339"),
        (["--measure", "none"], "there is no measure 'none'"),
        (["--start", "2026-11-02T00:00:00Z"], "must lie after the start"),
        (["--png", "/tmp/none.png"], "no picture to draw"),
    ],
)
def test_what_can_not_be_asked_is_said(folder: Path, words: list[str], told: str) -> None:
    ok("devices", "add", "f-1", "--site", "wm-1", "--profile", "freezer")
    result = run("readings", "f-1", *words)
    assert result.exit_code != 0 and told in result.output and "Traceback" not in result.output


@pytest.mark.parametrize("blocks", [True, False])
def test_a_curve_goes_from_the_lower_left_to_the_upper_right(blocks: bool) -> None:
    chart = draw([Band(at, at, at + 1) for at in range(100)], 0, 100, blocks)
    assert (chart.bottom, chart.top) == (0, 100)
    assert {len(line) for line in chart.lines} == {COLUMNS} and len(chart.lines) == ROWS
    empty = "⠀" if blocks else " "
    assert chart.lines[0].rstrip(empty) != "" and chart.lines[0][:10] == empty * 10
    assert chart.lines[-1][0] != empty and chart.lines[-1][-10:] == empty * 10


def test_a_value_that_stays_the_same_is_a_flat_line() -> None:
    chart = draw([Band(0, 4, 4)], 0, 10, True)
    assert (chart.bottom, chart.top) == (4, 4) and chart.lines[-1][0] != "⠀"
