"""The commands for roofs, population and plans, on a data folder: what they ask, and what they show."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from maillage.faces.cli.failures import Problem
from maillage.faces.cli.main import app

STORES = "id,name,lat,lon,region\nst-1,One,36.37,-94.21,AR\nst-2,Two,36.47,-94.21,AR\nst-3,Three,36.57,-94.21,MO\n"
ROOFS = """site,height_m,neighbours_m,asking_rent,power_kw,fibre_pairs,mount,x_m,y_m,radiation_centre_m
st-1,9.5,6,300,8,2,m1,0,0,12.5
st-1,,,,,,m2,6,0,12.5
st-2,9.5,,200,,,m1,0,0,14
st-3,9.5,,,,,m1,0,0,9
nowhere,9.5,,,,,m1,0,0,12
"""
PEOPLE = "lat,lon,population\n36.37,-94.21,90000\n36.47,-94.21,50000\n36.57,-94.21,10000\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with three stores, two of them with roofs, and people."""
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    Path("stores.csv").write_text(STORES)
    Path("roofs.csv").write_text(ROOFS)
    Path("people.csv").write_text(PEOPLE)
    ok("sites", "import", "stores.csv")
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Path:
    ok("roof", "import", "roofs.csv")
    ok("roof", "population", "people.csv")
    return folder


