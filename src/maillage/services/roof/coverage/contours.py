"""Contours of a raster as GeoJSON (RFC 7946): for each level, the land on which the figure is at least that."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon, box
from shapely.affinity import translate
from shapely.geometry.polygon import orient

from maillage.services.roof.coverage.raster import Raster

_DECIMALS = 6
"""Of a degree: 11 cm, as RFC 7946 section 11.2 advises."""


def contours(raster: Raster, levels: Sequence[float]) -> dict[str, Any]:
    """A FeatureCollection with a MultiPolygon for each level that is reached anywhere, the lowest first.

    Outer rings go counter-clockwise and holes clockwise (section 3.1.6); what crosses the antimeridian is cut there
    (3.1.9). Lines run between the centres of cells, so land closer than half a cell to the raster's edge is left out.
    """
    from contourpy import FillType, contour_generator

    lines = contour_generator(
        raster.centre_lons(),
        raster.centre_lats()[::-1],
        np.ma.masked_invalid(raster.values[::-1].astype(np.float64)),
        fill_type=FillType.OuterOffset,
    )
    top = float(np.nanmax(raster.values, initial=-np.inf))
    features = []
    for level in sorted(levels):
        if level > top:
            continue
        found = lines.filled(level, top + 1)
        land = _cut([_polygon(points, offsets) for points, offsets in zip(*found, strict=True)])
        if not land.is_empty:
            features.append(_feature(land, level, raster))
    return {"type": "FeatureCollection", "features": features}


def _polygon(points: Any, offsets: Any) -> Polygon:
    rings = [points[start:end] for start, end in pairwise(offsets)]
    return Polygon(rings[0], rings[1:])


def _cut(parts: list[Polygon]) -> MultiPolygon:
    """Everything within -180 to 180 degrees, rounded, without what rounding leaves nothing of."""
    pieces = []
    for turn in (-360, 0, 360):
        world = box(-180 + turn, -90, 180 + turn, 90)
        inside = [part if world.contains(part) else part.intersection(world) for part in parts]
        pieces += [translate(each, -turn) for each in inside if not each.is_empty]
    rounded = shapely.set_precision(pieces, 10.0**-_DECIMALS)
    polygons = [each for each in shapely.get_parts(rounded) if each.geom_type == "Polygon" and not each.is_empty]
    return MultiPolygon([orient(each) for each in polygons])


def _feature(land: MultiPolygon, level: float, raster: Raster) -> dict[str, Any]:
    def ring(of: Any) -> list[list[float]]:
        return [[round(lon, _DECIMALS), round(lat, _DECIMALS)] for lon, lat in of.coords]

    coordinates = [[ring(each.exterior), *map(ring, each.interiors)] for each in land.geoms]
    return {
        "type": "Feature",
        "properties": {"quantity": raster.quantity, "at_least": level, "unit": raster.unit},
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates},
    }
