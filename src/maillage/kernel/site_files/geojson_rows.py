"""Site files in GeoJSON (RFC 7946), as All the Places publishes them: one FeatureCollection of points.

A store's id is ``properties.ref``, or the feature's own ``id``. Its name is ``name``, else ``branch``, else ``brand``;
``addr:country`` and ``addr:state`` are its country and region, and every other plain property is an attribute.
Nobody wrote these files for us, so what does not fit into a site's attributes is left out rather than refused.
"""

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

from maillage.kernel.errors import Invalid, Malformed
from maillage.kernel.site_files.json_depth import DepthGuard
from maillage.kernel.site_files.roll import Rejection, Roll
from maillage.kernel.sites import ATTRIBUTES_MAX, NAME_MAX, AttributeValue, Site

CHUNK_BYTES = 1 << 16
FEATURE_BYTES_MAX = 1 << 22
"""Bytes that may pass without a feature ending: one is held in memory as a whole, so it must have a bound."""
INTEGER_MAX = 1 << 53
"""Largest integer that every JSON reader keeps exact."""

_OWN_FIELDS = frozenset(("ref", "name", "addr:country", "addr:state"))


def read_geojson(stream: BinaryIO) -> Iterator[Site | Rejection]:
    """Sites and rejections in the order of the file. Malformed for what is no JSON or has no features."""
    roll = Roll("feature")
    number = 0
    for number, feature in enumerate(_features(stream), start=1):
        shown = _id_of(feature)
        try:
            yield roll.enter(_site_of(feature), number)
        except Invalid as invalid:
            yield Rejection(number, shown[:80] or None, invalid.detail)
    if number == 0:
        raise Malformed("the file has no features; a GeoJSON FeatureCollection of points is needed")


def _features(stream: BinaryIO) -> Iterator[Any]:
    """The features, each as soon as it has been read whole; Malformed where the JSON breaks, after those before it.

    Numbers are read as machine numbers, so that one beyond them breaks the file: as Python's own, one of thousands of
    digits crashes ijson's C parser and with it the process.
    """
    ready = ijson.sendable_list()
    parser = ijson.items_coro(ready, "features.item", use_float=True)
    depth = DepthGuard()
    given = 0
    bytes_since = 0
    chunk = stream.read(CHUNK_BYTES).removeprefix(b"\xef\xbb\xbf")
    while True:
        fault = None
        try:
            if chunk:
                depth.pass_over(chunk)
                parser.send(chunk)
            else:
                parser.close()
        except (ijson.JSONError, ValueError) as error:
            fault = error
        yield from ready
        given += len(ready)
        bytes_since = 0 if ready else bytes_since + len(chunk)
        ready.clear()
        if fault is not None:
            raise Malformed(f"the JSON breaks after feature {given}: {_first_line(fault)}", line=given)
        if bytes_since > FEATURE_BYTES_MAX:
            raise Malformed(f"after feature {given}, {FEATURE_BYTES_MAX} bytes pass without another", line=given)
        if not chunk:
            return
        chunk = stream.read(CHUNK_BYTES)


def _first_line(error: Exception) -> str:
    return str(error).removeprefix("b'").replace("\\n", "\n").strip().partition("\n")[0][:120]


def _site_of(feature: Any) -> Site:
    """The site in a feature, not yet checked; Invalid when it has no id or is not at a point."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Invalid("type", "is not a GeoJSON Feature")
    site_id = _id_of(feature)
    if not site_id:
        raise Invalid("ref", "is missing; each store needs one in its properties, or an id in its feature")
    lat, lon = _position(feature.get("geometry"))
    properties = _properties(feature)
    names = (_text(properties.get(key)) for key in ("name", "branch", "brand"))
    return Site(
        id=site_id,
        name=next(filter(None, names), site_id),
        lat=lat,
        lon=lon,
        tz="",
        country=_text(properties.get("addr:country")).upper(),
        region=_text(properties.get("addr:state")),
        attributes=_attributes(properties),
    )


def _id_of(feature: Any) -> str:
    """``properties.ref``, or the feature's own id; empty when there is neither."""
    if not isinstance(feature, dict):
        return ""
    return _text(_properties(feature).get("ref")) or _text(feature.get("id"))


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _text(value: Any) -> str:
    """A text or a number as text, on one line; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())


def _position(geometry: Any) -> tuple[float, float]:
    """Latitude and longitude of a Point."""
    if geometry is None:
        raise Invalid("geometry", "is null: the store has no position; give it a Point")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        form = geometry.get("type") if isinstance(geometry, dict) else geometry
        raise Invalid("geometry", f"{str(form)[:40]!r} is not a Point; a store is at one place")
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) < 2 or not all(map(_is_number, coordinates[:2])):
        raise Invalid("coordinates", "are not two numbers, longitude first, such as [-94.149, 36.331]")
    lon, lat = map(float, coordinates[:2])
    if abs(lat) > 90 >= abs(lon):
        raise Invalid("coordinates", f"{lat:g} is not a latitude; GeoJSON puts the longitude first")
    return lat, lon


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attributes(properties: dict[str, Any]) -> dict[str, AttributeValue]:
    """Plain properties that fit, the first ATTRIBUTES_MAX by name, so that the order in the file has no say."""
    attributes: dict[str, AttributeValue] = {}
    for name in sorted(properties):
        value = _value(properties[name])
        if value is None or name in _OWN_FIELDS or not 1 <= len(name) <= 64:
            continue
        attributes[name] = value
        if len(attributes) == ATTRIBUTES_MAX:
            break
    return attributes


def _value(value: Any) -> AttributeValue | None:
    """The value as an attribute, None for one that can't be."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if 1 <= len(value) <= NAME_MAX else None
    if isinstance(value, int):
        return value if abs(value) <= INTEGER_MAX else None
    return value if isinstance(value, float) and math.isfinite(value) else None
