"""``roof rent`` and ``roof rentroll`` as they are typed."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maillage.bootstrap import open_local
from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.faces.cli.main import app
from maillage.faces.cli.roof_rent_picture import Bar, picture
from tests.unit.services.roof.rent.rent_terms import terms
from tests.unit.services.roof.rent.roof_leases_made import roof_lease

SURE, RENEWED = (20, 100, 180), (178, 212, 240)


def run(*words: str | Path) -> int:
    code: int = app(["roof", *map(str, words)], standalone_mode=False)
    return code


def answer(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """What is said on standard output where all goes well."""
    assert run(*words) == 0
    return capsys.readouterr().out


# -- rent --------------------------------------------------------------------------------------------------------------


def test_the_two_usual_escalators_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(capsys, "rent", "--rent", "1000", "--start", "2027-01-01", "--rate", "8")
    lines = said.splitlines()
    assert lines[0] == "1,000.00 a month from 2027-01-01 to 2057-01-01, 6 terms of 5 years"
    assert lines[3].split() == ["2", "2028-01-01", "1,030.00", "12,360.00", "1,000.00", "12,000.00"]
    assert "3 % a year   570,904.99 in all, worth 189,814.95" in said
    assert "15 % a term  525,224.31 in all, worth 176,970.62" in said
    assert lines[-1] == "worth at the start, discounted by 8 % a year"


def test_without_a_rate_nothing_is_said_of_worth(capsys: pytest.CaptureFixture[str]) -> None:
    assert "worth" not in answer(capsys, "rent", "--rent", "1000", "--start", "2027-01-01", "--renewals", "0")


def test_every_term_means_fifteen_percent_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(answer(capsys, "rent", "--rent", "1000", "--every", "term", "--json"))
    assert [(each["name"], each["asked"]) for each in document["models"]] == [
        ("15 % a term", True),
        ("3 % a year", False),
    ]


def test_json_has_the_years_of_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rent", "--rent", "850.50", "--escalator", "2.5", "--term-years", "10", "--renewals", "1"]
    document = json.loads(answer(capsys, *words, "--start", "2028-02-29", "--json"))
    assert list(document) == ["start", "end", "rent_per_month", "term_years", "renewals", "rate_percent", "models"]
    assert [each["name"] for each in document["models"]] == ["2.5 % a year", "3 % a year", "15 % a term"]
    assert document["models"][0]["years"][1] == {
        "year": 2,
        "start": "2029-02-28",
        "end": "2030-02-28",
        "rent_per_month": "871.76",
        "rent": "10461.15",
    }
    assert document["rate_percent"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rent", "much"], "'much' is not a decimal number"),
        (["--rent", "nan"], "rent_per_month"),
        (["--rent", "0"], "the least is 0.01"),
        (["--rent", "1.005"], "more than 2 decimals"),
        (["--rent", "1", "--escalator", "51"], "escalator_percent"),
        (["--rent", "1", "--escalator", "x"], "'x' is not a decimal number"),
        (["--rent", "1", "--every", "month"], "--every"),
        (["--rent", "1", "--term-years", "0"], "term_years"),
        (["--rent", "1", "--renewals", "10"], "55 years"),
        (["--rent", "1", "--start", "2027-02-29"], "is not a day such as"),
        (["--rent", "1", "--start", "9950-01-01"], "start"),
        (["--rent", "1", "--rate", "101"], "rate"),
        (["--rent", "1", "--rate", "nan"], "must be a finite number"),
        ([], "--rent"),
    ],
)
def test_what_is_wrong_is_said_with_the_exit_code_for_usage(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rent", *words) == 2
    told = capsys.readouterr()
    assert said in told.err and told.out == ""


# -- rentroll ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A chain with a roof that is let until 2057, one that ends, and one that is not signed."""
    home = tmp_path / "home"
    monkeypatch.setenv("MAILLAGE_HOME", str(home))
    monkeypatch.delenv("MAILLAGE_SERVER", raising=False)
    leases = [
        roof_lease("rl-1", first=date(2127, 1, 1), state="signed"),
        roof_lease("rl-2", first=date(2127, 1, 1), tenant="other", site="wm-2", let=terms("500", "0", renewals=0)),
        roof_lease("rl-3", first=date(2128, 1, 1), state="permit"),
    ]
    chain = open_local(home)
    try:
        for lease in leases:
            SqlRoofLeaseRecords(chain.database).add(lease)
    finally:
        chain.close()
    yield tmp_path


