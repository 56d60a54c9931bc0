"""What counts as a floor: polygons in metres in which a robot can be sent about. Each refusal says where and why."""

from collections.abc import Iterable

import numpy as np
import shapely
from shapely import MultiPolygon

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.model import Floor, polygons

EXTENT_MAX_M = 1_000.0
"""The largest shops measure 200 m; what is larger is in centimetres or in feet, or holds more than a floor."""
DEGREES_MAX = 0.05
"""A floor of which no side reaches 5 cm, at coordinates that a place on earth has, was drawn in degrees: a shop of
100 m spans 0.001 degrees."""
CORNERS_MAX = 100_000


def make_floor(rooms: Iterable[shapely.Geometry], obstacles: Iterable[shapely.Geometry] = (), name: str = "") -> Floor:
    """A floor of polygons whose holes are obstacles, less further obstacles. Rooms that touch or overlap are one.

    Invalid for what is empty, crosses itself, has holes outside, or can't be metres.
    """
    rooms, obstacles = list(rooms), list(obstacles)
    for what, shapes in (("floor", rooms), ("obstacle", obstacles)):
        for number, shape in enumerate(shapes):
            _require_sound(shape, what if len(shapes) == 1 else f"{what} {number + 1}")
    drawn = shapely.union_all(rooms)
    if drawn.is_empty:
        raise Invalid("floor", "is empty: there is no polygon with an area in it")
    _require_metres(drawn)
    area = MultiPolygon(polygons(drawn.difference(shapely.union_all(obstacles))))
    if area.is_empty:
        raise Invalid("floor", "is empty: the obstacles cover all of it")
    return Floor(area, name)


def _require_sound(shape: shapely.Geometry, what: str) -> None:
    corners = shapely.get_coordinates(shape)
    if not np.isfinite(corners).all():
        raise Invalid("floor", f"{what} has a corner that is not two finite numbers")
    if len(corners) > CORNERS_MAX:
        raise Invalid("floor", f"{what} has {len(corners):,} corners; at most {CORNERS_MAX:,} are taken: simplify it")
    if not shape.is_valid:
        raise Invalid("floor", f"{what} is not a sound polygon: {_in_words(shapely.is_valid_reason(shape))}")


def _in_words(reason: str) -> str:
    """GEOS's reason with the place in it, such as ``Self-intersection[4.5 2]``."""
    fault, _, place = reason.partition("[")
    x, _, y = place.rstrip("]").partition(" ")
    known = {
        "Self-intersection": "its border crosses itself",
        "Ring Self-intersection": "its border touches or crosses itself",
        "Hole lies outside shell": "a hole lies outside of it",
        "Holes are nested": "a hole lies within another",
        "Interior is disconnected": "its holes cut it into parts",
        "Nested shells": "one of its polygons lies within another",
        "Duplicate Rings": "it has the same ring twice",
        "Too few points in geometry component": "a ring has fewer than three corners",
    }
    words = known.get(fault, fault.lower())
    return f"{words} at ({float(x):g}, {float(y):g})" if y else words


def _require_metres(drawn: shapely.Geometry) -> None:
    left, bottom, right, top = drawn.bounds
    width, height = right - left, top - bottom
    if max(width, height) > EXTENT_MAX_M:
        raise Invalid(
            "floor",
            f"is {width:,.0f} by {height:,.0f}: too large for metres, of which at most {EXTENT_MAX_M:,.0f} are taken",
        )
    earthly = max(abs(left), abs(right)) <= 180 and max(abs(bottom), abs(top)) <= 90
    if earthly and max(width, height) < DEGREES_MAX:
        raise Invalid(
            "floor",
            f"is {width:.2g} by {height:.2g}: these look like degrees of longitude and latitude; give it in"
            " metres, from a corner of the building for instance",
        )
