"""Floors as an occupancy image, as robots map them: one pixel a cell, light is free, dark an obstacle, grey unknown.

The levels are those of ROS's map_server (mode trinary): of ``p = (255 - brightness) / 255`` what is under 0.196 is
free; above 0.65 is an obstacle, and between nobody knows. A robot is sent over free cells alone.
"""

import io
import math
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.robots.coverage.floor import make_floor
from maillage.services.robots.coverage.model import Floor

if TYPE_CHECKING:
    from PIL import Image

FREE_BELOW = 0.196
PIXELS_MAX = 25_000_000
FORMATS = ("PNG", "PPM")
"""As Pillow names them; PPM stands for PGM too."""
RESOLUTION_MIN_M, RESOLUTION_MAX_M = 0.005, 1.0


def read_image(content: bytes, resolution_m: float, name: str = "") -> Floor:
    """A floor with its origin at the image's lower left corner. Malformed for no such image, Invalid for no such
    floor."""
    if not (math.isfinite(resolution_m) and RESOLUTION_MIN_M <= resolution_m <= RESOLUTION_MAX_M):
        raise Invalid(
            "resolution", f"{resolution_m:g} is not from {RESOLUTION_MIN_M:g} to {RESOLUTION_MAX_M:g} metres a pixel"
        )
    free = free_cells(content)
    if not free.any():
        raise Invalid("floor", "is empty: no pixel of the image is light enough to be free")
    return make_floor([vectorised(free, resolution_m)], name=name)


def free_cells(content: bytes) -> NDArray[np.bool_]:
    """Which cells are free, the lowest row first."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > PIXELS_MAX:
                raise Invalid(
                    "file", f"is {image.width:,} by {image.height:,} pixels; at most {PIXELS_MAX:,} are read in all"
                )
            brightness = _brightness(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Malformed(f"the floor is not a PNG or PGM image that can be read: {error}") from None
    free: NDArray[np.bool_] = (255 - brightness) / 255 < FREE_BELOW
    return free[::-1]


def _brightness(image: "Image.Image") -> NDArray[np.float64]:
    """0 to 255; 16-bit greys are scaled, what is transparent is unknown and so not free."""
    if image.mode in ("I", "I;16", "I;16B"):
        return np.asarray(image, dtype=np.float64) / 257
    if image.has_transparency_data:
        grey, opaque = (np.asarray(band, dtype=np.float64) for band in image.convert("LA").split())
        return np.where(opaque >= 128, grey, 128.0)
    return np.asarray(image.convert("L"), dtype=np.float64)


def vectorised(free: NDArray[np.bool_], resolution_m: float) -> shapely.Geometry:
    """The free cells as polygons: runs of cells in a row, with equal runs of the rows above as one box, united."""
    height, _ = free.shape
    boxes: list[tuple[int, int, int, int]] = []
    growing: dict[tuple[int, int], int] = {}
    for row in range(height + 1):
        runs = _runs(free[row]) if row < height else set()
        for run in [run for run in growing if run not in runs]:
            boxes.append((run[0], growing.pop(run), run[1], row))
        for run in runs:
            growing.setdefault(run, row)
    corners = np.array(sorted(boxes), dtype=np.float64) * resolution_m
    return shapely.union_all(shapely.box(*corners.T)).simplify(0)  # where boxes met, walls go straight on


def _runs(row: NDArray[np.bool_]) -> set[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[False, row, False].astype(np.int8))).reshape(-1, 2)
    return {(int(first), int(last)) for first, last in edges}
