"""Strips between the innermost laps, less than two passes wide: a pass along the middle of each that is worth it."""

import numpy as np
import shapely
from shapely import MultiPolygon

from maillage.services.robots.coverage.axis import length_of, middle_lines
from maillage.services.robots.coverage.model import Points, polygons
from maillage.services.robots.coverage.room import Room

STRIP_MIN = 1.4
"""A strip is worth a pass of its own from this length on, in widths; shorter ones are spots (see ``mending``)."""


def strip_lines(room: Room, cores: list[MultiPolygon], spare: float, most_m2: float) -> list[Points]:
    """A line along the middle of each strip that is worth a pass; of the others, the least first, up to ``most_m2`` are
    spared."""
    width, half = room.robot.width_m, room.robot.half_m
    strips = [
        part
        for core in cores
        for part in polygons(core)
        if part.area > 0.04 * width**2 and part.length / 2 > STRIP_MIN * width
    ]
    if not strips:
        return []
    found = _Strips(strips)
    lines, small = [], []
    for line in middle_lines(room.floor, MultiPolygon(strips), width, width):
        length = length_of(line)
        simple = shapely.get_coordinates(shapely.simplify(shapely.linestrings(line), 0.05 * width))
        way = next((way for way in (simple, line) if room.allows(way)), None)
        if length < STRIP_MIN * width or way is None:
            continue
        area = found.area_along(simple, half)
        if area >= spare * width * length:
            lines.append(way)
        else:
            small.append((area / length, area, way))
    small.sort(key=lambda one: one[:2])
    spared = np.cumsum([area for _, area, _ in small]) if small else np.zeros(0)
    first = int(np.searchsorted(spared, most_m2, side="right"))
    return lines + [way for _, _, way in small[first:]]


class _Strips:
    """Polygons, and how much of them a brush touches."""

    def __init__(self, parts: list[shapely.Polygon]) -> None:
        self._parts = np.array(parts)
        self._tree = shapely.STRtree(parts)

    def area_along(self, line: Points, half_m: float) -> float:
        """Square metres within ``half_m`` of a line, its ends apart."""
        brushed = shapely.buffer(shapely.linestrings(line), half_m, cap_style="flat", quad_segs=2)
        near = self._parts[self._tree.query(brushed)]
        return float(shapely.area(shapely.intersection(near, brushed)).sum())
