"""The nouns of coverage: a floor, a plan of the way over it, and what a driven path has covered.

Lengths are metres in the floor's own plane, x to the right and y up; a path is the way of the robot's centre.
"""

from typing import Literal

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

Points = NDArray[np.float64]
"""Shape (n, 2): x and y in metres."""
Kind = Literal["headland", "swath", "transit"]
"""What a stretch of a path is for: a lap along walls and obstacles, any other pass that cleans, or a way over floor
that is clean already (or is going to be)."""
WIDTH_M = 0.7
"""Brush width unless told otherwise: what scrubbers for shops have (0.5 to 0.8 m)."""
SPEED_M_S = 0.7
"""Speed while cleaning unless told otherwise."""
TARGET = 0.99
"""The share of the reachable floor at which a plan stops to go after spots, unless they are worth the way."""


class Floor(msgspec.Struct, frozen=True):
    """Where no obstacle stands, as one polygon with holes for each room; see ``floor.make_floor`` for what is
    refused."""

    area: MultiPolygon
    name: str = ""


class Robot(msgspec.Struct, frozen=True, kw_only=True):
    """``width_m`` is cleaned on either side of the centre, half each; ``radius_m`` keeps clear of obstacles, measured
    from the centre, and is at least half the width. A turn on the spot takes ``turn_s_per_rad`` (45 degrees a second
    unless told otherwise, an engineering default)."""

    width_m: float = WIDTH_M
    radius_m: float = WIDTH_M / 2
    speed_m_s: float = SPEED_M_S
    turn_s_per_rad: float = 4 / np.pi

    @property
    def half_m(self) -> float:
        return self.width_m / 2


class Segment(msgspec.Struct, frozen=True):
    """A stretch of one kind: the path's points ``first`` to ``last``, both with it."""

    kind: Kind
    first: int
    last: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is worth. Areas are square metres, shares 0 to 1.

    ``reachable_m2`` is what the brush can touch (see ``room.Room``), ``ratio`` the path against reachable area /
    width, which no path that covers all without overlap goes below, ``overlap_share`` the brushed area that was
    brushed before or lies off the reachable floor, ``turns`` the changes of direction of 30 degrees or more within
    one width of way.
    """

    floor_m2: float
    reachable_m2: float
    unreachable_m2: float
    covered_m2: float
    covered_share: float
    missed_m2: float
    path_m: float
    transit_m: float
    ratio: float
    overlap_share: float
    turns: int
    time_s: float


class CoveragePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A way over a floor. ``missed`` are the spots of it that the brush could touch and does not, ``unreachable`` the
    parts that it can't; both without what is too small to see (``measure.SPOT_MIN_M2``), which the figures count."""

    floor: Floor
    robot: Robot
    target: float
    path: tuple[tuple[float, float], ...]
    segments: tuple[Segment, ...]
    figures: Figures
    missed: MultiPolygon
    unreachable: MultiPolygon


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What a path has covered of what can be reached: ``share`` of ``reachable_m2``; ``missed`` without the smallest
    spots."""

    covered: MultiPolygon
    missed: MultiPolygon
    reachable_m2: float
    covered_m2: float
    missed_m2: float
    share: float
    path_m: float


def polygons(geometry: object) -> list[Polygon]:
    """The polygons in a geometry of any kind, without lines, points and what is empty."""
    return [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and not part.is_empty]
