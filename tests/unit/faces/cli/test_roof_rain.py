"""``roof rain``: what rain takes from a link between roofs."""

import json

import pytest

from maillage.faces.cli.main import app


def run(*words: str) -> int:
    return int(app(["roof", "rain", *words], standalone_mode=False))


def test_rain_on_a_link_is_told_by_the_kilometre_and_by_the_year(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--ghz", "26", "--km", "2", "--mm-h", "25", "--polarisation", "horizontal", "--json")
    assert run(*words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["db_per_km"] == pytest.approx(4.15, abs=0.01)
    assert run(*words, "--percent", "0.1") == 0
    assert 0 < json.loads(capsys.readouterr().out)["link_db"] < told["link_db"]


def test_people_are_told_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ghz", "26", "--km", "2", "--mm-h", "25") == 0
    assert "of the year on 2 km at 26 GHz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "field"),
    [(("--ghz", "0.1", "--km", "2", "--mm-h", "25"), "fc_ghz"), (("--ghz", "26", "--km", "99", "--mm-h", "25"), "km")],
)
def test_what_lies_outside_the_recommendations_is_refused(
    words: tuple[str, ...], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert field in capsys.readouterr().err
