"""The commands for floors, cleanings and schedules, on a data folder: what they ask, and what they show."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from maillage.faces.cli import robots_cleaning, robots_floors
from maillage.faces.cli.failures import Problem
from maillage.faces.cli.main import app

HALL = {"type": "Polygon", "coordinates": [[[0, 0], [12, 0], [12, 8], [0, 8], [0, 0]]]}
clean_app = typer.Typer()
clean_app.command("clean")(robots_cleaning.clean)
clean_app.command("give-way")(robots_cleaning.give_way)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a store that has room for one robot."""
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "stores.csv").write_text("id,name,lat,lon\nwm-1,One,36.37,-94.21\n")
    (tmp_path / "hall.geojson").write_text(json.dumps(HALL))
    ok(app, "sites", "import", str(tmp_path / "stores.csv"))
    ok(app, "capacity", "set", "wm-1", "robot", "1")
    return tmp_path


def ok(commands: typer.Typer, *words: str) -> str:
    result = CliRunner().invoke(commands, list(words))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def document(commands: typer.Typer, *words: str) -> Any:
    return json.loads(ok(commands, *words, "--json"))


def refused(commands: typer.Typer, *words: str) -> str:
    result = CliRunner().invoke(commands, list(words))
    assert result.exit_code != 0
    problem = result.exception
    return str(problem.document["detail"]) if isinstance(problem, Problem) else result.output


def put_floor(folder: Path) -> Any:
    file = str(folder / "hall.geojson")
    return document(robots_floors.floors, "put", "wm-1", "sales", file, "--map", "m1", "--dock", "1,1")


def test_a_floor_is_put_shown_and_dropped(folder: Path) -> None:
    assert put_floor(folder)["area_m2"] == 96
    assert "96.0 m2 on map m1" in ok(robots_floors.floors, "show", "wm-1", "sales")
    assert "sales" in ok(robots_floors.floors, "list", "wm-1")
    assert document(robots_floors.floors, "drop", "wm-1", "sales")["dropped"]
    assert "There is none." in ok(robots_floors.floors, "list", "wm-1")


def test_a_floor_may_be_an_image(folder: Path) -> None:
    cells = bytes(254 if 1 <= x < 39 and 1 <= y < 29 else 0 for y in range(30) for x in range(40))
    (folder / "map.pgm").write_bytes(b"P5\n40 30\n255\n" + cells)
    words = ("put", "wm-1", "sales", str(folder / "map.pgm"), "--map", "m1", "--resolution", "0.25")
    assert document(robots_floors.floors, *words)["area_m2"] == pytest.approx(38 * 28 / 16)


def test_what_is_no_floor_is_refused_before_anything_is_asked(folder: Path) -> None:
    (folder / "none.geojson").write_text("[1")
    (folder / "list.geojson").write_text("[]")
    for name, said in (("none.geojson", "is no GeoJSON"), ("list.geojson", "no object"), ("no.geojson", "opened")):
        assert said in refused(robots_floors.floors, "put", "wm-1", "x", str(folder / name), "--map", "m")
    file = str(folder / "hall.geojson")
    assert "X,Y" in refused(robots_floors.floors, "put", "wm-1", "x", file, "--map", "m", "--dock", "1")
    assert "only images" in refused(robots_floors.floors, "put", "wm-1", "x", file, "--map", "m", "--resolution", "1")


def test_a_cleaning_is_asked_for_shown_listed_and_moved(folder: Path) -> None:
    put_floor(folder)
    made = document(clean_app, "clean", "wm-1", "sales", "--target", "0.95")
    assert made["order"]["target"] == 0.95
    name = made["id"]
    assert name in ok(robots_cleaning.cleanings, "list", "--site", "wm-1")
    shown = ok(robots_cleaning.cleanings, "show", name)
    assert "sales of wm-1" in shown
    assert document(robots_cleaning.cleanings, "pause", name)["state"] == "paused"
    assert document(robots_cleaning.cleanings, "resume", name)["state"] == "waiting"
    assert "nothing was driven" in refused(robots_cleaning.cleanings, "evidence", name)
    assert "no folder" in refused(robots_cleaning.cleanings, "evidence", name, "--png", str(folder / "no" / "e.png"))
    assert document(robots_cleaning.cleanings, "cancel", name)["state"] == "cancelled"
    assert document(robots_cleaning.cleanings, "list", "--state", "cancelled")["items"][0]["id"] == name
    assert "needs a server" in refused(clean_app, "clean", "wm-1", "sales", "--wait")


def test_a_schedule_is_put_shown_and_dropped(folder: Path) -> None:
    put_floor(folder)
    words = ("put", "wm-1", "nightly", "--floor", "sales", "--window", "22:00-24:00", "--window", "sat=03:00-05:00")
    put = document(robots_floors.schedules, *words, "--every-days", "2")
    assert put["windows"]["sat"] == [["03:00", "05:00"]]
    assert put["windows"]["mon"] == [["22:00", "24:00"]]
    assert "every 2 days" in ok(robots_floors.schedules, "list", "wm-1")
    assert "no room" in ok(robots_floors.schedules, "show", "wm-1", "nightly")
    assert document(robots_floors.schedules, "drop", "wm-1", "nightly")["dropped"]
    assert "FROM-TO" in refused(robots_floors.schedules, *words[:5], "--window", "someday=1-2")


def test_robots_give_way_for_a_while(folder: Path) -> None:
    assert document(clean_app, "give-way", "wm-1", "--minutes", "30")["until"] is not None
    assert "give way until" in ok(clean_app, "give-way", "wm-1")
    assert "may clean again" in ok(clean_app, "give-way", "wm-1", "--over")
    assert "one of" in refused(clean_app, "give-way", "wm-1", "--over", "--minutes", "5")
