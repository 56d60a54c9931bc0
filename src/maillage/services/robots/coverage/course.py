"""The way as it is driven: from a loop to a path with a beginning and an end."""

from typing import NamedTuple

import numpy as np
import shapely
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.loops import Loops
from maillage.services.robots.coverage.model import Kind, Points, Segment
from maillage.services.robots.coverage.ways import Ways

STRAIGHT_M = 0.0002
"""Points nearer than this to the line between their neighbours are left out of a path."""
LOOKED_AT = 40
"""Places of the loop that are looked at for the way from the start to it."""


class Course(NamedTuple):
    """A path; ``kinds`` says of each step what it is for, one fewer than there are points."""

    points: Points
    kinds: list[Kind]


def loop_course(loops: Loops) -> Course:
    """Once round the only loop, back to where it begins."""
    steps = loops.walk(0)
    points = np.vstack([steps[0][1][:1], *(way[1:] for _, way, _ in steps)])
    kinds = [kind for _, way, kind in steps for _ in range(len(way) - 1)]
    return Course(points, kinds)


def begin_anywhere(course: Course) -> Course:
    """Leave out the longest way without cleaning: a path that need not come back begins after it and ends before it."""
    runs = _transits(course)
    if not runs:
        return course
    first, last = max(runs, key=lambda run: _length(course, *run))
    return _turned(course, last, first)


def begin_at(course: Course, start: Points, ways: Ways) -> Course:
    """From a start to the loop, round it, and not back. Where on the loop: near the start, or after a way that need
    not be driven then."""
    runs = _transits(course)
    saved = {last: (first, _length(course, first, last)) for first, last in runs}
    _, near = cKDTree(course.points[:-1]).query(start, min(LOOKED_AT, len(course.points) - 1))
    entries = np.unique(np.r_[np.atleast_1d(near), np.array(list(saved), np.intp)])
    places = np.vstack((start, course.points[entries]))
    lengths = ways.lengths(places, np.column_stack((np.zeros_like(entries), np.arange(1, len(places)))))
    gain = np.array([saved[int(entry)][1] if int(entry) in saved else 0.0 for entry in entries])
    entry = int(entries[np.argmin(lengths - gain)])
    return _led_to(_turned(course, entry, saved[entry][0] if entry in saved else entry), start, ways)


def begin_and_end_at(course: Course, dock: Points, ways: Ways) -> Course:
    """From a dock to the nearest place of the loop, round it, and back."""
    _, near = cKDTree(course.points[:-1]).query(dock, min(LOOKED_AT, len(course.points) - 1))
    entries = np.atleast_1d(near)
    places = np.vstack((dock, course.points[entries]))
    lengths = ways.lengths(places, np.column_stack((np.zeros_like(entries), np.arange(1, len(places)))))
    entry = int(entries[np.argmin(lengths)])
    led = _led_to(_turned(course, entry, entry), dock, ways)
    back = led.points[: len(led.points) - len(course.points) + 1][::-1]
    home: list[Kind] = ["transit"] * (len(back) - 1)
    return Course(np.vstack((led.points, back[1:])), [*led.kinds, *home])


def end_at(course: Course, dock: Points, ways: Ways) -> Course:
    """From the end of a path to a dock."""
    back = _led_to(Course(course.points[::-1], course.kinds[::-1]), dock, ways)
    return Course(back.points[::-1], back.kinds[::-1])


def straightened(course: Course) -> tuple[Points, tuple[Segment, ...]]:
    """The path without needless points, and its segments."""
    kinds = np.array(course.kinds)
    cuts = np.r_[0, np.flatnonzero(kinds[1:] != kinds[:-1]) + 1, len(kinds)]
    points = [course.points[:1]]
    segments: list[Segment] = []
    at = 0
    for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        line = shapely.simplify(shapely.linestrings(course.points[first : last + 1]), STRAIGHT_M)
        stretch = shapely.get_coordinates(line)
        stretch = stretch[np.r_[True, np.hypot(*np.diff(stretch, axis=0).T) > 1e-9]]
        if len(stretch) < 2:
            continue
        points.append(stretch[1:])
        segments.append(Segment(course.kinds[first], at, at + len(stretch) - 1))
        at += len(stretch) - 1
    return np.vstack(points), tuple(segments)


def _led_to(course: Course, start: Points, ways: Ways) -> Course:
    way = ways.way(start, course.points[0])
    if way is None:
        raise RuntimeError(f"no way from {start} to {course.points[0]}, which are in one room")
    lead: list[Kind] = ["transit"] * (len(way) - 1)
    return Course(np.vstack((way[:-1], course.points)), [*lead, *course.kinds])


def _turned(course: Course, begin: int, end: int) -> Course:
    """The loop from point ``begin`` round to point ``end``; all of it where they are the same."""
    loop = course.points[:-1]
    count = len(loop)
    steps = (end - begin) % count or count
    order = (begin + np.arange(steps + 1)) % count
    return Course(loop[order], [course.kinds[at] for at in order[:-1].tolist()])


def _transits(course: Course) -> list[tuple[int, int]]:
    """First and last point of each way without cleaning; one over the loop's beginning counts as two."""
    still = np.array(course.kinds) == "transit"
    edges = np.flatnonzero(np.diff(np.r_[False, still, False].astype(np.int8))).reshape(-1, 2)
    return [(int(first), int(last) % (len(course.points) - 1)) for first, last in edges if last > first]


def _length(course: Course, first: int, last: int) -> float:
    stop = last if last > first else len(course.points) - 1
    return float(np.hypot(*np.diff(course.points[first : stop + 1], axis=0).T).sum())
