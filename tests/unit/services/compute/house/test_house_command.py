"""``compute house`` as it is typed, on a data folder without a server."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from maillage.bootstrap import open_local
from maillage.faces.cli.compute_house import app as house
from maillage.faces.cli.main import Root

pytest.importorskip("wasmtime", reason="the extra compute is not installed")

app = typer.Typer(cls=Root, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(house, name="house")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from tests.unit.faces.http.api import opened

    with opened(tmp_path / "chain", lambda path, _: open_local(path)) as api:
        api.site("wm-1", cpu=8)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "chain"))
    monkeypatch.delenv("MAILLAGE_SERVER", raising=False)
    return tmp_path / "chain"


def run(*words: str) -> int:
    code: int = app(["house", *words], standalone_mode=False)
    return code


def test_set_show_report_and_drop(capsys: pytest.CaptureFixture[str]) -> None:
    def document(*words: str) -> Any:
        assert run(*words, "--json") == 0
        return json.loads(capsys.readouterr().out)

    made = document("set", "wm-1", "--headroom", "0.5", "--horizon-h", "3", "--quantile", "0.999")
    assert (made["kept"], made["leased"], made["horizon_h"], made["quantile"]) == (2.5, 2.5, 3, 0.999)
    assert document("report", "wm-1", "1.25")["cpu"] == 1.25
    shown = document("show", "wm-1")
    assert (shown["headroom"], shown["size"], len(shown["day"]) in (24, 25)) == (0.5, 8, True)
    run("show", "wm-1")
    said = capsys.readouterr().out
    assert "of 8 vCPU kept for the house" in said
    assert "learning: it takes two weeks" in said
    assert said.count("█") + said.count("#") > 64  # the day as a chart
    run("set", "wm-1", "--off")
    assert capsys.readouterr().out.startswith("wm-1: off")
    assert document("drop", "wm-1") == {"site": "wm-1", "dropped": True}


def test_a_site_without_a_house_is_a_refusal() -> None:
    for words in (("show", "wm-1"), ("drop", "wm-1"), ("report", "wm-1", "3"), ("set", "wm-9")):
        assert run(*words) == 1
    for wrong in ("nan", "inf", "much"):
        assert run("report", "wm-1", wrong) == 2
