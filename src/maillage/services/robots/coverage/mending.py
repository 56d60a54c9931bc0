"""Going after what a way leaves: a step aside to each spot, the most floor for the least way first, until enough is
covered.

Laps leave the outer side of sharp turns and places that no lap fits into. Each is small; together they can be some
percent.
"""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.course import Course
from maillage.services.robots.coverage.measure import ROUND
from maillage.services.robots.coverage.model import Kind, Points, polygons
from maillage.services.robots.coverage.room import Room

LEAST = 0.982
"""Up to this share spots are gone after whatever the way; beyond, only where a step aside cleans SHARE_MIN of its
width."""
SHARE_MIN = 0.08
WORTH = 0.3
"""A step aside that cleans this part of its width is taken however much is covered: what it cleans, people would
see."""
SPOT_MIN = 0.01
"""Spots smaller than this part of the width's square are left."""
ROUNDS_MAX = 6

Spots = NDArray[np.object_]
"""Polygons."""


class Aside(NamedTuple):
    """From point ``at`` of a path along ``points`` and back to it. ``share`` is how much of its width is cleaned."""

    at: int
    points: Points
    cleans_m2: float
    share: float


def mend(
    course: Course, room: Room, missed: list[shapely.Polygon], target: float
) -> tuple[Course, list[shapely.Polygon]]:
    """The way with steps aside until ``target`` of what can be reached is covered, and what is missed then."""
    reachable_m2 = room.reachable.area
    for number in range(ROUNDS_MAX):
        short_m2 = sum(part.area for part in missed) - (1 - target) * reachable_m2
        if number and short_m2 <= 0:
            break
        chosen = _choose(_asides(course, missed, room), short_m2, max(target - LEAST, 0.0) * reachable_m2)
        if not chosen:
            break
        missed = _less(missed, chosen, room.robot.half_m)
        course = _with(course, chosen)
    return course, missed


def _choose(asides: list[Aside], short_m2: float, free_m2: float) -> list[Aside]:
    """The best steps aside until nothing is short, and all that are WORTH it; those that clean little only while more
    than ``free_m2`` is short."""
    chosen = []
    for aside in sorted(asides, key=lambda one: (-one.share, one.at)):
        if aside.share < (WORTH if short_m2 <= 0 else SHARE_MIN if short_m2 <= free_m2 else 0.0):
            break
        chosen.append(aside)
        short_m2 -= aside.cleans_m2
    return chosen


def _less(missed: list[shapely.Polygon], asides: list[Aside], half_m: float) -> list[shapely.Polygon]:
    """What is missed once these steps aside are driven."""
    brushes = shapely.buffer([shapely.linestrings(aside.points) for aside in asides], half_m, quad_segs=ROUND)
    tree = shapely.STRtree(missed)
    left = np.array(missed)
    changed: set[int] = set()
    for brush in brushes:
        touched = tree.query(brush)
        left[touched] = shapely.difference(left[touched], brush)
        changed.update(touched.tolist())
    parts = [part for spot in sorted(changed) for part in polygons(left[spot])]
    return [spot for number, spot in enumerate(missed) if number not in changed] + parts


def _asides(course: Course, missed: list[shapely.Polygon], room: Room) -> list[Aside]:
    """For each spot the better of two steps aside from the nearest point of the way."""
    width = room.robot.width_m
    spots = np.array([part for part in missed if part.area >= SPOT_MIN * width**2])
    if not len(spots):
        return []
    border, owner = shapely.get_coordinates(spots, return_index=True)
    away, nearest = cKDTree(course.points).query(border)
    at = nearest[_best_of(owner, away)]
    start = course.points[at]
    far = border[_best_of(owner, -np.hypot(*(border - start[owner]).T))]
    best: list[Aside | None] = [None] * len(spots)
    most = np.zeros(len(spots))
    for stops in (_towards(start, far, room.robot.half_m), *_along(spots, start, room.robot.half_m)):
        ways = np.stack((start, *(_inside(room, stop) for stop in stops), start), axis=1)
        allowed = np.all([room.allow_straight(ways[:, n], ways[:, n + 1]) for n in range(ways.shape[1] - 1)], axis=0)
        brushes = shapely.buffer(shapely.linestrings(ways), room.robot.half_m, quad_segs=ROUND)
        cleans = np.where(allowed, shapely.area(shapely.intersection(spots, brushes)), 0.0)
        steps = np.diff(ways, axis=1)
        share = cleans / (np.maximum(np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1), 0.01 * width) * width)
        for spot in np.flatnonzero(share > most).tolist():
            best[spot] = Aside(int(at[spot]), ways[spot], float(cleans[spot]), float(share[spot]))
        most = np.maximum(most, share)
    return [aside for aside in best if aside is not None]


def _best_of(owner: NDArray[np.intp], value: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each owner the row with the least value; owners come in order."""
    order = np.lexsort((value, owner))
    return order[np.r_[0, np.flatnonzero(np.diff(owner[order])) + 1]]


def _towards(start: Points, far: Points, half_m: float) -> list[Points]:
    """Towards the far end of each spot until the brush touches it."""
    off = far - start
    length = np.maximum(np.hypot(*off.T), 1e-9)
    return [start + off * (np.maximum(length - 0.98 * half_m, 0.0) / length)[:, None]]


def _along(spots: Spots, start: Points, half_m: float) -> list[list[Points]]:
    """Along the length of each spot, the near end first; there is none where a spot has no length."""
    boxes = shapely.oriented_envelope(spots)
    if (shapely.get_num_coordinates(boxes) != 5).any():
        return []
    corners = shapely.get_coordinates(boxes).reshape(-1, 5, 2)
    sides = corners[:, 1:3] - corners[:, :2]
    longer = np.argmax(np.hypot(sides[..., 0], sides[..., 1]), axis=1)
    axis = sides[np.arange(len(spots)), longer]
    length = np.maximum(np.hypot(*axis.T), 1e-9)
    reach = axis * (np.maximum(length / 2 - 0.6 * half_m, 0.0) / length)[:, None]
    middle = corners[:, :4].mean(axis=1)
    one, other = middle - reach, middle + reach
    swap = np.hypot(*(other - start).T) < np.hypot(*(one - start).T)
    one[swap], other[swap] = other[swap], one[swap].copy()
    return [[one, other]]


def _inside(room: Room, places: Points) -> Points:
    """The nearest places where the robot's centre can be."""
    inside: Points = shapely.get_coordinates(shapely.shortest_line(room.free, shapely.points(places)))[::2]
    return inside


def _with(course: Course, asides: list[Aside]) -> Course:
    """The course with steps aside put in, those from one point one after the other."""
    points: list[Points] = []
    kinds: list[Kind] = []
    last = 0
    for aside in sorted(asides, key=lambda one: one.at):
        points += [course.points[last : aside.at + 1], aside.points[1:-1]]
        visit: list[Kind] = ["swath"] * (len(aside.points) - 1)
        kinds += [*course.kinds[last : aside.at], *visit]
        last = aside.at
    points.append(course.points[last:])
    kinds += course.kinds[last:]
    return Course(np.vstack(points), kinds)
