"""A floor from a file: GeoJSON, or an occupancy image with the metres of a pixel."""

from pathlib import Path

from maillage.kernel.errors import Invalid
from maillage.services.robots.coverage.geojson import BYTES_MAX, read_geojson
from maillage.services.robots.coverage.model import Floor
from maillage.services.robots.coverage.occupancy import read_image

IMAGES = (".png", ".pgm")


def read_floor(path: Path, resolution_m: float | None = None) -> Floor:
    """What the file's name ends in says what it is: .png and .pgm are images, which need ``resolution_m``.

    Invalid where the file can't be opened, is too large, or holds no floor; Malformed where it can't be read.
    """
    image = path.suffix.lower() in IMAGES
    if image and resolution_m is None:
        raise Invalid("resolution", "an image needs to be told how many metres a pixel is, such as 0.05")
    if not image and resolution_m is not None:
        raise Invalid("resolution", "only images have pixels; GeoJSON is in metres")
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Invalid("file", f"{path} can't be opened: {error.strerror or error}") from None
    if len(content) > BYTES_MAX:
        raise Invalid("file", f"{path} is larger than {BYTES_MAX:,} bytes")
    if resolution_m is None:
        return read_geojson(content)
    return read_image(content, resolution_m, path.stem)
