"""The score of the Numenta Anomaly Benchmark for one series, from its published description.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark", 2015
(arXiv:1510.03336). A detection in a labelled window earns more the earlier it is, once a window; one outside costs,
less when it is only just late; a window without a detection costs the whole.
"""

import math
from collections.abc import Sequence

import msgspec

PROBATION_SHARE = 0.15
PROBATION_ROWS_MAX = 750
FAR_PAST = 3.0
"""Widths of a window behind its end from which on a detection is plainly false."""


class Weights(msgspec.Struct, frozen=True):
    """What a window found, a false detection and a window missed count: a profile of the benchmark."""

    hit: float
    false: float
    miss: float


STANDARD = Weights(1.0, 0.11, 1.0)


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """``raw`` is the sum that the benchmark publishes by file, before it scales over the corpus: +``windows`` for each
    window found in its first row and nothing else, -``windows`` for no detection at all. ``false`` is how many
    detections lay outside of any window."""

    raw: float
    windows: int
    found: int
    false: int


def probation_rows(rows: int) -> int:
    """Rows at the beginning that do not count: a detector learns there."""
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS_MAX)


def scaled_sigmoid(position: float) -> float:
    """What a detection is worth: close to 1 at -1 (the start of a window), 0 at 0 (its end), close to -1 at 1."""
    return -1.0 if position >= FAR_PAST else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def score(detected: Sequence[bool], windows: Sequence[tuple[int, int]], weights: Weights = STANDARD) -> Score:
    """The score of one series. ``detected`` has a truth per row; ``windows`` are the first and the last row of each, in
    order and apart from each other. A window that ends within the probation does not count."""
    probation = probation_rows(len(detected))
    at = [row for row in range(probation, len(detected)) if detected[row]]
    counted = [(first, last) for first, last in windows if last >= probation]
    raw, found, inside = 0.0, 0, set[int]()
    for first, last in counted:
        hits = [row for row in at if first <= row <= last]
        inside.update(hits)
        if hits:
            # The last row of a window is at -1/width, so that even it is worth something.
            position = -(last - hits[0] + 1) / (last - first + 1)
            raw += weights.hit * scaled_sigmoid(position) / scaled_sigmoid(-1.0)
            found += 1
        else:
            raw -= weights.miss
    false = [row for row in at if row not in inside]
    for row in false:
        raw += weights.false * scaled_sigmoid(_past(row, windows))
    return Score(raw=raw, windows=len(counted), found=found, false=len(false))


def _past(row: int, windows: Sequence[tuple[int, int]]) -> float:
    """How far behind the latest window a row is, in widths of that window."""
    before = [(first, last) for first, last in windows if last < row]
    if not before:
        return FAR_PAST
    first, last = before[-1]
    return (row - last) / max(last - first, 1)
