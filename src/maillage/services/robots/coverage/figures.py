"""What a path is worth: its figures, and the time it takes."""

import numpy as np

from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.model import Figures, Points, Robot, Segment
from maillage.services.robots.coverage.room import Room

TURN_MIN_RAD = np.pi / 6
"""What counts as a turn; less within a width of way is a bend that is driven at speed."""


def figures_of(room: Room, missed_m2: float, path: Points, segments: tuple[Segment, ...], clean_m2: float) -> Figures:
    """``clean_m2`` was clean before the path began; ``missed_m2`` is not clean after it."""
    covered_m2 = room.reachable.area - missed_m2
    robot = room.robot
    turns, turned_rad = turns_of(path, robot.width_m)
    path_m = length_of(path)
    brushed_m2 = path_m * robot.width_m
    return Figures(
        floor_m2=room.reachable.area + room.unreachable.area,
        reachable_m2=room.reachable.area,
        unreachable_m2=room.unreachable.area,
        covered_m2=covered_m2,
        covered_share=covered_m2 / room.reachable.area,
        missed_m2=missed_m2,
        path_m=path_m,
        transit_m=sum(length_of(path[each.first : each.last + 1]) for each in segments if each.kind == "transit"),
        ratio=brushed_m2 / max(room.reachable.area - clean_m2, 1e-9) if brushed_m2 else 0.0,
        overlap_share=max(0.0, 1 - (covered_m2 - clean_m2) / brushed_m2) if brushed_m2 else 0.0,
        turns=turns,
        time_s=driving_time_s(path_m, turned_rad, robot),
    )


def driving_time_s(path_m: float, turned_rad: float, robot: Robot) -> float:
    """Way at speed, and each turn on the spot."""
    return path_m / robot.speed_m_s + turned_rad * robot.turn_s_per_rad


def turns_of(path: Points, width_m: float) -> tuple[int, float]:
    """How many turns a path has, and how far they turn in all, in radians. Changes of direction within one width of way
    are one turn."""
    steps = np.diff(path, axis=0)
    lengths = np.hypot(*steps.T)
    steps, lengths = steps[lengths > 1e-9], lengths[lengths > 1e-9]
    headings = np.arctan2(steps[:, 1], steps[:, 0])
    changes = np.abs((np.diff(headings) + np.pi) % (2 * np.pi) - np.pi)
    along = np.cumsum(lengths)[:-1]
    count, total, at = 0, 0.0, 0
    corners = np.flatnonzero(changes > 1e-6)
    changes, along = changes[corners], along[corners]
    while at < len(changes):
        end = int(np.searchsorted(along, along[at] + width_m, side="right"))
        turned = float(changes[at:end].sum())
        if turned >= TURN_MIN_RAD:
            count, total, at = count + 1, total + turned, end
        else:
            at += 1
    return count, total
