"""From what a file tells to the problem that is asked."""

import math
from typing import Any, Literal

import msgspec
import numpy as np
from scipy.spatial.distance import cdist

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import KM_PER_MILE, FloatArray, IndexArray, km_of_chords, unit_vectors
from maillage.services.roof.siting.instances.model import Degrees, Form, Instance
from maillage.services.roof.siting.places import count_within_km, nearer_than_km, nearer_than_m, pairs_within_km
from maillage.services.roof.siting.problem import NO_CONFLICTS, CoverProblem, MedianProblem, NearDistances, Problem

Kind = Literal["mclp", "p-median"]
RADIUS_M: dict[Form, float] = {"sites": 10 * KM_PER_MILE * 1_000, "points": 800.0, "distances": 5_000.0}
"""Catchment radius where none is asked for: ten miles of a store, and what the published problems have."""
RADIUS_MAX_M = 2_000_000.0
PAIRS_MAX = 15_000_000
"""Pairs of candidates and demands that are held; each costs some 100 bytes on the way."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. ``radius_m``: what covers, and in a p-median of sites the distance that counts as far.
    ``separation_km``: chosen ones are at least so far apart."""

    kind: Kind
    p: int | None = None
    radius_m: float | None = None
    budget: float | None = None
    fixed: tuple[str, ...] = ()
    separation_km: float = 0.0


def kind_of(instance: Instance) -> Kind:
    """The problem that a file is for where nobody says: graphs of the OR-Library are p-medians."""
    return "p-median" if instance.form == "pmed" else "mclp"


def radius_of(instance: Instance, wanted: Wanted) -> float | None:
    """Metres that count, None where all distances do; Invalid where it is missing or out of range."""
    radius_m = wanted.radius_m
    if wanted.kind == "p-median":
        if instance.form != "sites" and radius_m is not None:
            raise Invalid("radius", "is for covering; in a p-median of this file all distances count")
    elif radius_m is None:
        if instance.form not in RADIUS_M:
            raise Invalid("radius", "is missing: how near a candidate must be to cover")
        radius_m = RADIUS_M[instance.form]
    if radius_m is not None and not 0 < radius_m <= RADIUS_MAX_M:
        raise Invalid("radius", f"{radius_m:g} m is out of range; it is above 0 and at most {RADIUS_MAX_M:,.0f} m")
    return radius_m


def make_problem(instance: Instance, wanted: Wanted) -> Problem:
    """The problem; Invalid for what does not fit the file or together. ``p`` is the file's where none is asked for, and
    no budget is there."""
    radius_m = radius_of(instance, wanted)
    common: dict[str, Any] = {
        "ids": instance.ids,
        "weights": instance.weights,
        "p": instance.p if wanted.p is None and wanted.budget is None else wanted.p,
        "budget": wanted.budget,
        "costs": instance.costs,
        "fixed": wanted.fixed,
        "conflicts": _conflicts(instance, wanted.separation_km),
    }
    distances = instance.distances
    if distances is None and radius_m is not None:
        starts, demands, km = _near(instance, radius_m / 1_000)
        if wanted.kind == "mclp":
            return CoverProblem(starts=starts, covered=demands, **common)
        near = NearDistances(starts=starts, demands=demands, distances=km * 1_000, far=radius_m)
        return MedianProblem(distances=near, **common)
    if distances is None:
        distances = _all_distances(instance)
    if radius_m is None:
        return MedianProblem(distances=distances, **common)
    rows, covered = np.nonzero(distances <= radius_m)
    return CoverProblem(starts=np.searchsorted(rows, np.arange(len(instance.ids) + 1)), covered=covered, **common)


def _vectors(instance: Instance) -> tuple[FloatArray, FloatArray]:
    """Unit vectors of candidates and demands."""
    of_sites, of_people = instance.places, instance.demand_places
    if not isinstance(of_sites, Degrees) or of_people is None:
        raise Invalid("file", "has no places on the earth")
    return unit_vectors(of_sites.lat, of_sites.lon), unit_vectors(of_people.lat, of_people.lon)


def _near(instance: Instance, km: float) -> tuple[IndexArray, IndexArray, FloatArray]:
    candidates, demands = _vectors(instance)
    if (pairs := count_within_km(candidates, demands, km)) > PAIRS_MAX:
        raise Invalid("radius", f"{km:g} km joins {pairs:,} pairs of sites and people; at most {PAIRS_MAX:,} are held")
    return pairs_within_km(candidates, demands, km)


def _all_distances(instance: Instance) -> FloatArray:
    candidates, demands = _vectors(instance)
    if len(candidates) * len(demands) > PAIRS_MAX:
        raise Invalid(
            "radius", "is missing: with so many sites and people, say from where on all counts as equally far"
        )
    return km_of_chords(cdist(candidates, demands)) * 1_000


def _conflicts(instance: Instance, separation_km: float) -> IndexArray:
    if not 0 <= separation_km < math.inf:
        raise Invalid("separation_km", f"{separation_km:g} is not a distance; it is zero or more")
    if separation_km == 0:
        return NO_CONFLICTS
    places = instance.places
    if places is None:
        raise Invalid("separation_km", "can't be kept: the file does not say where the candidates are")
    if isinstance(places, Degrees):
        return nearer_than_km(unit_vectors(places.lat, places.lon), separation_km)
    return nearer_than_m(np.stack((places.x_m, places.y_m), axis=-1), separation_km * 1_000)
