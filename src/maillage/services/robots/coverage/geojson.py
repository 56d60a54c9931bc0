"""Floors as GeoJSON (RFC 7946 in its form, but a plane in metres): a Polygon, MultiPolygon, Feature or
FeatureCollection.

Holes are obstacles. In a collection, features with the property ``obstacle: true`` are obstacles too.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import shapely

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.site_files.json_depth import DepthGuard
from maillage.services.robots.coverage.floor import make_floor
from maillage.services.robots.coverage.model import Floor

BYTES_MAX = 32 * 2**20


def read_geojson(text: bytes) -> Floor:
    """Malformed where it is no JSON, Invalid where it is no floor."""
    if len(text) > BYTES_MAX:
        raise Invalid("file", f"has {len(text):,} bytes; at most {BYTES_MAX:,} are read")
    try:
        DepthGuard().pass_over(text)
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:  # all of msgspec's errors are ValueErrors
        raise Malformed(f"the floor is not JSON that can be read: {error}") from None
    rooms: list[shapely.Geometry] = []
    obstacles: list[shapely.Geometry] = []
    names = []
    for feature in _features(document):
        properties = feature.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        shapes = obstacles if properties.get("obstacle") is True else rooms
        shapes += _polygons(feature.get("geometry"))
        if shapes is rooms and isinstance(properties.get("name"), str):
            names.append(properties["name"])
    return make_floor(rooms, obstacles, names[0] if names else "")


def _features(document: Any) -> Iterator[dict[str, Any]]:
    match _type_of(document):
        case "FeatureCollection":
            features = document.get("features")
            if not isinstance(features, list):
                raise Invalid("floor", "the FeatureCollection has no list of features")
            for feature in features:
                if _type_of(feature) != "Feature":
                    raise Invalid("floor", f"a FeatureCollection holds features, not {_type_of(feature)!r}")
                yield feature
        case "Feature":
            yield document
        case _:
            yield {"geometry": document}


def _polygons(geometry: Any) -> list[shapely.Polygon]:
    kind = _type_of(geometry)
    given = geometry.get("coordinates")
    if kind == "Polygon":
        return [_polygon(given)]
    if kind == "MultiPolygon" and isinstance(given, list):
        return [_polygon(each) for each in given]
    if kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
        return [part for each in geometry["geometries"] for part in _polygons(each)]
    raise Invalid("floor", f"is made of Polygons and MultiPolygons, not of {kind!r}")


def _polygon(rings: Any) -> shapely.Polygon:
    if not isinstance(rings, list) or not rings:
        raise Invalid("floor", "is empty: a Polygon has no ring of coordinates")
    outer, *holes = [_ring(ring) for ring in rings]
    return shapely.Polygon(outer, holes)


def _ring(places: Any) -> "np.typing.NDArray[np.float64]":
    try:
        ring = np.array([(place[0], place[1]) for place in places], dtype=np.float64)
        numbers = all(type(axis) in (int, float) for place in places for axis in place[:2])
    except (TypeError, IndexError, KeyError, ValueError, OverflowError):
        numbers = False
    if not numbers or not np.isfinite(ring).all():
        raise Invalid("floor", "a ring is not a list of places, each two finite numbers in metres")
    if len(np.unique(ring, axis=0)) < 3:
        raise Invalid(
            "floor", f"is empty: a ring needs three corners or more, this one has {len(np.unique(ring, axis=0))}"
        )
    return ring


def _type_of(document: Any) -> str:
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        raise Invalid(
            "floor", "is no GeoJSON: a Polygon, MultiPolygon, Feature or FeatureCollection has its name in 'type'"
        )
    return kind