def test_the_roll_names_the_leases_the_years_and_what_they_are_worth(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = answer(capsys, "rentroll", "--years", "2", "--rate", "0")
    assert [line.split()[0] for line in said.splitlines() if line.startswith("rl-")] == ["rl-1", "rl-2"]
    assert "2128-01-01 to 1,030.00" in said and "2131-01-01" in said
    years = [line.split() for line in said.splitlines() if line.split()[:1] in (["2127"], ["2128"], ["later"])]
    assert [year[:3] for year in years] == [
        ["2127", "18,000.00", "18,000.00"],
        ["2128", "18,360.00", "18,360.00"],
        ["later", "57,349.63", "564,544.99"],
    ]
    assert "2, 1,500.00 USD a month" in said
    assert "600,904.99 USD" in said
    assert "worth now at 0 %  93,709.63 USD, with renewals 600,904.99 USD" in said


def test_days_are_those_of_the_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain = open_local(folder / "home")
    SqlRoofLeaseRecords(chain.database).add(roof_lease("rl-in", first=date(2127, 4, 1), site="in-1", tz="Asia/Kolkata"))
    chain.close()
    said = answer(capsys, "rentroll", "--site", "in-1")
    assert "2128-04-01 to 1,030.00  2131-04-01  2132-04-01" in said


def test_filters_and_prospects_reach_the_roll(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def leases(*words: str) -> list[str]:
        return [each["lease"] for each in json.loads(answer(capsys, "rentroll", *words, "--json"))["items"]]

    assert leases("--tenant", "other") == ["rl-2"]
    assert leases("--site", "wm-1", "--prospects") == ["rl-1", "rl-3"]
    assert leases("--site", "nowhere") == []


def test_where_no_roof_is_let_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "rentroll", "--site", "nowhere") == "No roof is let.\n"
    assert run("rentroll", "--site", "nowhere", "--png", folder / "none.png") == 2
    assert "nothing to draw" in capsys.readouterr().err


def test_the_years_are_drawn_when_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = folder / "roll.png"
    assert run("rentroll", "--png", drawn) == 0
    assert f"drawn into {drawn}" in capsys.readouterr().err
    with Image.open(drawn) as image:
        assert (image.format, image.size) == ("PNG", (1_200, 480))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--rate", "101"], 2, "rate"),
        (["--rate", "inf"], 2, "must be a finite number"),
        (["--years", "0"], 2, "--years"),
        (["--png", "/nowhere/roll.png"], 2, "there is no folder /nowhere"),
    ],
)
def test_what_is_wrong_with_a_roll_is_said(
    folder: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rentroll", *words) == code
    assert said in capsys.readouterr().err


# -- the picture -------------------------------------------------------------------------------------------------------


def test_bars_are_as_high_as_the_rent(tmp_path: Path) -> None:
    bars = [Bar("2027", 100.0, 100.0), Bar("2028", 50.0, 100.0), Bar("2029", 0.0, 50.0)]
    picture(tmp_path / "bars.png", "rent", bars)
    with Image.open(tmp_path / "bars.png") as image:
        pixels = np.asarray(image.convert("RGB"))[60:440]
    sure, renewed = (np.all(pixels == colour, axis=2) for colour in (SURE, RENEWED))
    columns = [110 + round((number + 0.5) * 1_060 / 3) for number in range(3)]
    heights = [(int(sure[:, column].sum()), int(renewed[:, column].sum())) for column in columns]
    whole = heights[0][0]
    assert heights[0] == (whole, 0) and whole > 300
    assert heights[1][0] == pytest.approx(whole / 2, abs=2) and sum(heights[1]) == pytest.approx(whole, abs=2)
    assert heights[2][0] == 0 and heights[2][1] == pytest.approx(whole / 2, abs=2)


def test_years_without_any_rent_are_drawn_as_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "none.png", "rent", [Bar("2027", 0.0, 0.0)])
    with Image.open(tmp_path / "none.png") as image:
        pixels = np.asarray(image.convert("RGB"))[60:440]
    assert not np.all(pixels == SURE, axis=2).any() and not np.all(pixels == RENEWED, axis=2).any()
