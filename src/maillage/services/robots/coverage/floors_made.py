"""Floors of shops made up by a seed: a hall, straight or with a corner, with aisles of shelves, checkouts and pillars.

Measures are engineering defaults within what shops have: aisles 1.8 to 2.6 m, cross aisles 2.2 to 3.6 m, runs of
shelves 0.9 to 1.3 m deep, checkouts of 0.8 x 3 m with 1.1 to 1.4 m between them, pillars of 0.5 m.
"""

import random

import shapely
from shapely import Polygon, box

from maillage.services.robots.coverage.floor import make_floor
from maillage.services.robots.coverage.model import Floor

PILLAR_M = 0.5
CHECKOUT_M = (0.8, 3.0)


def make_store(seed: int, area_m2: float = 1_000.0, aisle_m: float | None = None) -> Floor:
    """The same seed gives the same floor. ``area_m2`` is that of the hall, shelves and all; ``aisle_m`` is drawn by
    the seed unless given."""
    rng = random.Random(seed)  # noqa: S311  nothing secret
    aspect = rng.uniform(1.0, 1.7)
    width, height = (area_m2 * aspect) ** 0.5, (area_m2 / aspect) ** 0.5
    corner = rng.random() < 0.4  # an L: a quarter of the hall or less is somebody else's
    hall: Polygon = box(0, 0, width, height)
    if corner:
        hall = hall.difference(box(width * rng.uniform(0.55, 0.75), height * rng.uniform(0.5, 0.7), width, height))
    aisle, cross = aisle_m or rng.uniform(1.8, 2.6), rng.uniform(2.2, 3.6)
    front = CHECKOUT_M[1] + 2 * cross  # before the shelves are the checkouts and a way to either side of them
    obstacles = [
        *_shelves(rng, hall, (width, height), aisle, cross, front),
        *_checkouts(rng, hall, width, cross),
    ]
    obstacles += _pillars(rng, hall, obstacles)
    return make_floor([hall], obstacles, name=f"store {seed}")


def _shelves(
    rng: random.Random, hall: Polygon, size: tuple[float, float], aisle: float, cross: float, front: float
) -> list[Polygon]:
    """Rows of runs, with cross aisles between the rows; what would stand too near to a wall is left out."""
    width, height = size
    depth, length = rng.uniform(0.9, 1.3), rng.uniform(6.0, 16.0)
    room = hall.buffer(-(aisle - 0.01), join_style="mitre")
    found = []
    bottom = front
    while bottom + 3.0 < height - cross:
        top = min(bottom + length, height - cross)
        left = aisle
        while left + depth <= width - aisle:
            run = box(left, bottom, left + depth, top).intersection(room)
            if (
                not run.is_empty
                and run.geom_type == "Polygon"
                and run.bounds[3] - run.bounds[1] > 2.0
                and run.area > 0.99 * depth * (run.bounds[3] - run.bounds[1])
            ):
                found.append(run)
            left += depth + aisle
        bottom = top + cross
    return found


def _checkouts(rng: random.Random, hall: Polygon, width: float, cross: float) -> list[Polygon]:
    """A row of tills along the front wall."""
    gap = rng.uniform(1.1, 1.4)
    tills = int(max(2, min(14, width * 0.4 / (CHECKOUT_M[0] + gap))))
    left = rng.uniform(2.0, max(2.1, width - tills * (CHECKOUT_M[0] + gap) - 2.0))
    made = [
        box(
            left + n * (CHECKOUT_M[0] + gap),
            cross,
            left + n * (CHECKOUT_M[0] + gap) + CHECKOUT_M[0],
            cross + CHECKOUT_M[1],
        )
        for n in range(tills)
    ]
    return [till for till in made if hall.contains(till)]


def _pillars(rng: random.Random, hall: Polygon, others: list[Polygon]) -> list[Polygon]:
    """Pillars on a grid of 8 to 12 m, as the roof wants it: in the shelves, touching them, or free."""
    grid = rng.uniform(8.0, 12.0)
    left, bottom, right, top = hall.bounds
    shelves = shapely.union_all(others)
    found = []
    x = left + grid
    while x < right - 1:
        y = bottom + grid
        while y < top - 1:
            pillar = box(x, y, x + PILLAR_M, y + PILLAR_M)
            if hall.contains(pillar) and not shelves.contains(pillar):
                found.append(pillar)
            y += grid
        x += grid
    return found
