"""``roof coverage`` as it is typed."""

import json
from pathlib import Path

import pytest
import shapely
import tifffile
from PIL import Image

from maillage.faces.cli.main import app

AT = ("--at", "36.33,-94.15", "--height", "10")


def run(population: Path, *words: str | Path) -> int:
    command = ["roof", "coverage", "--population", str(population), *map(str, words)]
    code: int = app(command, standalone_mode=False)
    return code


@pytest.fixture
def people(tmp_path: Path) -> Path:
    rows = [f"{36.33 + y * 0.01},{-94.15 + x * 0.01},1000" for y in range(-6, 7) for x in range(-6, 7)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["lat,lon,population", *rows]) + "\n")
    return path


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    path = tmp_path / "sites.csv"
    path.write_text("id,name,lat,lon,roof_height_m\na,A,36.33,-94.15,\nb,B,36.34,-94.14,12\n")
    return path


def test_json_has_a_roofs_figures_by_place(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(people, *AT, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["radio", "note", "warnings", "roofs", "together"]
    assert document["radio"] == {
        "band": "n78",
        "fc_ghz": 3.5,
        "rain_mm_h": 0,
        "scenario": "UMi",
        "limiting": "up",
        "probability": 0.9,
        "resolution_m": 100,
        "reach_km": 2,
    }
    assert "it is not catchment_km" in document["note"]
    assert document["together"] is None
    (roof,) = document["roofs"]
    assert list(roof) == ["id", "outdoor", "indoor_low", "indoor_high"]
    outdoor = roof["outdoor"]
    assert outdoor["cell_km"] == pytest.approx(0.912)
    assert outdoor["cell_capped"] is False
    assert outdoor["people"] == pytest.approx(outdoor["km2"] * 1_000 / (1.11195**2 * 0.8056), rel=0.01)
    assert outdoor["people_by_tract"] == 3_000  # its own, and those east and west of it; north and south lie beyond
    assert outdoor["people"] > roof["indoor_low"]["people"] > roof["indoor_high"]["people"] > 0


def test_the_table_of_one_roof_has_a_row_for_each_place(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(people, *AT) == 0
    said = capsys.readouterr()
    first, header, *rows = said.out.splitlines()
    assert first.startswith("1 roof, n78 at 3.5 GHz, UMi; covered is where a signal is enough with a chance of 0.9")
    assert header.split()[:3] == ["place", "cell", "km"]
    assert [row.split("  ")[0] for row in rows] == ["outdoors", "indoors, low loss", "indoors, high loss"]
    assert "it is not catchment_km" in said.err


def test_several_roofs_have_a_row_each_and_together_count_everybody_once(
    people: Path, sites: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(people, "--sites", sites, "--height", "10", "--together", "--load", "0.3", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [roof["id"] for roof in document["roofs"]] == ["a", "b"]
    together = document["together"]
    assert together["load"] == 0.3
    parts = [roof["outdoor"]["people"] for roof in document["roofs"]]
    assert max(parts) < together["outdoor"]["people"] < sum(parts)
    assert [each["id"] for each in together["served"]] == ["a", "b"]
    assert any("at 12 m its losses are stretched" in warning for warning in document["warnings"])
    assert run(people, "--sites", sites, "--height", "10", "--together") == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[2:4]] == ["a", "b"]
    assert "each counts once. SINR with the others 50% busy" in said


def test_maps_are_written_as_picture_geotiff_and_contours(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    png, tif, lines = tmp_path / "m.png", tmp_path / "m.tif", tmp_path / "m.geojson"
    assert run(people, *AT, "--png", png, "--geotiff", tif, "--contours", lines, "--resolution-m", "50") == 0
    assert capsys.readouterr().err.count("written to") == 3
    with Image.open(png) as image:
        assert image.format == "PNG"
    with tifffile.TiffFile(tif) as tiff:
        tags = tiff.pages.first.geotiff_tags
        values = tiff.pages.first.asarray()
    _, _, _, west, north, _ = tags["ModelTiepoint"]
    across, down, _ = tags["ModelPixelScale"]
    column, row = int((-94.15 - west) / across), int((north - 36.33) / down)
    assert values[row, column] > 0.99  # at the foot of the roof
    features = json.loads(lines.read_text())["features"]
    assert [each["properties"]["at_least"] for each in features] == [0.1, 0.5, 0.75, 0.9, 0.95]
    for feature in features:
        assert shapely.geometry.shape(feature["geometry"]).contains(shapely.Point(-94.15, 36.33))


def test_sectors_look_where_they_are_told(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "m.geojson"
    assert run(people, *AT, "--azimuth", "90", "--tilt", "2", "--contours", lines, "--json") == 0
    features = {each["properties"]["at_least"]: each for each in json.loads(lines.read_text())["features"]}
    assert shapely.geometry.shape(features[0.9]["geometry"]).centroid.x > -94.148
    assert json.loads(capsys.readouterr().out)["roofs"][0]["outdoor"]["km2"] < 1.6


def test_a_map_can_show_power_sinr_and_servers(people: Path, sites: Path, tmp_path: Path) -> None:
    tif = tmp_path / "m.tif"
    seen = []
    for quantity in ("power", "sinr", "server"):
        words = ("--sites", sites, "--height", "10", "--together", "--map", quantity, "--place", "indoor_low")
        assert run(people, *words, "--geotiff", tif, "--json") == 0
        with tifffile.TiffFile(tif) as tiff:
            seen.append(tiff.pages.first.description)
    assert seen == ["received power (dBm)", "SINR (dB)", "best server (station)"]


def test_another_band_comes_from_a_file(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from msgspec import json as fast
    from msgspec.structs import replace

    from maillage.services.roof.radio.budgets import budget

    shipped = budget("n78")
    file = tmp_path / "loud.json"
    file.write_bytes(fast.encode(replace(shipped, id="loud", up=replace(shipped.up, eirp_dbm=33.0))))
    assert run(people, *AT, "--band", file, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["radio"]["band"] == "loud"
    assert document["roofs"][0]["outdoor"]["cell_km"] > 0.912


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name either one roof with --at or several with --sites"),
        ((*AT, "--sites", "x.csv"), "name either one roof"),
        (("--at", "36,-94"), "needs its --height"),
        (("--at", "here", "--height", "10"), "is not LAT,LON"),
        ((*AT, "--band", "n999"), "there is no 'n999'"),
        (("--at", "36.33,-94.15", "--height", "-3"), "is not above the ground"),
        (("--at", "36.33,-94.15", "--height", "nan"), "must be a finite number"),
        (("--at", "36.33,-94.15", "--height", "90"), "is too high for UMi"),
        ((*AT, "--scenario", "UMa"), "is too low for UMa"),
        ((*AT, "--scenario", "UMx"), "UMx"),
        ((*AT, "--scenario", "RMa", "--band", "n260"), "39 GHz is outside"),
        ((*AT, "--probability", "1"), "probability: 1 is not between 0 and 1"),
        ((*AT, "--probability", "inf"), "must be a finite number"),
        ((*AT, "--azimuth", "400"), "azimuth: 400 is not from 0 to 360"),
        ((*AT, "--tilt", "5"), "only sectors are tilted"),
        ((*AT, "--resolution-m", "1"), "resolution: 1 m is not from 5"),
        ((*AT, "--reach-km", "16"), "reach: 16 km is not from"),
        ((*AT, "--load", "0.5"), "means nothing without"),
        ((*AT, "--together", "--load", "2"), "load: 2 is not a share"),
        ((*AT, "--png", "/nowhere/m.png"), "there is no folder /nowhere"),
        ((*AT, "--map", "server", "--contours", "m.json"), "who serves where has no contours"),
        (("--sites", "absent.csv", "--height", "10"), "can't be opened"),
        (("--sites", "absent.csv", "--height", "10", "--png", "m.png"), "add --together"),
    ],
)
def test_what_is_wrong_is_said_with_the_exit_code_for_usage(
    people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(people, *words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_population_with_negatives_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "people.csv"
    file.write_text("lat,lon,population\n1,2,-5\n")
    assert run(file, *AT, "--json") == 2
    assert "is no number of people" in json.loads(capsys.readouterr().out)["detail"]
