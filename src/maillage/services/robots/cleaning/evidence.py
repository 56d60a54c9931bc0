"""The proof of a cleaning as it is kept: where the robot was with cleaning on, and what of the floor that covers."""

import msgspec

from maillage.services.robots.cleaning.driven import Stroke

Ring = list[tuple[float, float]]
Area = list[list[Ring]]
"""Polygons as in the coordinates of GeoJSON's MultiPolygon: metres on the robot's map, to the centimetre."""


class RunEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run. ``gaps`` counts the places at which the robot was not seen, or was somewhere that it can't have
    driven to, while cleaning was on; ``driven_m`` and ``cleaning_s`` are what was seen of it. ``covered_m2`` is what
    the run covered, ``gained_m2`` what of that no run before it had."""

    number: int
    robot: str
    width_m: float
    radius_m: float
    strokes: tuple[Stroke, ...]
    gaps: int
    driven_m: float
    cleaning_s: float
    covered_m2: float = 0.0
    gained_m2: float = 0.0


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Of all runs together, on the floor as it was when this was measured (``floor_area`` is where a robot may drive
    there, ``revision`` the floor's). ``share`` is of ``reachable_m2``: what a brush of that width can touch."""

    cleaning: str
    site: str
    floor: str
    revision: int
    map_id: str
    measured_at: int
    floor_area: Area
    covered: Area
    missed: Area
    reachable_m2: float
    covered_m2: float
    missed_m2: float
    share: float
    runs: tuple[RunEvidence, ...]
