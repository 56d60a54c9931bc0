"""Planning the cleaning of a floor: CPU time by area and obstacles, and the way against a plain sweep's."""

import time
from collections.abc import Callable

import numpy as np
import shapely
from shapely import MultiPolygon, box

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.services.robots.coverage.floors_made import make_store
from maillage.services.robots.coverage.measure import missed_by
from maillage.services.robots.coverage.model import Floor, Robot
from maillage.services.robots.coverage.planner import plan_floor
from maillage.services.robots.coverage.room import Room

SECONDS_GOAL = 2.0
RATIO_GOAL = 1.25
COVERED_GOAL = 0.98
AREAS_M2 = (1_000, 4_000, 10_000)
PILLARS = 200


def run(setting: Setting) -> Outcome:
    """Each round plans the same floors, with other seeds than the round before for the stores' worth."""
    areas = (300, 600) if setting.quick else AREAS_M2
    floors = {f"store {area:,} m2": make_store(area, float(area)) for area in areas}
    floors[f"hall, {PILLARS} pillars"] = _pillared(20 if setting.quick else 100, 8 if setting.quick else PILLARS)
    plan_floor(make_store(1, 200.0))  # imports and caches
    sides: dict[str, Callable[[], float]] = {name: _timed(floor) for name, floor in floors.items()}
    stores = [make_store(seed, 800.0) for seed in range(4 if setting.quick else 30)]
    worth = np.array([_worth(floor) for floor in stores])
    sides |= {
        "ratio": lambda: float(np.median(worth[:, 0])),
        "swept ratio": lambda: float(np.median(worth[:, 2])),
        "covered": lambda: float(worth[:, 1].min()),
        "swept": lambda: float(np.median(worth[:, 3])),
    }
    rounds = alternate(setting, sides)
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = [
        *(Line(name, "s CPU", columns[name], goal=SECONDS_GOAL, at_most=True) for name in floors if "store" in name),
        *(Line(name, "s CPU", columns[name]) for name in floors if "store" not in name),
        Line("way, median of stores", "x area / width", columns["ratio"], goal=RATIO_GOAL, at_most=True),
        Line("covered, least of stores", "", columns["covered"], goal=COVERED_GOAL),
        Line("a plain sweep's way", "x area / width", columns["swept ratio"]),
        Line("a plain sweep covers", "", columns["swept"]),
    ]
    notes = [
        f"{len(stores)} stores of 800 m2: way at most {worth[:, 0].max():.3f}, a plain sweep covers"
        f" {worth[:, 3].min():.1%} to {worth[:, 3].max():.1%}",
        "the plain sweep: straight passes one width apart along the longer side, cut at obstacles, driven in the order"
        " of their places, with straight hops that may lead through shelves: its way is shorter than can be driven",
    ]
    return Outcome("coverage", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _timed(floor: Floor) -> Callable[[], float]:
    def side() -> float:
        began = time.process_time()  # it is one thread and no disk: what else runs on the machine is not counted
        plan_floor(floor)
        return time.process_time() - began

    return side


def _worth(floor: Floor) -> tuple[float, float, float, float]:
    """Ratio and share of the plan, then of a plain sweep."""
    figures = plan_floor(floor).figures
    room = Room(floor, Robot())
    passes = _sweep(room)
    missed_m2 = sum(part.area for part in missed_by(room, passes))
    driven = np.vstack(passes)
    way_m = float(np.hypot(*np.diff(driven, axis=0).T).sum())
    area_m2 = room.reachable.area
    return figures.ratio, figures.covered_share, way_m * room.robot.width_m / area_m2, 1 - missed_m2 / area_m2


def _sweep(room: Room) -> list[np.ndarray]:
    """Straight passes to and fro."""
    left, bottom, right, top = room.free.bounds
    width = room.robot.width_m
    along_x = right - left >= top - bottom
    first, last = (bottom, top) if along_x else (left, right)
    found: list[np.ndarray] = []
    for number, at in enumerate(np.linspace(first + 1e-6, last - 1e-6, int(np.ceil((last - first) / width)) + 1)):
        ends = [(left - 1, at), (right + 1, at)] if along_x else [(at, bottom - 1), (at, top + 1)]
        cut = shapely.get_parts(shapely.LineString(ends).intersection(room.free))
        passes = [shapely.get_coordinates(part) for part in cut if part.geom_type == "LineString"]
        found += passes if number % 2 == 0 else [each[::-1] for each in reversed(passes)]
    return found


def _pillared(side_m: float, pillars: int) -> Floor:
    rng = np.random.default_rng(1)
    places: list[np.ndarray] = []
    while len(places) < pillars:
        place = rng.uniform(2, side_m - 2, 2)
        if all(np.hypot(*(place - other)) > 2.5 for other in places):
            places.append(place)
    made = [box(x - 0.3, y - 0.3, x + 0.3, y + 0.3) for x, y in places]
    return Floor(MultiPolygon([box(0, 0, side_m, side_m).difference(shapely.union_all(made))]))
