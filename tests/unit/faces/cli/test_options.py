"""How the texts of options are read."""

from typing import Any

import pytest
import typer

from maillage.faces.cli.options import parse_attributes, parse_needs, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [("36.37,-94.21", (36.37, -94.21)), (" -33.9 , 151 ", (-33.9, 151.0)), ("90,-180", (90.0, -180.0))],
)
def test_a_place_is_latitude_and_longitude_in_degrees(text: str, place: tuple[float, float]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "36.37", "1,2,3", "north,west", "91,0", "0,181", "nan,0", "0,inf"])
def test_what_is_no_place_on_earth_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_place(text)


def test_needs_are_kinds_with_quantities_as_they_were_written() -> None:
    assert parse_needs(["cpu=4", "memory = 0.5"]) == {"cpu": "4", "memory": "0.5"}


@pytest.mark.parametrize("texts", [["cpu"], ["cpu="], ["=4"], ["cpu=1", "cpu=2"]])
def test_a_need_without_its_half_or_named_twice_is_refused(texts: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parse_needs(texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("has_clinic=true", True),
        ("has_clinic=False", False),
        ("height_m=12", 12),
        ("height_m=-12.5", -12.5),
        ("code=007", "007"),
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("name=1e5", "1e5"),
    ],
)
def test_an_attribute_is_a_number_or_a_truth_where_it_plainly_is_one(text: str, value: Any) -> None:
    (found,) = parse_attributes([text]).values()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["has_clinic", "=true"])
def test_an_attribute_without_a_name_or_a_value_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_attributes([text])
