"""Readings as a chart of characters: for each column the range from the smallest to the greatest."""

from collections.abc import Sequence
from typing import NamedTuple

COLUMNS, ROWS = 72, 12
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The dots of a character of Braille (Unicode block U+2800), by row and column."""


class Band(NamedTuple):
    """What was measured within a part of the time: ``at`` (seconds) is its beginning."""

    at: float
    low: float
    high: float


class Chart(NamedTuple):
    """Lines from the top down; ``top`` and ``bottom`` are the values of the highest and the lowest dots."""

    lines: list[str]
    top: float
    bottom: float


def draw(bands: Sequence[Band], start: float, end: float, blocks: bool) -> Chart:
    """A curve as wide as the range of its values. ``blocks`` false keeps to ASCII, with half the resolution across and
    a quarter of it upwards. Where nothing was measured, nothing is drawn."""
    across, upwards = (2, 4) if blocks else (1, 1)
    columns, rows = COLUMNS * across, ROWS * upwards
    bottom, top = min(band.low for band in bands), max(band.high for band in bands)
    per_row = (top - bottom) / (rows - 1) or 1.0
    lit = [[False] * columns for _ in range(rows)]
    for band in bands:
        column = int((band.at - start) / (end - start) * columns)
        if 0 <= column < columns:
            first, last = round((band.low - bottom) / per_row), round((band.high - bottom) / per_row)
            for row in range(first, last + 1):
                lit[row][column] = True
    lines = [_line(lit, row, across, upwards) for row in reversed(range(ROWS))]
    return Chart(lines, top, bottom)


def _line(lit: list[list[bool]], row: int, across: int, upwards: int) -> str:
    if upwards == 1:
        return "".join("*" if each else " " for each in lit[row])
    cells = [0] * COLUMNS
    for part in range(upwards):
        for column, each in enumerate(lit[row * upwards + part]):
            if each:
                cells[column // across] |= _DOTS[upwards - 1 - part][column % across]
    return "".join(chr(0x2800 + cell) for cell in cells)
