"""``roof pathloss`` and ``roof budgets`` as they are typed."""

import csv
import io
import json
from pathlib import Path

import pytest

from maillage.faces.cli.main import app
from tests.shared_data import shared_file

HEADER = "scenario,condition,fc_ghz,h_bs_m,h_ut_m,d2d_m"


def run(*words: str | Path) -> int:
    code: int = app(["roof", *map(str, words)], standalone_mode=False)
    return code


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "paths.csv"
    path.write_text(
        f"store,{HEADER},h_bldg_m,note\n"
        'wm-1,UMi,NLOS,3.5,10,1.5,250,,"wide, wet"\n'
        "wm-2,RMa,NLOS,3.5,35,1.5,2000,5,\n"
        "\n"
        "wm-3,UMi,LOS,26,12,1.5,250,,\n"
    )
    return path


def test_rows_come_back_as_they_were_with_their_loss(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pathloss", table) == 0
    printed = capsys.readouterr()
    header, *rows = csv.reader(io.StringIO(printed.out))
    assert header == ["store", *HEADER.split(","), "h_bldg_m", "note", "model_db"]
    assert rows[0][:-1] == ["wm-1", "UMi", "NLOS", "3.5", "10", "1.5", "250", "", "wide, wet"]
    assert [round(float(row[-1]), 2) for row in rows[:2]] == [118.64, 142.05]
    assert "UMi is defined for antennas at 10 m; at 12 m its losses are stretched." in printed.err


def test_json_has_numbers_texts_and_warnings(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pathloss", table, "--json") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    first = document["items"][0]
    assert first.pop("model_db") == pytest.approx(118.64, abs=0.005)
    assert first == {
        "store": "wm-1",
        "scenario": "UMi",
        "condition": "NLOS",
        "fc_ghz": 3.5,
        "h_bs_m": 10,
        "h_ut_m": 1.5,
        "d2d_m": 250,
        "h_bldg_m": None,
        "note": "wide, wet",
    }
    assert len(document["items"]) == 3
    assert len(document["warnings"]) == 1
    assert printed.err == ""


def test_the_whole_reference_table_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pathloss", shared_file("standards/tr38901_reference.csv")) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 168
    assert max(abs(float(row["model_db"]) - float(row["pl_db"])) for row in rows) < 1e-3


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{HEADER}\nUMa,LOS,3.5,25,1.5,1000\n".encode("utf-8-sig")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("pathloss", "-") == 0
    assert capsys.readouterr().out.startswith(f"{HEADER},model_db\nUMa,LOS,3.5,25,1.5,1000,109.41")


def test_a_table_without_rows_gives_its_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(f"{HEADER}\n")
    assert run("pathloss", path) == 0
    assert capsys.readouterr().out == f"{HEADER},model_db\n"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["UMa,LOS,3.5,10,1.5,100"], "line 2: h_bs_m: 10 m is too low for UMa"),
        (["UMi,LOS,3.5,10,1.5,100"] * 9 + ["UMi,LOS,3.5,10,1.5,5", "UMi,LOS,3.5,10,1.5,1"], "line 11: d2d_m: 5 m is"),
        (["RMa,NLOS,3.5,35,1.5,9000", "UMa,LOS,3.5,10,1.5,100"], "line 2: d2d_m: 9000 m is farther"),
        (["UMi,LOS,3.5,10,1.5,100", "UMi,LOS,3.5,10,1.5,"], "line 3: d2d_m: '' is not a number"),
        (["UMi,LOS,nan,10,1.5,100"], "line 2: fc_ghz: 'nan' is not a number"),
        (["UMi,LOS,1e999,10,1.5,100"], "line 2: fc_ghz: inf is not a finite number"),
        (["UMi,LOS,1_0,10,1.5,100"], "line 2: fc_ghz: '1_0' is not a number"),
        (["UMi,LOS,3.5,10,1.5"], "line 2: columns: there are 5 where the header has 6"),
        (["Umi,LOS,3.5,10,1.5,100"], "line 2: scenario: there is no 'Umi' here; there are UMa, UMi, RMa"),
        (["UMi,OLOS,3.5,10,1.5,100"], "line 2: condition: 'OLOS' is neither LOS nor NLOS"),
        (['UMi,"LOS,3.5,10,1.5,100'], "is not CSV"),
    ],
)
def test_a_bad_row_is_told_by_its_line_and_nothing_is_printed(
    tmp_path: Path, rows: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert run("pathloss", path) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the header has no scenario, no condition"),
        (b"scenario,condition,fc_ghz,h_bs_m,h_ut_m\n", "the header has no d2d_m; it needs scenario,"),
        (f"{HEADER},model_db\n".encode(), "the header has model_db"),
        (f"{HEADER},D2D_M\n".encode(), "the header has 'd2d_m' twice"),
        (f"{HEADER}\nUMi,LOS,3.5,10,1.5,10\xff\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(
    tmp_path: Path, content: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert run("pathloss", path, "--json") == 2
    problem = json.loads(capsys.readouterr().out)
    assert problem["type"] == "/problems/malformed"
    assert told in problem["detail"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pathloss", tmp_path / "absent.csv") == 2
    assert "absent.csv can't be opened" in capsys.readouterr().err


def test_many_warnings_are_shown_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "heights.csv"
    path.write_text("\n".join([HEADER, *(f"UMi,LOS,3.5,{height},1.5,100" for height in range(11, 19))]))
    assert run("pathloss", path) == 0
    assert "And 3 more of this sort" in capsys.readouterr().err


def test_budgets_are_listed_with_what_their_links_stand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("budgets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1::2]] == ["n78", "n258", "n260"]
    assert "142.8" in lines[1]
    assert "140.1" in lines[2]
    assert lines[2].rstrip().endswith("limits")


def test_a_budget_as_json_has_its_inputs_and_its_sums(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("budgets", "n258", "--json") == 0
    (only,) = json.loads(capsys.readouterr().out)["items"]
    assert only["id"] == "n258"
    assert only["limiting"] == "up"
    assert only["down"]["eirp_dbm"] == 64.5
    assert only["down"]["bandwidth_mhz"] == pytest.approx(95.04)
    assert only["down"]["planned_path_loss_db"] == pytest.approx(151.52)
    assert only["down"]["max_path_loss_db"] == pytest.approx(151.52 + only["shadow_margin_db"])


def test_an_unknown_band_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("budgets", "n78", "n1") == 2
    printed = capsys.readouterr()
    assert "there is no 'n1'; there are n78, n258, n260" in printed.err
    assert printed.out == ""
