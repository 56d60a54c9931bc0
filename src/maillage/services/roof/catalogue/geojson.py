"""Roofs as GeoJSON (RFC 7946), for maps."""

from collections.abc import Sequence
from typing import Any

import msgspec

from maillage.kernel.sites import Site
from maillage.services.roof.catalogue.documents import ListedRoof, Point, RoofDocument, place_of
from maillage.services.roof.catalogue.plan_documents import PlanDocument

GeoJson = dict[str, Any]
_IN_THE_GEOMETRY = ("lat", "lon")


def roofs_geojson(roofs: Sequence[ListedRoof], following: str | None) -> GeoJson:
    """A point for each roof, at its site, with all that is listed of it; ``next`` beside the features."""
    return collection([_roof(roof) for roof in roofs]) | {"next": following}


def roof_geojson(roof: RoofDocument, site: Site) -> GeoJson:
    """The roof at its site, its outline where that is known, and a point for each mount; ``part`` tells them apart."""
    features = [_roof(roof, part="roof")]
    if roof.outline:
        ring = [list(place_of(site, x_m, y_m)[::-1]) for x_m, y_m in _counter_clockwise(roof.outline)]
        geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        features.append(feature(f"{roof.site}/outline", geometry, {"part": "outline", "site": roof.site}))
    for mount in roof.mounts:
        about = _without(msgspec.to_builtins(mount)) | {"part": "mount", "site": roof.site}
        features.append(feature(f"{roof.site}/{mount.id}", point((mount.lat, mount.lon)), about))
    return collection(features)


def plan_geojson(plan: PlanDocument) -> GeoJson:
    """A point for each roof of a plan, numbered in its order."""
    features = []
    for number, roof in enumerate(plan.roofs, 1):
        about = _without(msgspec.to_builtins(roof)) | {"number": number}
        features.append(feature(roof.site, point((roof.lat, roof.lon)), about))
    return collection(features)


def collection(features: list[GeoJson]) -> GeoJson:
    return {"type": "FeatureCollection", "features": features}


def feature(name: str, geometry: GeoJson, properties: GeoJson) -> GeoJson:
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}


def point(place: Point) -> GeoJson:
    """Of a latitude and longitude."""
    return {"type": "Point", "coordinates": [place[1], place[0]]}


def _counter_clockwise(ring: Sequence[Point]) -> Sequence[Point]:
    """As RFC 7946 section 3.1.6 wants outer rings; by the sign of twice the area."""
    twice = sum(x * north - east * y for (x, y), (east, north) in zip(ring, [*ring[1:], ring[0]], strict=True))
    return ring if twice > 0 else ring[::-1]


def _roof(roof: ListedRoof, **more: str) -> GeoJson:
    return feature(roof.site, point((roof.lat, roof.lon)), _without(msgspec.to_builtins(roof)) | more)


def _without(document: GeoJson) -> GeoJson:
    return {name: value for name, value in document.items() if name not in _IN_THE_GEOMETRY}
