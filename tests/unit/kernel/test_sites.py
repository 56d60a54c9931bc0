"""Sites and kinds: what may be entered, and what is refused by its field."""

from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import Invalid
from maillage.kernel.kinds import DEFAULT_KINDS, Kind, checked_kind
from maillage.kernel.sites import Site, checked_site, zone_at

BENTONVILLE = Site("wm-1", "Bentonville", 36.37, -94.21, "America/Chicago", "US", "AR", {"has_clinic": True})


def test_a_sound_site_is_itself() -> None:
    assert checked_site(BENTONVILLE) is BENTONVILLE


@pytest.mark.parametrize("name", ["a", "A-1_b", "0", "x" * 64])
def test_an_id_is_plain(name: str) -> None:
    assert checked_site(msgspec.structs.replace(BENTONVILLE, id=name)).id == name


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        *[("id", name, "id") for name in ("", "-a", "a.b", "a/b", "a b", "a~1", "é", "x" * 65, "a\n", "\0")],
        ("name", "", "name"),
        ("name", "x" * 201, "name"),
        ("lat", 90.001, "lat"),
        ("lat", float("nan"), "lat"),
        ("lon", -180.001, "lon"),
        ("lon", float("inf"), "lon"),
        ("tz", "", "tz"),
        ("tz", "Mars/Olympus", "tz"),
        ("tz", "../../etc/passwd", "tz"),
        ("country", "USA", "country"),
        ("region", "x" * 65, "country"),
        ("attributes", {str(number): 1 for number in range(65)}, "attributes"),
        ("attributes", {"": 1}, "attributes."),
        ("attributes", {"notes": "x" * 201}, "attributes.notes"),
    ],
)
def test_what_can_not_be_is_refused_by_its_field(field: str, value: Any, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_site(msgspec.structs.replace(BENTONVILLE, **{field: value}))
    assert refused.value.extra["field"] == named


def test_the_poles_and_the_date_line_are_on_earth() -> None:
    for lat, lon in ((90, 180), (-90, -180), (0, 0)):
        checked_site(msgspec.structs.replace(BENTONVILLE, lat=lat, lon=lon))


@pytest.mark.parametrize(
    ("lat", "lon", "zone"),
    [(36.37, -94.21, "America/Chicago"), (48.86, 2.35, "Europe/Paris"), (35.68, 139.69, "Asia/Tokyo")],
)
def test_a_place_has_the_zone_of_its_borders(lat: float, lon: float, zone: str) -> None:
    assert zone_at(lat, lon) == zone


def test_every_place_has_some_zone() -> None:
    for lat, lon in ((0, -150), (89.9, 0), (-90, 0)):
        assert checked_site(msgspec.structs.replace(BENTONVILLE, tz=zone_at(lat, lon)))


def test_the_kinds_that_every_chain_has_are_sound() -> None:
    assert len({checked_kind(kind).name for kind in DEFAULT_KINDS}) == len(DEFAULT_KINDS) == 17


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (Kind("", "u"), "name"),
        (Kind("Locker", "u"), "name"),
        (Kind("1locker", "u"), "name"),
        (Kind("lock-er", "u"), "name"),
        (Kind("l" * 33, "u"), "name"),
        (Kind("locker\n", "u"), "name"),
        (Kind("locker", ""), "unit"),
        (Kind("locker", "u" * 33), "unit"),
        (Kind("locker", "box", "d" * 201), "description"),
    ],
)
def test_a_kind_that_can_not_be_is_refused_by_its_field(kind: Kind, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_kind(kind)
    assert refused.value.extra["field"] == field
