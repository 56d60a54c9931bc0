"""Roofs in CSV, a mount a line."""

import pytest

from maillage.kernel.errors import Malformed
from maillage.services.roof.catalogue.roof_file import ReadRoof, RoofRejection, read_roofs

HEADER = "site,height_m,mount,x_m,y_m,radiation_centre_m,asking_rent,fibre_pairs,azimuth_deg\n"


def read(*lines: str, header: str = HEADER) -> list[ReadRoof | RoofRejection]:
    return list(read_roofs((header + "\n".join(lines)).encode()))


def test_lines_of_one_site_are_one_roof_wherever_they_stand() -> None:
    first, other = read(
        "st-1,9,m1,0,0,12,300.50,2,", "st-2,8,a,0,0,9,,,90", "", "st-1,,m2,5,0,12,,,", "st-1,9,m3,9,0,12,,2,"
    )
    assert isinstance(first, ReadRoof) and isinstance(other, ReadRoof)
    assert (first.line, first.site) == (2, "st-1")
    assert {name: value for name, value in first.roof.items() if name != "mounts"} == {
        "height_m": 9.0,
        "asking_rent": "300.50",
        "fibre_pairs": 2,
    }
    assert [each["id"] for each in first.roof["mounts"]] == ["m1", "m2", "m3"]
    assert other.roof["mounts"] == [{"id": "a", "x_m": 0.0, "y_m": 0.0, "radiation_centre_m": 9.0, "azimuth_deg": 90.0}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("st-1,9,m1,0,0,12,,", "8 columns where the header has 9"),
        ("st-1,tall,m1,0,0,12,,,", "height_m: 'tall' is not a number"),
        ("st-1,9,m1,0,0,12,,two,", "fibre_pairs"),
        ("st-1,nan,m1,0,0,12,,,", "height_m: 'nan' is not a finite number"),
        ("st-1,9,m1,0,0,1e400,,,", "radiation_centre_m: '1e400' is not a finite number"),
        ("st-1,9,m1,-inf,0,12,,,", "x_m: '-inf' is not a finite number"),
        ("st-1,8,m1,0,0,12,,,", "height_m: '8' is not what a former line"),
        ("st-1,9,m1,,0,12,,,", "x_m"),
        ("st-1,9,m1,0,0,12,,-1,", "fibre_pairs"),
    ],
)
def test_a_bad_line_rejects_its_roof_and_no_other(bad: str, reason: str) -> None:
    found = read("st-1,9,m0,0,0,12,,,", bad, "st-2,8,a,0,0,9,,,")
    assert isinstance(found[0], RoofRejection) and isinstance(found[1], ReadRoof)
    assert reason in found[0].reason and found[0].site == "st-1"


def test_a_line_without_a_site_is_rejected_with_its_number() -> None:
    (rejection,) = read(",9,m1,0,0,12,,,")
    assert rejection == RoofRejection(2, "", "site: is missing")
    (rejection,) = read("../sites,9,m1,0,0,12,,,")
    assert rejection == RoofRejection(2, "../sites", "site: '../sites' is no id of a site")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no site"),
        (b"site,height_m\n", "has no mount"),
        (HEADER.replace("azimuth_deg", "colour").encode(), "'colour'"),
        (HEADER.replace("azimuth_deg", "site").encode(), "'site' twice"),
        (b"\xff\xfe\n", "UTF-8"),
        ((HEADER + '"st-1,9').encode(), "is not CSV"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        list(read_roofs(content))
    assert said in refused.value.detail