def ok(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def refused(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code != 0
    problem = result.exception
    return str(problem.document["detail"]) if isinstance(problem, Problem) else result.output


def test_an_import_takes_the_good_roofs_and_says_what_is_wrong_with_the_others(folder: Path) -> None:
    report = document("roof", "import", "roofs.csv")
    assert (report["imported"], report["rejected"]) == (2, 2)
    assert [(each["line"], each["site"]) for each in report["rejections"]] == [(5, "st-3"), (6, "nowhere")]
    said = ok("roof", "import", "roofs.csv")
    assert "2 roofs imported, 2 rejected" in said and "below the roof" in said
    assert [roof["revision"] for roof in (document("roof", "show", name) for name in ("st-1", "st-2"))] == [1, 1]


def test_a_packed_file_is_unpacked_and_one_of_bad_roofs_alone_is_a_refusal(folder: Path) -> None:
    Path("packed.csv.gz").write_bytes(gzip.compress(ROOFS.encode()))
    assert document("roof", "import", "packed.csv.gz")["imported"] == 2
    Path("bad.csv").write_text(ROOFS.splitlines()[0] + "\nnowhere,9,,,,,m1,0,0,9\n")
    result = CliRunner().invoke(app, ["roof", "import", "bad.csv"])
    assert result.exit_code == 1 and "no site 'nowhere'" in result.stdout


def test_a_roof_is_put_from_json_shown_and_dropped(folder: Path) -> None:
    mounts = [{"id": "m1", "x_m": 0, "y_m": 0, "radiation_centre_m": 12}]
    Path("roof.json").write_text(json.dumps({"height_m": 9, "mounts": mounts, "load_kg": 900, "access": "by ladder"}))
    assert document("roof", "put", "st-1", "roof.json")["mounts_free"] == 1
    said = ok("roof", "show", "st-1", "--geojson", "roof.geojson")
    assert "900 of 900 kg free" in said and "by ladder" in said and "not known" in said
    assert len(json.loads(Path("roof.geojson").read_text())["features"]) == 2
    assert "forgotten" in ok("roof", "drop", "st-1")
    assert "has no roof yet" in refused("roof", "show", "st-1")


@pytest.mark.parametrize("content", ["", "[]", "{", '"roof"'])
def test_a_file_that_holds_no_roof_is_refused(folder: Path, content: str) -> None:
    Path("roof.json").write_text(content)
    assert "roof.json" in refused("roof", "put", "st-1", "roof.json")
    assert "can't be opened" in refused("roof", "put", "st-1", "absent.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_a_number_that_is_not_finite_is_refused_before_it_is_sent(folder: Path, number: str) -> None:
    Path("roof.json").write_text(f'{{"height_m": {number}, "mounts": []}}')
    assert "NaN or infinite" in refused("roof", "put", "st-1", "roof.json")


def test_where_people_live_is_entered_and_shown(folder: Path) -> None:
    assert "no population was entered yet" in refused("roof", "population")
    assert "people.csv: 150,000 people in 3 places" in ok("roof", "population", "people.csv")
    assert document("roof", "population")["revision"] == 1
    Path("bad.csv").write_text(PEOPLE + "1,2,-3\n")
    assert "line 5" in refused("roof", "population", "bad.csv")


def test_roofs_are_listed_filtered_and_written_for_maps(shop: Path) -> None:
    said = ok("roof", "catalogue", "--near", "36.5,-94.21", "--band", "n78", "--place", "indoor_low")
    assert said.index("st-2") < said.index("st-1") and "cell km" in said
    wanted = ("--power-kw", "5", "--fibre-pairs", "1", "--free-mounts", "2", "--above-neighbours", "6")
    assert [each["site"] for each in document("roof", "catalogue", *wanted)["items"]] == ["st-1"]
    more = ("--above-neighbours", "6", "--unknown-heights", "--region", "AR", "--geojson", "roofs.geojson")
    assert len(document("roof", "catalogue", *more)["items"]) == 2
    features = json.loads(Path("roofs.geojson").read_text())["features"]
    assert [each["id"] for each in features] == ["st-1", "st-2"]
    assert "No roof fits" in ok("roof", "catalogue", "--country", "FR")
    assert "there is no 'n99'" in refused("roof", "catalogue", "--band", "n99")
    assert "no folder" in refused("roof", "catalogue", "--geojson", "absent/roofs.geojson")


def test_a_plan_is_shown_written_and_drawn(shop: Path) -> None:
    said = ok("roof", "plan", "--count", "1", "--catchment-km", "3", "--png", "plan.png", "--geojson", "plan.geojson")
    assert "1 roof: 90,000 of 150,000 people (60.00%) live within 3 km." in said
    assert "3,600.00 USD" in said and "sites without a roof record    1" in said
    assert Image.open("plan.png").size[0] >= 600
    (feature,) = json.loads(Path("plan.geojson").read_text())["features"]
    assert (feature["id"], feature["properties"]["number"]) == ("st-1", 1)


def test_a_plan_by_band_under_a_budget_and_exact(shop: Path) -> None:
    found = document("roof", "plan", "--budget", "2500", "--band", "n78", "--place", "indoor_low", "--exact")
    assert [each["site"] for each in found["roofs"]] == ["st-2"]
    assert (found["method"], found["proved"], found["cost"]) == ("exact", True, "2400.00")
    said = ok("roof", "plan", "--count", "2", "--band", "n78")
    assert "reached by n78 outdoors" in said and "no other plan is better" in said


def test_a_median_says_how_near_the_roofs_are(shop: Path) -> None:
    said = ok("roof", "plan", "--count", "1", "--catchment-km", "50", "--problem", "p-median", "--time-limit", "5")
    assert "km to the nearest of them; whoever has none within 50 km counts with 50 km" in said


def test_a_plan_that_can_not_be_is_refused(shop: Path) -> None:
    assert "2,400.00" in refused("roof", "plan", "--budget", "100", "--catchment-km", "3")
    assert "catchment_km" in refused("roof", "plan", "--count", "1")
    assert "go together" in refused("roof", "plan", "--count", "1", "--band", "n78", "--near", "36,-94")
    near = ("--near", "36.37,-94.21", "--within-km", "1", "--fixed", "st-2", "--separation-km", "50")
    found = document("roof", "plan", "--count", "2", "--catchment-km", "3", *near)
    assert [each["site"] for each in found["roofs"]] == ["st-2"]
