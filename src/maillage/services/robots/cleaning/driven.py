"""From where a robot was to where it cleaned: the pieces of its way that were driven with cleaning on, and seen.

What was not seen was not cleaned: a stretch over which no position was heard for a while, or over which the robot can't
have driven, is left out, however likely it is that it did.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from maillage.services.robots.model import Progress, TrackPoint, Waypoint

GAP_S = 10.0
"""Between two positions that are further apart in time nothing is known. Robots say where they are about once a second
where they use VDA 5050's visualization, and with every state."""
SPEED_MPS = 2.0
"""Of a robot that does not say how fast it is, as the fleet takes it."""
TIMES = 2.0
"""What a way through waypoints between two positions may be longer than a robot drives within ``GAP_S``. Whether it can
have driven from the one to the other in that time is the fleet's to judge (``TrackPoint.jump``)."""
STRAIGHT_M = 0.01
"""A point nearer than that to the line between its neighbours tells nothing."""
SKIPPED_MAX = 200


class Fix(NamedTuple):
    """A place on a stroke: milliseconds UTC, and metres."""

    at_ms: int
    x: float
    y: float


Stroke = tuple[Fix, ...]
"""A piece of way, of two places at least, throughout which cleaning was on."""


class Driven(NamedTuple):
    """The strokes of a track, and how many gaps there were while cleaning was on."""

    strokes: tuple[Stroke, ...]
    gaps: int


def driven(
    track: Sequence[TrackPoint],
    path: Sequence[Waypoint],
    spans: Sequence[tuple[int, int]],
    speed_mps: float | None = None,
) -> Driven:
    """What a track proves. Cleaning is on from when the first waypoint of a span is reached until the last is."""
    most_m = TIMES * (speed_mps or SPEED_MPS) * GAP_S
    strokes: list[Stroke] = []
    under_way: list[Fix] = []
    gaps = 0
    for before, now in pairwise(track):
        pieces = _pieces(before, now, path, spans)
        seen = _seen(before, now) and sum(math.dist(a[1:], b[1:]) for a, b, _ in pieces) <= most_m
        if not seen and any(on for _, _, on in pieces):
            gaps += 1
        for a, b, on in pieces:
            if not (on and seen):
                _end(strokes, under_way)
                continue
            if not under_way:
                under_way.append(a)
            under_way.append(b)
    _end(strokes, under_way)
    return Driven(tuple(strokes), gaps)


def switched_on(spans: Sequence[tuple[int, int]], progress: Progress) -> list[tuple[int, int]]:
    """Without the spans at whose beginning the robot failed to start cleaning, or has not done so yet."""
    started = {each.index: each.status for each in progress.actions if each.type == "startCleaning"}
    return [
        (first, last)
        for first, last in spans
        if started.get(first) == "FINISHED" or (started.get(first) != "FAILED" and progress.reached > first)
    ]


def length_m(strokes: Sequence[Stroke]) -> float:
    """How long they are together."""
    return sum(math.dist(a[1:], b[1:]) for stroke in strokes for a, b in pairwise(stroke))


def duration_s(strokes: Sequence[Stroke]) -> float:
    """How long they took together: the time for which cleaning was on and seen."""
    return sum(stroke[-1].at_ms - stroke[0].at_ms for stroke in strokes) / 1000


def _pieces(
    before: TrackPoint, now: TrackPoint, path: Sequence[Waypoint], spans: Sequence[tuple[int, int]]
) -> list[tuple[Fix, Fix, bool]]:
    """The straight ways from one point to the next, through the waypoints that were reached between them, and whether
    cleaning was on there."""
    places = [(before.reached, Fix(before.at_ms, before.x, before.y))]
    for index in range(before.reached + 1, min(now.reached + 1, len(path))):
        places.append((index, Fix(now.at_ms, path[index].x, path[index].y)))
    places.append((now.reached, Fix(now.at_ms, now.x, now.y)))
    return [(a, b, any(first <= reached < last for first, last in spans)) for (reached, a), (_, b) in pairwise(places)]


def _seen(before: TrackPoint, now: TrackPoint) -> bool:
    """Whether the robot can have driven from one point to the next, and was heard of meanwhile."""
    passed_s = (now.at_ms - before.at_ms) / 1000
    return not now.jump and now.map_id == before.map_id and 0 <= passed_s <= GAP_S


def _end(strokes: list[Stroke], under_way: list[Fix]) -> None:
    if len(under_way) > 1:
        strokes.append(_thinned(under_way))
    under_way.clear()


def _thinned(fixes: Sequence[Fix]) -> Stroke:
    """Without the places that lie on the straight between those that are kept."""
    kept, skipped = [fixes[0]], list[Fix]()
    for place, following in pairwise(fixes[1:]):
        skipped.append(place)
        if len(skipped) > SKIPPED_MAX or any(_off_m(kept[-1], following, each) > STRAIGHT_M for each in skipped):
            kept.append(place)
            skipped.clear()
    kept.append(fixes[-1])
    return tuple(Fix(fix.at_ms, round(fix.x, 3), round(fix.y, 3)) for fix in kept)


def _off_m(start: Fix, end: Fix, place: Fix) -> float:
    """How far a place lies from the straight piece between two others."""
    dx, dy = end.x - start.x, end.y - start.y
    px, py = place.x - start.x, place.y - start.y
    length2 = dx * dx + dy * dy
    along = 0.0 if length2 == 0 else max(0.0, min(1.0, (px * dx + py * dy) / length2))
    return math.hypot(px - along * dx, py - along * dy)
