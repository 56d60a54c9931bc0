"""The figures of a field: people and land covered once each, SINR among them, and what each station serves."""

import msgspec
import numpy as np

from maillage.kernel.geo import FloatArray
from maillage.services.roof.coverage.cell import checked_probability
from maillage.services.roof.coverage.together import Field, checked_load
from maillage.services.roof.radio.validity import Place

QUANTILES = (0.1, 0.5, 0.9)
THRESHOLDS_DB = (-3.0, 0.0, 5.0, 10.0, 20.0)


class SinrAbove(msgspec.Struct, frozen=True):
    """The share of the people within reach whose SINR is at least ``db``."""

    db: float
    share: float


class AllCovered(msgspec.Struct, frozen=True):
    """At one kind of place, everybody counted once. ``sinr_db`` has the SINR that 10, 50 and 90 % of the people within
    reach stay below; it and ``sinr_above`` are empty where nobody lives within reach."""

    km2: float
    people: float
    people_expected: float
    sinr_db: tuple[float, ...]
    sinr_above: tuple[SinrAbove, ...]


class Served(msgspec.Struct, frozen=True):
    """What lies within reach and gets most power from this station."""

    id: str
    km2: float
    people: float


class TogetherFigures(msgspec.Struct, frozen=True):
    """Of all stations; ``km2_in_reach`` and ``people_in_reach`` are what lies within reach of any."""

    load: float
    km2_in_reach: float
    people_in_reach: float
    outdoor: AllCovered
    indoor_low: AllCovered
    indoor_high: AllCovered
    served: tuple[Served, ...]


def figures_together(field: Field, probability: float, load: float) -> TogetherFigures:
    """Covered is where the best station's chance is at least ``probability``. Invalid for what is no probability, or no
    load."""
    checked_probability(probability)
    checked_load(load)
    count = len(field.stations)
    km2 = np.bincount(field.server, field.km2, count)
    people = np.bincount(field.server, field.people, count)
    return TogetherFigures(
        load,
        float(field.km2.sum()),
        float(field.people.sum()),
        _covered(field, "outdoor", probability, load),
        _covered(field, "indoor_low", probability, load),
        _covered(field, "indoor_high", probability, load),
        tuple(
            Served(station.id, land, lived)
            for station, land, lived in zip(field.stations, km2.tolist(), people.tolist(), strict=True)
        ),
    )


def _covered(field: Field, place: Place, probability: float, load: float) -> AllCovered:
    chance = field.chance[place]
    enough = chance >= probability
    sinr_db = field.sinr_db(place, load)
    total = float(field.people.sum())
    above = tuple(SinrAbove(db, float(field.people[sinr_db >= db].sum()) / total) for db in THRESHOLDS_DB if total)
    return AllCovered(
        float(field.km2[enough].sum()),
        float(field.people[enough].sum()),
        float(field.people @ chance),
        _quantiles(sinr_db, field.people) if total else (),
        above,
    )


def _quantiles(values: FloatArray, weights: FloatArray) -> tuple[float, ...]:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    ranks = np.searchsorted(below, np.array(QUANTILES) * below[-1])
    return tuple(values[order][np.minimum(ranks, len(values) - 1)].tolist())
