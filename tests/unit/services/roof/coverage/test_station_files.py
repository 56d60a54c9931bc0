"""Roofs from a file of sites."""

from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.station_files import read_stations


def file_of(folder: Path, text: str) -> Path:
    path = folder / "sites.csv"
    path.write_text(text)
    return path


def test_a_sites_own_height_goes_before_the_one_for_all(tmp_path: Path) -> None:
    path = file_of(tmp_path, "id,name,lat,lon,roof_height_m\na,A,1,2,12.5\nb,B,3,4,\n")
    stations = read_stations(path, 9, [0, 120], 4)
    assert [(each.id, each.lat, each.lon, each.height_m) for each in stations] == [("a", 1, 2, 12.5), ("b", 3, 4, 9)]
    assert {each.azimuths_deg for each in stations} == {(0, 120)}
    assert {each.tilt_deg for each in stations} == {4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name,lat,lon\na,A,1,2\n", "site a has no roof_height_m"),
        ("id,name,lat,lon,roof_height_m\na,A,1,2,high\n", "'high' and not a number of metres"),
        ("id,name,lat,lon,roof_height_m\na,A,1,2,true\n", "True and not a number of metres"),
        ("id,name,lat,lon\na,A,91,2\n", "line 2 is no site"),
        ("id,name,lat,lon\n", "has no sites"),
    ],
)
def test_a_file_that_leaves_something_open_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_stations(file_of(tmp_path, text), None)
