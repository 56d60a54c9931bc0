"""The catchment of a chain: how far people live from their nearest store, as the crow flies."""

from collections.abc import Sequence

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import KM_PER_MILE, SiteIndex, km_of_chords, unit_vectors
from maillage.kernel.population import Population

RING_MILES = (1, 2, 5, 10, 20, 50)


class Ring(msgspec.Struct, frozen=True):
    """The people who live within ``miles`` of their nearest store; ``share`` of all, 0 to 1."""

    miles: float
    people: int
    share: float


class Catchment(msgspec.Struct, frozen=True):
    """How near a chain is to people. Each person counts once, at the place they were counted.

    ``share`` (0 to 1) and ``people_within`` are those whose nearest store is at most ``within_km`` away. The median
    is the smallest distance within which at least half of the people have a store. What the population left out, such
    as territories, is in ``places_left_out`` and ``people_left_out`` and in no other figure.
    """

    sites: int
    places: int
    people: int
    within_km: float
    within_miles: float
    people_within: int
    share: float
    mean_km: float
    mean_miles: float
    median_km: float
    median_miles: float
    places_left_out: int
    people_left_out: int
    rings: tuple[Ring, ...]


def catchment(
    lat_deg: Sequence[float], lon_deg: Sequence[float], population: Population, within_km: float
) -> Catchment:
    """The catchment of stores at these degrees; Invalid without a store or for a distance that is none."""
    index = SiteIndex(lat_deg, lon_deg)
    if not index.count:
        raise Invalid("sites", "there is no store yet; import some first")
    if not 0 <= within_km < float("inf"):
        raise Invalid("within_km", f"{within_km} is not a distance; it is zero or more")
    chords, _ = index.nearest(unit_vectors(population.lat, population.lon), k=1)
    km = km_of_chords(chords[:, 0])
    nearest_first = np.argsort(km, kind="stable")
    km = km[nearest_first]
    people = population.people[nearest_first]
    reached = np.cumsum(people)
    total = float(reached[-1])

    def within(limit_km: float) -> float:
        places = int(np.searchsorted(km, limit_km, side="right"))
        return float(reached[places - 1]) if places else 0.0

    mean_km = float(km @ people) / total
    median_km = float(km[np.searchsorted(reached, total / 2)])
    return Catchment(
        sites=index.count,
        places=len(km),
        people=round(total),
        within_km=within_km,
        within_miles=within_km / KM_PER_MILE,
        people_within=round(within(within_km)),
        share=within(within_km) / total,
        mean_km=mean_km,
        mean_miles=mean_km / KM_PER_MILE,
        median_km=median_km,
        median_miles=median_km / KM_PER_MILE,
        places_left_out=population.places_left_out,
        people_left_out=population.people_left_out,
        rings=tuple(_ring(miles, within(miles * KM_PER_MILE), total) for miles in RING_MILES),
    )


def _ring(miles: float, people: float, total: float) -> Ring:
    return Ring(miles, round(people), people / total)
