"""The curve of a pool as a chart of characters: what is committed, what all classes take, and what there is."""

from collections.abc import Sequence
from typing import NamedTuple

COLUMNS, ROWS = 64, 6
_EIGHTHS = " ▁▂▃▄▅▆▇█"
Step = tuple[int, float]
"""From this instant (seconds UTC) on, this level."""


class Chart(NamedTuple):
    """Lines from the top down, each of COLUMNS characters; ``top`` is the level that the highest line reaches to."""

    lines: list[str]
    top: float


def draw(committed: Sequence[Step], everything: Sequence[Step], sizes: Sequence[Step], end: int, blocks: bool) -> Chart:
    """Each column shows the highest level within its part of the time; all steps start at the same instant.

    Committed is solid, what spot leases add is shaded, what is free is dotted. ``blocks`` false keeps to ASCII.
    """
    start = committed[0][0]
    firm, used, size = (_peaks(steps, start, end) for steps in (committed, everything, sizes))
    top = max(*size, *used, 1e-9)
    solid, shade, dot = ("█", "▒", "·") if blocks else ("#", "+", ".")
    lines = []
    for row in reversed(range(ROWS)):
        line = ""
        for column in range(COLUMNS):
            here = firm[column] / top * ROWS - row
            if here >= 1 - 1e-9 or (not blocks and here > 0.25):
                line += solid
            elif here > 1e-9 and blocks:
                line += _EIGHTHS[max(1, round(here * 8))]
            elif used[column] / top * ROWS - row > 1e-9 and used[column] > firm[column]:
                line += shade
            else:
                line += dot if size[column] / top * ROWS - row > 1e-9 else " "
        lines.append(line)
    return Chart(lines, top)


def _peaks(steps: Sequence[Step], start: int, end: int) -> list[float]:
    """The highest level within each column."""
    peaks = []
    position = 0
    level = steps[0][1]
    for column in range(COLUMNS):
        beyond = start + (end - start) * (column + 1) / COLUMNS
        peak = level
        while position < len(steps) and steps[position][0] < beyond:
            level = steps[position][1]
            at_column_start = steps[position][0] <= start + (end - start) * column / COLUMNS
            peak = level if at_column_start else max(peak, level)
            position += 1
        peaks.append(peak)
    return peaks
