"""Passes that run beside each other nearly on one line: a floor a little wider than its passes has laps like that."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely
from scipy.spatial import cKDTree

from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.links import Pass, runs_of
from maillage.services.robots.coverage.model import Points

ALIKE = 0.9
"""The cosine from which on two links go in one direction, or against each other."""


class Twins(NamedTuple):
    """Link ``one`` has its middle beside the earlier link ``other``, ``away_m`` from it."""

    one: int
    other: int
    away_m: float


def without_twins(passes: list[Pass], most_m2: float, width_m: float, spare: float) -> tuple[list[Pass], float]:
    """Leave out what runs beside an earlier pass, or an earlier part of its own, within ``spare`` of the width.

    What lies between the two lines is spared: pass by pass, the nearest twins first, until ``most_m2`` are. Also how
    much is spared.
    """
    links = [link for one in passes for link in one.links]
    counts = np.array([len(one.links) for one in passes])
    owner = np.repeat(np.arange(len(passes)), counts)
    spared = np.zeros(len(links))
    kept = np.ones(len(links), np.bool_)
    for one, other, away_m in _twins(links, spare * width_m, width_m):
        apart = (one - other) % counts[owner[one]]
        neighbours = owner[one] == owner[other] and min(apart, counts[owner[one]] - apart) <= 2
        if kept[one] and kept[other] and not neighbours:
            kept[one] = False
            spared[one] = away_m * length_of(links[one])
    by_pass = np.bincount(owner, spared, len(passes))
    left_out = np.bincount(owner, ~kept, len(passes))
    order = np.lexsort((np.arange(len(passes)), by_pass / np.maximum(left_out, 1)))
    in_all = np.cumsum(by_pass[order])
    too_much = in_all > most_m2
    kept |= np.isin(owner, order[too_much])
    first = np.r_[0, np.cumsum(counts)]
    left = [part for number, one in enumerate(passes) for part in runs_of(one, kept[first[number] : first[number + 1]])]
    return left, float(np.max(in_all[~too_much], initial=0.0))


def _twins(links: list[Points], near_m: float, width_m: float) -> Iterator[Twins]:
    """All twins within a distance, in order of the later link, the nearest first."""
    owner = np.repeat(np.arange(len(links)), [len(link) for link in links])
    lines = shapely.linestrings(np.concatenate(links), indices=owner)
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    pairs = cKDTree(shapely.get_coordinates(middles)).query_pairs(0.75 * width_m, output_type="ndarray")
    one, other = pairs.max(axis=1), pairs.min(axis=1)
    chord = np.array([link[-1] - link[0] for link in links])
    direction = chord / np.maximum(np.hypot(*chord.T), 1e-12)[:, None]
    alike = np.abs((direction[one] * direction[other]).sum(axis=1)) > ALIKE
    one, other = one[alike], other[alike]
    away = shapely.distance(middles[one], lines[other])
    close = away < near_m
    one, other, away = one[close], other[close], away[close]
    order = np.lexsort((other, away, one))
    yield from map(Twins._make, zip(one[order].tolist(), other[order].tolist(), away[order].tolist(), strict=True))
