"""The stores that sessions may live at, to be asked for those near a place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maillage.kernel.geo import SiteIndex, km_of_chord
from maillage.kernel.sites import Site

Vector = tuple[float, float, float]
"""A place as a point on the unit sphere."""


class Ranked(NamedTuple):
    """A site and its great-circle distance."""

    site: str
    km: float


class Stores:
    """Positions of sites, by id."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._ids = [site.id for site in sites]
        self._index = SiteIndex([site.lat for site in sites], [site.lon for site in sites])
        self._vectors: dict[str, list[float]] = dict(zip(self._ids, self._index.vectors.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._ids)

    def nearest(self, place: Vector, count: int) -> list[Ranked]:
        """The ``count`` nearest, nearest first; fewer where there are fewer."""
        chords, numbers = self._index.nearest(np.array(place), max(1, min(count, len(self._ids))))
        pairs = zip(chords.tolist(), numbers.tolist(), strict=True)
        return [Ranked(self._ids[number], km_of_chord(chord)) for chord, number in pairs if number < len(self._ids)]

    def km_to(self, site: str, place: Vector) -> float | None:
        """How far a site is; None where there is none of this id any more."""
        vector = self._vectors.get(site)
        return None if vector is None else km_between(vector, place)

    def place_of(self, site: str) -> Vector | None:
        """Where a site is; None where there is none of this id any more."""
        vector = self._vectors.get(site)
        return None if vector is None else (vector[0], vector[1], vector[2])


def km_between(one: Sequence[float], other: Sequence[float]) -> float:
    """Great-circle distance of two points on the unit sphere."""
    squares = ((a - b) * (a - b) for a, b in zip(one, other, strict=True))
    return km_of_chord(float(sum(squares)) ** 0.5)
