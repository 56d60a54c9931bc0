"""Where around a roof the signal is likely to be enough, as contours and as a picture."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maillage.services.roof.catalogue.look import Look
from maillage.services.roof.coverage.contours import contours
from maillage.services.roof.coverage.grid import REACH_KM, RESOLUTION_M
from maillage.services.roof.coverage.maps import LEVELS, map_of
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.picture import draw
from maillage.services.roof.coverage.raster import Raster
from maillage.services.roof.coverage.together import LOAD, field_of

BEYOND = 2.5
"""Own choice: a map goes so many times as far as the cell, to show how the signal fades out."""
CELLS_A_REACH = 100


def contours_of(people: People, look: Look) -> dict[str, Any]:
    """GeoJSON of the land on which the chance of a signal is at least so much, for some levels."""
    return contours(_raster(people, look), LEVELS["probability"])


def picture_of(people: People, look: Look, title: str) -> bytes:
    """The chance of a signal, as a PNG."""
    with TemporaryDirectory(prefix="maillage-") as folder:
        file = Path(folder) / "map.png"
        draw(_raster(people, look), title, [(look.lat, look.lon)], file)
        return file.read_bytes()


def _raster(people: People, look: Look) -> Raster:
    reach_km = min(max(BEYOND * look.reach_km, 0.25), REACH_KM[1])
    resolution_m = min(max(reach_km * 1_000 / CELLS_A_REACH, RESOLUTION_M[0]), RESOLUTION_M[1])
    field = field_of(people, [look.station], look.budget, look.scenario, resolution_m=resolution_m, reach_km=reach_km)
    return map_of(field, "probability", look.place, LOAD)
