"""A map for a terminal: each character cell is 2 by 4 dots of Braille (Unicode block U+2800)."""

import math
from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


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
    rows = min(rows, int((north - south) / step / 4) + 1)
    cells = [[0] * columns for _ in range(rows)]
    for lat, lon in zip(lat_deg, lon_deg, strict=True):
        x, y = round((lon - west) * narrowing / step), round((north - lat) / step)
        if 0 <= x < columns * 2 and 0 <= y < rows * 4:
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    return "\n".join("".join(chr(0x2800 + cell) for cell in row).rstrip("\u2800") for row in cells)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    cut = len(ordered) // 100
    return ordered[cut], ordered[-1 - cut]
