"""Points with demand on a plane, as the SJC problems have them (Lorena and Pereira 2002): a line that begins with their
number, then ``x y demand`` a line, x and y in metres. Every point is a candidate and a customer."""

import numpy as np
from scipy.spatial.distance import cdist

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.siting.instances.model import Instance, Plane
from maillage.services.roof.siting.instances.numbers import number_lines

POINTS_MAX = 5_000
"""Distances of all pairs are held: 200 MB."""


def read_points(lines: list[str]) -> Instance:
    """Malformed where a line can't be read, Invalid for too many points or a demand below 0. Ids count from 1."""
    points = int(lines[0].split()[0])
    if not 1 <= points <= POINTS_MAX:
        raise Invalid("file", f"its first line says {points:,} points; there may be 1 to {POINTS_MAX:,}")
    rows = number_lines(lines[1:], 2, 3)
    if len(rows) != points:
        raise Malformed(f"there are {len(rows):,} points where the first line says {points:,}")
    x_m, y_m, weights = np.array(rows).T
    if weights.min() < 0:
        raise Invalid("file", f"a demand of {weights.min():g} is below 0")
    places = np.stack((x_m, y_m), axis=-1)
    return Instance(
        form="points",
        ids=tuple(str(each) for each in range(1, points + 1)),
        weights=weights,
        distances=cdist(places, places),
        places=Plane(x_m, y_m),
    )
