"""From places to problems: who lies within reach of whom, and who is too near to whom. Places on the earth are unit
vectors, shape (n, 3), as ``kernel.geo.unit_vectors`` makes them of degrees; those on a plane are metres, (n, 2)."""

import numpy as np
from scipy.spatial import cKDTree

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray, IndexArray, chord_of_km, km_of_chords
from maillage.services.roof.siting.problem import NO_CONFLICTS

HAIR = 1e-9
"""Share by which a distance on the bound itself may miss it: rounding of chords."""
CONFLICTS_MAX = 5_000_000
"""Own choice: 0.5 GB while they are being sorted. 4,654 US stores have fewer up to 1,000 km."""


def count_within_km(candidates: FloatArray, demands: FloatArray, km: float) -> int:
    """How many pairs ``pairs_within_km`` would give, about."""
    return int(cKDTree(candidates).count_neighbors(cKDTree(demands), chord_of_km(km)))


def pairs_within_km(
    candidates: FloatArray, demands: FloatArray, km: float
) -> tuple[IndexArray, IndexArray, FloatArray]:
    """The pairs at most ``km`` apart over the ground, as CSR rows of candidates: starts, demands (ascending in a row),
    km."""
    reach = chord_of_km(km) * (1 + HAIR)
    found = cKDTree(candidates).sparse_distance_matrix(cKDTree(demands), reach, output_type="ndarray")
    order = np.lexsort((found["j"], found["i"]))
    starts = np.searchsorted(found["i"][order], np.arange(len(candidates) + 1))
    return starts, found["j"][order].astype(np.intp), np.minimum(km_of_chords(found["v"][order]), km)


def nearer_than_km(places: FloatArray, km: float) -> IndexArray:
    """The pairs of places on the earth that are less than ``km`` apart over the ground: a problem's ``conflicts``.
    Invalid where there are too many, as in ``nearer_than_m``."""
    return _nearer_than(places, chord_of_km(km)) if km > 0 else NO_CONFLICTS


def nearer_than_m(places: FloatArray, metres: float) -> IndexArray:
    """The pairs of places on a plane that are less than ``metres`` apart: a problem's ``conflicts``."""
    return _nearer_than(places, metres) if metres > 0 else NO_CONFLICTS


def _nearer_than(places: FloatArray, apart: float) -> IndexArray:
    tree = cKDTree(places)
    count = (int(tree.count_neighbors(tree, apart * (1 - HAIR))) - len(places)) // 2
    if count > CONFLICTS_MAX:
        raise Invalid(
            "separation_km",
            f"{count:,} pairs of places are nearer to each other than that; at most {CONFLICTS_MAX:,} are taken: say"
            " fewer kilometres",
        )
    pairs: IndexArray = tree.query_pairs(apart * (1 - HAIR), output_type="ndarray").astype(np.intp)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
