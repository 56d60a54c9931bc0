"""Pictures for a terminal: each character cell is 2 by 4 dots of Braille (Unicode block U+2800)."""

import math
from collections.abc import Sequence
from itertools import pairwise

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = "\u2800"


class Dots:
    """So many character cells, with no dot set. ``x`` and ``y`` are dots from the left and from the top; what lies
    outside is left out."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._cells = [[0] * columns for _ in range(rows)]

    def set(self, x: int, y: int) -> None:
        if 0 <= x < self._columns * 2 and 0 <= y < self._rows * 4:
            self._cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """All dots on the straight way from one place to another."""
        steps = max(round(abs(x1 - x0)), round(abs(y1 - y0)), 1)
        for step in range(steps + 1):
            self.set(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps))

    def lines(self) -> list[str]:
        """The rows, without blanks at their ends."""
        return ["".join(chr(0x2800 + cell) for cell in row).rstrip(BLANK) for row in self._cells]


def scatter(lat_deg: Sequence[float], lon_deg: Sequence[float], columns: int = 76, rows: int = 22) -> str:
    """Places as dots, north up, scaled to the middle 98 % of them so that a few far islands don't shrink the rest."""
    if not lat_deg:
        return ""
    south, north = _middle(lat_deg)
    west, east = _middle(lon_deg)
    # A degree of longitude is shorter than one of latitude; a character cell is about twice as high as wide, and so
    # are its dots' spacings equal in both directions.
    narrowing = math.cos(math.radians((south + north) / 2))
    step = max((east - west) * narrowing / (columns * 2 - 1), (north - south) / (rows * 4 - 1), 1e-9)
    dots = Dots(columns, min(rows, int((north - south) / step / 4) + 1))
    for lat, lon in zip(lat_deg, lon_deg, strict=True):
        dots.set(round((lon - west) * narrowing / step), round((north - lat) / step))
    return "\n".join(dots.lines())


def ways(strokes: Sequence[Sequence[tuple[float, float]]], columns: int = 60, rows: int = 24) -> str:
    """Ways over a floor in metres, y up, as large as fits."""
    places = [place for stroke in strokes for place in stroke]
    if not places:
        return ""
    left, right = min(x for x, _ in places), max(x for x, _ in places)
    bottom, top = min(y for _, y in places), max(y for _, y in places)
    step = max((right - left) / (columns * 2 - 1), (top - bottom) / (rows * 4 - 1), 1e-9)
    dots = Dots(columns, min(rows, int((top - bottom) / step / 4) + 1))
    for stroke in strokes:
        for (x0, y0), (x1, y1) in pairwise(stroke):
            dots.line((x0 - left) / step, (top - y0) / step, (x1 - left) / step, (top - y1) / step)
    return "\n".join(dots.lines())


def curve(values: Sequence[float], limit: float, columns: int = 68, rows: int = 7) -> list[str]:
    """Values one after the other from left to right, and a dotted line at a limit; the rows from the top."""
    dots = Dots(columns, rows)
    low, high = min(*values, limit), max(*values, limit)
    step = max((high - low) / (rows * 4 - 1), 1e-9)
    for x in range(0, columns * 2, 3):
        dots.set(x, round((high - limit) / step))
    across = (columns * 2 - 1) / max(len(values) - 1, 1)
    for number, (value, following) in enumerate(pairwise(values)):
        left = number * across
        dots.line(left, (high - value) / step, left + across, (high - following) / step)
    return dots.lines()


def _middle(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    cut = len(ordered) // 100
    return ordered[cut], ordered[-1 - cut]
