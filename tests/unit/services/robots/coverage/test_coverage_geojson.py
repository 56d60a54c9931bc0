"""Floors as GeoJSON: what is read, and what is refused with its reason."""

import json
from typing import Any

import pytest

from maillage.kernel.errors import Invalid, Malformed, Refusal
from maillage.services.robots.coverage import geojson
from maillage.services.robots.coverage.geojson import read_geojson
from maillage.services.robots.coverage.model import Floor

SQUARE = [[0, 0], [10, 0], [10, 8], [0, 8], [0, 0]]
PILLAR = [[4, 4], [5, 4], [5, 5], [4, 5], [4, 4]]
FAR_ROOM = [[20, 0], [24, 0], [24, 5], [20, 5], [20, 0]]


def read(document: Any) -> Floor:
    return read_geojson(json.dumps(document).encode())


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


@pytest.mark.parametrize(
    ("document", "area_m2"),
    [
        (polygon(SQUARE), 80),
        (polygon(SQUARE, PILLAR), 79),
        (polygon([[*place, 3.5] for place in SQUARE]), 80),
        (polygon(SQUARE[:-1]), 80),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE, PILLAR], [FAR_ROOM]]}, 99),
        (feature(polygon(SQUARE)), 80),
        (feature({"type": "GeometryCollection", "geometries": [polygon(SQUARE), polygon(FAR_ROOM)]}), 100),
        (collection(feature(polygon(SQUARE)), feature(polygon(PILLAR), obstacle=True)), 79),
        (collection(feature(polygon(SQUARE)), feature(polygon(FAR_ROOM))), 100),
        (collection(feature(polygon(SQUARE)), feature(polygon([[5, 0], [15, 0], [15, 8], [5, 8]]))), 120),
        (collection(feature(polygon(SQUARE)), feature(polygon(PILLAR), obstacle="yes")), 80),
        (collection({"type": "Feature", "properties": None, "geometry": polygon(SQUARE)}), 80),
    ],
)
def test_polygons_of_all_forms_are_floors(document: dict[str, Any], area_m2: float) -> None:
    assert read(document).area.area == pytest.approx(area_m2)


def test_a_floor_has_the_name_of_its_first_room() -> None:
    assert (
        read(collection(feature(polygon(SQUARE), name="hall"), feature(polygon(FAR_ROOM), name="back"))).name == "hall"
    )
    assert read(feature(polygon(SQUARE), name=3)).name == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (polygon([[0, 0], [10, 8], [10, 0], [0, 8], [0, 0]]), "its border crosses itself at (5, 4)"),
        (polygon(SQUARE, FAR_ROOM), "a hole lies outside of it at (20, 0)"),
        (polygon(SQUARE, [[1, 1], [9, 1], [9, 7], [1, 7], [1, 1]], PILLAR), "a hole lies within another"),
        (polygon([[0, 0], [1, 1], [0, 0]]), "a ring needs three corners or more, this one has 2"),
        (polygon([]), "a ring needs three corners"),
        (polygon(), "a Polygon has no ring"),
        (polygon([[0, 0], [5, 0], [9, 0], [0, 0]]), "floor"),
        ({"type": "Polygon"}, "a Polygon has no ring"),
        ({"type": "MultiPolygon", "coordinates": []}, "is empty: there is no polygon"),
        (collection(), "is empty: there is no polygon"),
        (collection(feature(polygon(SQUARE), obstacle=True)), "is empty: there is no polygon"),
        (
            collection(feature(polygon(PILLAR)), feature(polygon(SQUARE), obstacle=True)),
            "the obstacles cover all of it",
        ),
        (polygon([["a", 0], [1, 1], [0, 1]]), "two finite numbers in metres"),
        (polygon([[True, 0], [1, 1], [0, 1]]), "two finite numbers in metres"),
        (polygon([[0], [1, 1], [0, 1]]), "two finite numbers in metres"),
        (polygon([[0, 0], None, [0, 1]]), "two finite numbers in metres"),  # type: ignore[list-item]
        (polygon("abc"), "two finite numbers in metres"),  # type: ignore[arg-type]
        ({"type": "Point", "coordinates": [1, 2]}, "not of 'Point'"),
        (feature(None), "is no GeoJSON"),
        (collection(polygon(SQUARE)), "a FeatureCollection holds features, not 'Polygon'"),
        ({"type": "FeatureCollection", "features": {}}, "no list of features"),
        ({"type": 3}, "is no GeoJSON"),
        ([1, 2], "is no GeoJSON"),
        ("floor", "is no GeoJSON"),
        (polygon([[0, 0], [1500, 0], [1500, 20], [0, 20]]), "is 1,500 by 20: too large for metres"),
        (
            polygon([[-94.21, 36.37], [-94.2091, 36.37], [-94.2091, 36.3706], [-94.21, 36.3706]]),
            "is 0.0009 by 0.0006: these look like degrees of longitude and latitude",
        ),
        (
            collection(
                feature(polygon(SQUARE)), feature(polygon(PILLAR)), feature(polygon([[0, 0], [2, 2], [2, 0], [0, 2]]))
            ),
            "floor 3 is not a sound polygon: its border crosses itself at (1, 1)",
        ),
    ],
)
def test_what_is_no_floor_is_refused_with_the_reason(document: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(document)
    assert said in refused.value.detail


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"type": "Polygon", "coordinates": [[[NaN, 0], [1, 0], [1, 1]]]}',
        b'{"type": "Polygon", "coordinates": [[[1e999, 0], [1, 0], [1, 1]]]}',
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
    ],
)
def test_what_can_t_be_read_is_told(text: bytes) -> None:
    with pytest.raises(Malformed, match="the floor is not JSON that can be read"):
        read_geojson(text)


def test_a_file_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geojson, "BYTES_MAX", 10)
    with pytest.raises(Invalid, match="at most 10 are read"):
        read(polygon(SQUARE))


def test_too_many_corners_are_refused() -> None:
    corners = [[n / 1000, 0] for n in range(100_001)] + [[50, 50]]
    with pytest.raises(Refusal, match=r"100,00\d corners"):
        read(polygon(corners))
