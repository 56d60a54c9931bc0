"""``robots plan`` as it is typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maillage.faces.cli.main import app

SHOP = {
    "type": "Feature",
    "properties": {"name": "corner shop"},
    "geometry": {
        "type": "Polygon",
        "coordinates": [
            [[0, 0], [12, 0], [12, 8], [0, 8], [0, 0]],
            [[3, 3], [3, 5], [9, 5], [9, 3], [3, 3]],
        ],
    },
}


def run(*words: str | Path) -> int:
    code: int = app(["robots", "plan", *map(str, words)], standalone_mode=False)
    return code


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.geojson"
    path.write_text(json.dumps(SHOP))
    return path


def test_json_is_one_document_with_the_path_as_its_only_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shop, "--width", "0.8", "--dock", "1,1", "--speed", "0.5", "--json") == 0
    text = capsys.readouterr().out
    document = json.loads(text)
    assert list(document) == ["floor", "robot", "figures", "path", "segments", "missed", "unreachable"]
    assert text.count('"LineString"') == 1
    path = document["path"]["coordinates"]
    assert path[0] == path[-1] == [1, 1]
    assert document["robot"] == {"width_m": 0.8, "radius_m": 0.4, "speed_m_s": 0.5}
    figures = document["figures"]
    assert figures["covered_share"] >= 0.98
    assert figures["floor_m2"] == 84
    assert figures["time_s"] > figures["path_m"] / 0.5
    segments = document["segments"]
    assert segments[0]["from"] == 0
    assert segments[-1]["to"] == len(path) - 1
    assert {each["kind"] for each in segments} <= {"headland", "swath", "transit"}
    assert document["missed"]["type"] == document["unreachable"]["type"] == "MultiPolygon"


def test_the_table_names_the_figures(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shop) == 0
    said = capsys.readouterr().out
    assert said.startswith("corner shop: 99.")
    assert [line.split("  ")[0] for line in said.splitlines()[1:]] == [
        "path",
        "of it without cleaning",
        "ratio",
        "missed",
        "unreachable",
        "robot",
    ]


def test_a_picture_shows_the_floor_and_the_path(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = tmp_path / "plan.png"
    assert run(shop, "--png", drawn) == 0
    assert f"drawn into {drawn}" in capsys.readouterr().err
    with Image.open(drawn) as image:
        assert image.format == "PNG"
        assert image.width / image.height == pytest.approx(12 / 8, rel=0.03)
        levels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(levels, axis=0)) > 60  # the path's colours along its time


def test_an_image_is_a_floor_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = np.full((60, 80), 0, np.uint8)
    levels[2:58, 2:78] = 254
    file = tmp_path / "map.pgm"
    Image.fromarray(levels).save(file, "PPM")
    assert run(file, "--resolution", "0.1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["figures"]["floor_m2"] == pytest.approx(5.6 * 7.6)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--dock", "1"], 2, "'1' is not X,Y such as 1.5,2"),
        (["--start", "1,nan"], 2, "is not two finite numbers"),
        (["--width", "nan"], 2, "must be a finite number"),
        (["--width", "0"], 2, "width: 0 is not a number from 0.1 to 5"),
        (["--radius", "0.1"], 2, "radius: 0.1 m is less than half the width"),
        (["--dock", "50,50"], 2, "dock: (50, 50) is not on the floor"),
        (["--width", "5"], 2, "is too small for the robot"),
        (["--resolution", "0.05"], 2, "only images have pixels"),
        (["--png", "/nowhere/plan.png"], 2, "there is no folder /nowhere"),
        (["--colour", "red"], 2, "No such option"),
    ],
)
def test_what_is_wrong_is_said_with_the_exit_code_for_usage(
    shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(shop, *words) == code
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON that can be read"),
        ('{"type": "Point", "coordinates": [0, 0]}', "is made of Polygons"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [9, 0], [0, 9]]]}', "crosses itself at (4.5, 4.5)"),
    ],
)
def test_a_file_that_is_no_floor_is_a_problem_in_json_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "floor.json"
    file.write_text(text)
    assert run(file, "--json") == 2
    problem = json.loads(capsys.readouterr().out)
    assert said in problem["detail"]


def test_an_absent_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "absent.json") == 2
    assert "can't be opened: No such file" in capsys.readouterr().err
