"""Floors drawn for tests: rings of corners in metres, the outer one first, then the obstacles."""

import math
import random

from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from maillage.services.robots.coverage.floor import make_floor
from maillage.services.robots.coverage.model import Floor, polygons
from tests.unit.services.robots.coverage.coverage_raster import Ring

RADIUS_M, WIDTH_M = 0.35, 0.7


def box(x: float, y: float, width: float, height: float) -> Ring:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def turned(ring: Ring, degrees: float) -> Ring:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(cos * x - sin * y + 12, sin * x + cos * y + 3) for x, y in ring]


def disc(x: float, y: float, radius: float, corners: int) -> Ring:
    angles = [2 * math.pi * n / corners for n in range(corners)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def floor_of(rings: list[Ring]) -> Floor:
    return make_floor([Polygon(rings[0], rings[1:])])


def floor_from(area: BaseGeometry) -> Floor:
    return make_floor(polygons(area))


def rings_of(area: MultiPolygon) -> list[Ring]:
    """The rings of a floor of one room."""
    (room,) = polygons(area)
    return [list(ring.coords)[:-1] for ring in (room.exterior, *room.interiors)]


SUPERMARKET = [box(0, 0, 22.7, 19.6), *(box(2.05 + n * 2.95, 2.8, 0.9, 14.0) for n in range(7))]
L_SHAPE = [turned([(0, 0), (18.3, 0), (18.3, 7.1), (7.6, 7.1), (7.6, 16.4), (0, 16.4)], 17)]
CIRCLE = [
    disc(20, 15, 9.0, 72),
    *(disc(20 + 4.5 * math.cos(at), 15 + 4.5 * math.sin(at), 0.45, 16) for at in (0.4, 1.97, 3.54, 5.11)),
]
NOOK = [
    [
        *((0, 0), (14.2, 0), (14.2, 4.0), (14.6, 4.0), (14.6, 2.0), (17.6, 2.0)),
        *((17.6, 6.0), (14.6, 6.0), (14.6, 4.45), (14.2, 4.45), (14.2, 11.3), (0, 11.3)),
    ],
    box(4.2, 4.4, 3.1, 2.2),
]
"""The nook of 3 x 4 m on the right lies behind a gap of 0.45 m."""
DRAWN = {"supermarket": SUPERMARKET, "L-shape": L_SHAPE, "circle": CIRCLE, "nook": NOOK}


def star(seed: int, radius: float = 12.0) -> Floor:
    """A polygon with sharp corners in and out, with sharp obstacles in it: the nastiest that a hall could be."""
    rng = random.Random(seed)
    angles = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randint(7, 12)))
    area: BaseGeometry = Polygon([_at(0, 0, rng.uniform(0.4, 1) * radius, angle) for angle in angles]).buffer(0)
    for _ in range(rng.randint(0, 6)):
        x, y = rng.uniform(-0.6, 0.6) * radius, rng.uniform(-0.6, 0.6) * radius
        turns = sorted(rng.uniform(0, 2 * math.pi) for _ in range(rng.randint(3, 7)))
        area = area.difference(Polygon([_at(x, y, rng.uniform(0.3, 1.6), angle) for angle in turns]).buffer(0))
    return floor_from(area)


def _at(x: float, y: float, radius: float, angle: float) -> tuple[float, float]:
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def rectilinear(seed: int) -> Floor:
    """Boxes thrown on each other as rooms, and others as obstacles: corners, nooks and gaps of any width."""
    rng = random.Random(seed)

    def thrown(size: float) -> Polygon:
        return Polygon(box(rng.uniform(0, 12), rng.uniform(0, 12), rng.uniform(1, size), rng.uniform(1, size)))

    area: BaseGeometry = Polygon(box(4, 4, 8, 8))
    for _ in range(rng.randint(1, 4)):
        area = area.union(thrown(12))
    for _ in range(rng.randint(0, 10)):
        area = area.difference(thrown(4))
    return floor_from(area)
