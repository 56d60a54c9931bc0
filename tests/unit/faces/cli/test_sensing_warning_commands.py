"""``sensing detect``, ``simulate`` and ``score`` as they are typed."""

import json
import math
from pathlib import Path

import pytest
import typer

from maillage.faces.cli import sensing_warning
from maillage.faces.cli.main import Root
from tests.shared_data import shared_file

app = typer.Typer(cls=Root, rich_markup_mode=None, pretty_exceptions_enable=False)
for command in (sensing_warning.detect, sensing_warning.simulate, sensing_warning.score):
    app.command()(command)


def run(*words: str | Path) -> int:
    code: int = app([*map(str, words)], standalone_mode=False)
    return code


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "series.csv"
    rows = []
    for row in range(24 * 30):
        value = 40.0 if row == 600 else 20 + 3 * math.sin(row * math.pi / 12) + (row * 7919 % 11 - 5) / 10
        rows.append(f"2026-01-{1 + row // 24:02}T{row % 24:02}:00:00Z,{'' if row == 50 else value}")
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    return path


def test_detect_prints_a_score_and_an_alarm_for_each_row(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("detect", series, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["count"], document["missing"], document["late"]) == (720, 1, 0)
    assert (document["interval_s"], document["block_s"], document["threshold"]) == (3_600, 86_400, 0.5)
    assert document["rows"][50]["value"] is None
    assert all(row["alarm"] == (row["score"] >= 0.5) for row in document["rows"])
    assert document["rows"][600]["alarm"] is True
    assert document["learnt_from"] == "2026-01-08T12:00:00Z"


def test_detect_shows_the_alarms_to_people(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("detect", series) == 0
    said = capsys.readouterr().out
    assert "2026-01-26T00:00:00Z" in said
    assert "missing" in said


def test_a_prefix_of_a_file_has_the_same_scores(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("detect", series, "--json")
    whole = json.loads(capsys.readouterr().out)["rows"]
    lines = series.read_text().splitlines()
    for cut in (1, 200, 601, 650):
        series.write_text("\n".join(lines[: cut + 1]))
        assert run("detect", series, "--json") == 0
        assert json.loads(capsys.readouterr().out)["rows"] == whole[:cut]


@pytest.mark.parametrize("words", [["nope.csv"], ["."], []])
def test_detect_of_nothing_is_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("detect", *words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_wrong_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("timestamp,value\n2026-01-01,1\n2026-01-02,hot\n")
    assert run("detect", path, "--json") == 2
    assert "bad.csv, line 3: value: 'hot'" in json.loads(capsys.readouterr().out)["detail"]


def test_simulate_writes_files_that_score_and_detect_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "units"
    assert run("simulate", "--devices", "2", "--days", "30", "--seed", "6", "--out", out, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["devices"], made["days"]) == (2, 30)
    assert sorted(path.name for path in out.iterdir()) == ["labels.json", "unit-001.csv", "unit-002.csv"]
    assert run("score", out, "--json") == 0
    from_files = json.loads(capsys.readouterr().out)
    assert run("score", "--devices", "2", "--days", "30", "--seed", "6", "--json") == 0
    at_once = json.loads(capsys.readouterr().out)
    assert from_files["kinds"] == at_once["kinds"]
    assert (from_files["harmful"], from_files["found"]) == (at_once["harmful"], at_once["found"])
    assert at_once["nab"] is None
    assert run("detect", out / "unit-001.csv") == 0
    assert run("simulate", "--out", out) == 1
    assert "is there already" in capsys.readouterr().err


def test_score_shows_a_row_for_each_kind_and_nab_beside(capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_file("data/nab/labels.json").parent
    assert run("score", "--devices", "1", "--days", "20", "--nab", folder) == 0
    said = capsys.readouterr().out
    assert "device-months" in said
    assert "machine_temperature_system_failure.csv" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulate", "--devices", "0"], "devices: must be 1 to 1,000"),
        (["simulate", "--days", "0"], "days: must be"),
        (["score", "--seed", "-1"], "seed: must not be negative"),
        (["score", "no-such-folder"], "labels.json can't be read"),
        (["score", "--nab", "no-such-folder"], "labels.json can't be read"),
    ],
)
def test_what_cannot_be_simulated_or_scored_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nab_labels_that_fit_no_row_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("timestamp,value\n2026-01-01,1\n2026-01-02,1\n")
    for windows in ({"a.csv": [["2026-01-01", "2027-01-01"]]}, {"a.csv": [["x", "y"]]}, {"b.csv": []}, {}):
        (tmp_path / "labels.json").write_text(json.dumps({"windows": windows}))
        assert run("score", "--nab", tmp_path, "--devices", "1", "--days", "1") == 2
    assert "Traceback" not in capsys.readouterr().err
