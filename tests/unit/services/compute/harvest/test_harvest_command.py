"""``compute harvest`` as it is typed."""

import json
from pathlib import Path

import pytest
import typer

from maillage.faces.cli.compute_harvest import harvest
from maillage.faces.cli.main import Root

app = typer.Typer(cls=Root, rich_markup_mode=None, pretty_exceptions_enable=False)
app.callback()(lambda: None)  # a lone command would be the whole app, without the root's way with refusals
app.command()(harvest)


def run(*words: str | Path) -> int:
    code: int = app(["harvest", *map(str, words)], standalone_mode=False)
    return code


@pytest.fixture
def load(tmp_path: Path) -> Path:
    path = tmp_path / "load.csv"
    rows = (f"{slot},{20 + (slot - 1) // 12 % 24},30" for slot in range(1, 2 * 2_016 + 289))
    path.write_text("slot,a,b\n" + "\n".join(rows) + "\n")
    return path


def test_json_is_one_document(load: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--load", load, "--max", load, "--machines", "1", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["stores"], document["machines_per_store"]) == (2, 1)
    assert [result["learns"] for result in document["results"]] == ["means", "one-peak", "all-peaks"]
    for result in document["results"]:
        assert result["store_hours"] == 48
        assert 0.8 < result["sold_share"] <= 1
        assert result["starved"]["means"] == {
            "hours": 0,
            "seconds": 0,
            "of_hours": 48,
            "per_10000_hours": 0,
            "share_of_time": 0,
        }


def test_a_sweep_shows_a_row_for_each_quantile(load: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--load", load, "--machines", "2", "--sweep", "--quantile", "0.95") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split()[0] for line in lines if line.strip().startswith("0.")]
    assert rows == ["0.9", "0.95", "0.99", "0.999", "0.9999", "0.99999"] * 2
    assert lines[0].startswith("1 stores of 64 vCPU, 2 machines each; 24 store-hours")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quantile", "1.5"], "0.9999 means one hour of 10,000"),
        (["--machines", "3"], "ask for 2 or less"),
        (["--grain", "65"], "a spot lease is"),
        (["--grace", "301"], "goes from 0 to the cool-down"),
        (["--reaction", "-1"], "goes from 0 to 299 s"),
    ],
)
def test_what_can_not_be_is_refused(
    load: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--load", load, *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("slot,a\n1,much\n")
    assert run("--load", path) == 2
    assert "line 2: a: 'much' is not a percentage" in capsys.readouterr().err
