"""``roof choose`` as it is typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maillage.faces.cli.main import app

STORES = "id,name,lat,lon,cost\n" + "".join(f"st-{n},Store {n},0,{n * 0.1:.1f},{10 + n}\n" for n in range(8))
PEOPLE = "lat,lon,population\n" + "".join(f"0,{n * 0.1 + 0.02:.2f},{100 * (n + 1)}\n" for n in range(8))
GRAPH = "4 4 2\n1 2 3\n2 3 4\n3 4 1\n4 1 9\n"
POINTS = "3 9999 p S\n0 0 10\n300 400 20\n3000 900 5\n"


def run(*words: str | Path) -> int:
    code: int = app(["roof", "choose", *map(str, words)], standalone_mode=False)
    return code


@pytest.fixture
def stores(tmp_path: Path) -> list[str]:
    """The words that name the stores and the people."""
    (tmp_path / "stores.csv").write_text(STORES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return [str(tmp_path / "stores.csv"), "--population", str(tmp_path / "people.csv")]


def answer(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict:
    assert run(*words, "--json") == 0
    document: dict = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize("method", ["greedy", "exact"])
def test_json_is_one_document_that_names_what_was_chosen(stores, method: str, capsys) -> None:
    document = answer(capsys, *stores, "--method", method, "--p", "2", "--km", "12")
    assert document.pop("seconds") >= 0
    assert document == {
        "problem": "mclp",
        "file": "stores.csv",
        "method": method,
        "p": 2,
        "radius_m": 12_000,
        "objective": 2_600,  # 300 + 400 + 500 about st-3, 600 + 700 + 800 about st-6 or what is as good
        "bound": 2_600,
        "gap": 0,
        "proved": True,
        "chosen": document["chosen"],
        "in_order": document["in_order"],
        "covered_share": 2_600 / 3_600,
        "cost": document["cost"],
        "budget": None,
        "fixed": [],
        "separation_km": 0,
        "candidates": 8,
        "demands": 8,
        "demands_merged": document["demands_merged"],
    }
    assert len(document["chosen"]) == 2
    assert sorted(document["in_order"]) == document["chosen"]


def test_ten_miles_are_what_a_store_serves_unless_said_otherwise(stores, capsys) -> None:
    assert answer(capsys, *stores, "--p", "1")["radius_m"] == pytest.approx(16_093.44)
    assert answer(capsys, *stores, "--p", "1", "--miles", "5")["radius_m"] == pytest.approx(8_046.72)
    assert answer(capsys, *stores, "--p", "1", "--radius", "5000")["radius_m"] == 5_000


def test_budget_fixed_and_separation_are_kept(stores, capsys) -> None:
    words = ["--budget", "45", "--fixed", "st-0", "--separation-km", "30", "--km", "12", "--method", "exact"]
    document = answer(capsys, *stores, *words)
    chosen = [int(each.removeprefix("st-")) for each in document["chosen"]]
    assert document["p"] is None
    assert document["in_order"][0] == "st-0"
    assert document["cost"] == sum(10 + each for each in chosen) <= 45
    assert all(abs(one - other) >= 3 for one in chosen for other in chosen if one != other)
    assert len(chosen) == 3


def test_a_graph_is_a_median_of_as_many_as_it_says(tmp_path: Path, capsys) -> None:
    file = tmp_path / "graph"
    file.write_text(GRAPH)
    document = answer(capsys, file)
    assert (document["problem"], document["p"], document["objective"], document["proved"]) == ("p-median", 2, 4, True)
    assert document["covered_share"] is None
    assert document["radius_m"] is None
    assert answer(capsys, file, "--p", "1", "--problem", "pmedian")["objective"] == 7 + 4 + 0 + 1


def test_the_table_tells_people_what_it_is_worth(stores, capsys) -> None:
    assert run(*stores, "--p", "2", "--km", "12") == 0
    said = capsys.readouterr().out
    assert said.startswith("2 of 8 cover 2,600, 72.22% of demand.")
    assert [line.split("  ")[0] for line in said.splitlines()[1:]] == [
        "proof",
        "catchment",
        "cost",
        "demand",
        "taken",
        "chosen",
    ]
    assert "the best there is, proved" in said


def test_a_map_and_a_picture_show_the_chosen(stores, tmp_path: Path, capsys) -> None:
    png, geojson = tmp_path / "map.png", tmp_path / "chosen.geojson"
    assert run(*stores, "--p", "2", "--km", "12", "--png", png, "--geojson", geojson) == 0
    told = capsys.readouterr().err
    assert f"drawn into {png}" in told
    assert f"written into {geojson}" in told
    with Image.open(png) as image:
        assert image.format == "PNG"
        colours = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) == 4  # ground, catchments, candidates, chosen
    features = json.loads(geojson.read_text())["features"]
    assert [feature["properties"]["rank"] for feature in features] == [1, 2]
    assert features[0]["geometry"]["coordinates"][1] == 0
    assert features[0]["properties"].keys() == {"ref", "rank", "catchment_km", "cost"}


def test_points_on_a_plane_can_be_drawn_but_are_on_no_map(tmp_path: Path, capsys) -> None:
    file = tmp_path / "points"
    file.write_text(POINTS)
    assert answer(capsys, file, "--p", "1", "--png", tmp_path / "points.png")["objective"] == 30
    assert (tmp_path / "points.png").stat().st_size > 0
    assert run(file, "--p", "1", "--geojson", tmp_path / "points.geojson") == 2
    assert "no latitudes and longitudes" in capsys.readouterr().err
    assert not (tmp_path / "points.geojson").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "p: is missing"),
        (["--p", "0"], "p: 0 is out of range"),
        (["--p", "9"], "goes from 1 to 8"),
        (["--p", "2", "--method", "best"], "'best' is not one of greedy, exact"),
        (["--p", "2", "--problem", "p-center"], "'p-center' is not one of mclp, p-median"),
        (["--p", "2", "--km", "1", "--miles", "1"], "give one of them"),
        (["--p", "2", "--km", "nan"], "must be a finite number"),
        (["--p", "2", "--km", "-1"], "radius: -1000 m is out of range"),
        (["--p", "2", "--fixed", "st-9"], "fixed: st-9 is not among the candidates"),
        (["--p", "2", "--fixed", "st-0", "--fixed", "st-1", "--separation-km", "20"], "st-0 and st-1 are too near"),
        (["--budget", "3"], "pays for no candidate"),
        (["--budget", "12", "--fixed", "st-5"], "less than the fixed ones cost"),
        (["--budget", "30", "--cost-attribute", "price"], "price: of site st-0 is None"),
        (["--p", "2", "--separation-km", "-1"], "--separation-km"),
        (["--p", "2", "--time-limit", "0"], "time_limit: 0 s"),
        (["--p", "2", "--png", "/nowhere/map.png"], "there is no folder /nowhere"),
        (["--p", "2", "--geojson", "/nowhere/map.geojson"], "there is no folder /nowhere"),
    ],
)
def test_what_is_wrong_is_said_with_the_exit_code_for_usage(stores, capsys, words: list[str], said: str) -> None:
    assert run(*stores, *words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_problem_is_a_document_too(tmp_path: Path, capsys) -> None:
    assert run(tmp_path / "absent", "--json") == 2
    problem = json.loads(capsys.readouterr().out)
    assert problem["status"] == 422
    assert "can't be opened" in problem["detail"]
