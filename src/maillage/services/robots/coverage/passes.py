"""The passes that clean a room: laps, and one along the middle of each strip that the laps leave."""

import numpy as np
import shapely
from shapely import MultiPolygon

from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.laps import Lap, laps_of
from maillage.services.robots.coverage.links import LINK, SPARE, SPARE_IN_ALL, Pass, cut, runs_of
from maillage.services.robots.coverage.model import Points
from maillage.services.robots.coverage.room import Room
from maillage.services.robots.coverage.strips import strip_lines
from maillage.services.robots.coverage.twins import without_twins


def passes_of(room: Room, todo: MultiPolygon | None, spare: float = SPARE) -> list[Pass]:
    """All passes of a room, or those parts of them that clean something of ``todo``; ``spare`` stands for SPARE."""
    width = room.robot.width_m
    found = laps_of(room)
    closed = [
        Pass(cut(lap.points, LINK * width, closed=True), "swath" if lap.level else "headland", True)
        for lap in found.laps
        if length_of(lap.points) >= width
    ] or [_around(lap) for lap in found.laps[:1]]
    most_m2 = spare / SPARE * SPARE_IN_ALL * room.reachable.area
    kept, spared_m2 = without_twins(closed, most_m2, width, spare)
    lines = strip_lines(room, found.cores, spare, most_m2 - spared_m2)
    open_ = [Pass(cut(line, LINK * width, closed=False), "swath", False) for line in lines]
    return [part for one in (*kept, *open_) for part in _fresh(one, todo, width, spare)]


def _around(lap: Lap) -> Pass:
    """The only lap of a room that is hardly larger than the robot."""
    return Pass(cut(lap.points, max(length_of(lap.points), 1e-3), closed=True), "headland", True)


def _fresh(one: Pass, todo: MultiPolygon | None, width_m: float, spare: float) -> list[Pass]:
    """The runs of a pass that clean something still to do."""
    if todo is None:
        return [one]
    shapely.prepare(todo)
    kept = np.array([_fresh_share(link, todo, width_m) >= spare for link in one.links])
    return runs_of(one, kept)


def _fresh_share(link: Points, todo: MultiPolygon, width_m: float) -> float:
    """The part of a link's brushed floor that is still to do, by a grid of 5 x 7 points."""
    start, chord = link[0], link[-1] - link[0]
    across = np.array([-chord[1], chord[0]]) / max(float(np.hypot(*chord)), 1e-12) * width_m
    along, beside = np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(-0.45, 0.45, 7))
    points = start + along.reshape(-1, 1) * chord + beside.reshape(-1, 1) * across
    return float(shapely.contains_xy(todo, points).mean())
