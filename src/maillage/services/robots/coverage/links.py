"""Passes in links: pieces of a way a little shorter than the brush is wide.

What follows works on links: passes are joined by taking links out, and what need not be driven is left out link by
link.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maillage.services.robots.coverage.model import Kind, Points

LINK = 0.9
"""The length of a link, in widths. Where two loops are joined the new links are as far apart as the old ones were long,
and the outer side of the four turns stays unclean: 0.9 leaves two thirds of what 1 leaves, for 0.2 widths of way."""
RUN_MIN = 3
"""Links in a row that are worth leaving out, or driving: fewer cost more way to and fro than they save."""
SPARE = 0.12
"""A pass that cleans less than this part of its width afresh is left out, the least first, until SPARE_IN_ALL of the
floor is spared."""
SPARE_IN_ALL = 0.015


class Pass(NamedTuple):
    """Links one after the other, each from the last point of the one before; a closed pass ends where it begins."""

    links: list[Points]
    kind: Kind
    closed: bool


def cut(points: Points, length_m: float, closed: bool) -> list[Points]:
    """A way in links of equal length, about ``length_m``; the corners within a link stay."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    points = points[np.r_[True, steps > 1e-9]]
    along = np.r_[0.0, np.cumsum(steps[steps > 1e-9])]
    count = max(3 if closed else 1, round(along[-1] / length_m))
    cuts = np.linspace(0.0, along[-1], count + 1)
    at = np.column_stack([np.interp(cuts, along, axis) for axis in points.T])
    at[-1] = points[-1]
    nearest = np.minimum(np.searchsorted(cuts, along), count)
    corners = (cuts[nearest] - along > 1e-9) & (along - cuts[np.maximum(nearest - 1, 0)] > 1e-9)
    before = np.cumsum(np.bincount(np.searchsorted(cuts, along[corners]), minlength=count + 1))
    every = np.vstack((at, points[corners]))[np.argsort(np.r_[cuts, along[corners]], kind="stable")]
    stations = (np.arange(count + 1) + before).tolist()
    return [every[one : other + 1] for one, other in pairwise(stations)]


def runs_of(one: Pass, kept: NDArray[np.bool_]) -> list[Pass]:
    """What is kept of a pass, in runs; short gaps are driven all the same, and short runs are not."""
    if kept.all():
        return [one]
    if not kept.any():
        return []
    links = one.links
    if one.closed:  # begin where a gap ends
        first = next(at for at in range(len(kept)) if kept[at] and not kept[at - 1])
        links, kept = [*links[first:], *links[:first]], np.roll(kept, -first)
    edges = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(np.int8)))
    runs = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    joined = [runs[0]]
    for start, end in runs[1:]:
        if start - joined[-1][1] < RUN_MIN:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    if one.closed and len(joined) == 1 and len(links) - joined[0][1] < RUN_MIN:
        return [one]
    return [Pass(links[start:end], one.kind, False) for start, end in joined if end - start >= RUN_MIN]
