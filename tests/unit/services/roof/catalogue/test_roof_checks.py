"""What may be said of a roof."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.services.roof.catalogue.checks import APART_MIN_M, checked_roof
from maillage.services.roof.catalogue.model import Mount, Roof

SQUARE = ((-20.0, -20.0), (20.0, -20.0), (20.0, 20.0), (-20.0, 20.0))


def mount(name: str = "m1", x_m: float = 0.0, y_m: float = 0.0, radiation_centre_m: float = 12.0, **more: Any) -> Mount:
    return Mount(name, x_m, y_m, radiation_centre_m, **more)


def roof(*mounts: Mount, **fields: Any) -> Roof:
    return Roof(**{"site": "st-1", "height_m": 9.0, "mounts": mounts, **fields})


def refusal(wrong: Roof) -> Invalid:
    with pytest.raises(Invalid) as refused:
        checked_roof(wrong)
    return refused.value


def test_a_right_roof_stays_as_it_is_but_for_its_rent_and_the_end_of_its_outline() -> None:
    right = roof(mount(), mount("m2", 5.0, azimuth_deg=360.0), neighbours_m=0.0, asking_rent="450", outline=SQUARE)
    assert checked_roof(right) == msgspec.structs.replace(right, asking_rent="450.00")
    assert checked_roof(roof(outline=(*SQUARE, SQUARE[0]))).outline == SQUARE
    assert checked_roof(roof()).mounts == ()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (roof(height_m=0.0), "height_m"),
        (roof(height_m=-3.0), "height_m"),
        (roof(height_m=151.0), "height_m"),
        (roof(height_m=math.nan), "height_m"),
        (roof(neighbours_m=-1.0), "neighbours_m"),
        (roof(neighbours_m=math.inf), "neighbours_m"),
        (roof(equipment_room_m2=-1.0), "equipment_room_m2"),
        (roof(mount(radiation_centre_m=8.9)), "mounts[0].radiation_centre_m"),
        (roof(mount(radiation_centre_m=150.1)), "mounts[0].radiation_centre_m"),
        (roof(mount(), mount("m 2", 5.0)), "mounts[1].id"),
        (roof(mount(), mount("m1", 5.0)), "mounts[1].id"),
        (roof(mount(x_m=501.0)), "mounts[0].x_m"),
        (roof(mount(y_m=math.nan)), "mounts[0].y_m"),
        (roof(mount(azimuth_deg=360.5)), "mounts[0].azimuth_deg"),
        (roof(mount(azimuth_deg=-1.0)), "mounts[0].azimuth_deg"),
        (roof(mount(antenna_weight_max_kg=0.0)), "mounts[0].antenna_weight_max_kg"),
        (roof(mount(wind_area_max_m2=math.inf)), "mounts[0].wind_area_max_m2"),
        (roof(asking_rent="-1"), "asking_rent"),
        (roof(asking_rent="about 400"), "asking_rent"),
        (roof(asking_rent="1e9999"), "asking_rent"),
        (roof(asking_rent="450.005"), "asking_rent"),
        (roof(access="x" * 2_001), "access"),
        (roof(warranty="x" * 2_001), "warranty"),
        (roof(outline=SQUARE[:2]), "outline"),
        (roof(outline=((0.0, 0.0), (9.0, 9.0), (9.0, 0.0), (0.0, 9.0))), "outline"),
        (roof(outline=((0.0, 0.0), (0.1, 0.0), (0.1, 0.1))), "outline"),
        (roof(outline=((0.0, 0.0), (600.0, 0.0), (0.0, 9.0))), "outline[1].x"),
        (roof(mount(x_m=20.5), outline=SQUARE), "mounts[0]"),
        (roof(*(mount(f"m{number}", float(number)) for number in range(201))), "mounts"),
    ],
)
def test_what_can_not_be_is_refused_by_its_field(wrong: Roof, field: str) -> None:
    assert refusal(wrong).extra["field"] == field


def test_overlapping_mounts_are_refused_and_both_are_named() -> None:
    overlapping = refusal(roof(mount("east"), mount("far", 9.0), mount("west", 0.3, 0.3)))
    assert overlapping.extra["mounts"] == ["east", "west"]
    assert "east and west overlap" in overlapping.detail


def test_antennas_above_each_other_on_one_mast_do_not_overlap() -> None:
    assert len(checked_roof(roof(mount("low"), mount("high", radiation_centre_m=14.0))).mounts) == 2


@given(st.floats(0, 3), st.floats(0, 3))
def test_two_mounts_are_taken_just_where_they_are_far_enough_apart(x_m: float, y_m: float) -> None:
    both = roof(mount("one"), mount("other", x_m, y_m))
    if math.hypot(x_m, y_m) < APART_MIN_M:
        assert "overlap" in refusal(both).detail
    else:
        assert checked_roof(both) == both


def test_a_mount_may_stand_on_the_edge() -> None:
    assert checked_roof(roof(mount(x_m=20.0, y_m=20.0), outline=SQUARE)).outline == SQUARE
