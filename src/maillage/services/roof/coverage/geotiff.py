"""A raster as GeoTIFF: float32, EPSG:4326, deflated. The tags are those of OGC 19-008r4 (GeoTIFF 1.1)."""

from pathlib import Path

from maillage.services.roof.coverage.raster import Raster

MODEL_PIXEL_SCALE, MODEL_TIEPOINT, GEO_KEY_DIRECTORY, GDAL_NODATA = 33550, 33922, 34735, 42113
SOFTWARE, DESCRIPTION = 305, 270
_KEYS = (
    (1, 1, 0, 4),  # version 1.1.0 of the directory; four keys follow
    (1024, 0, 1, 2),  # GTModelType: geographic 2-D
    (1025, 0, 1, 1),  # GTRasterType: a cell is an area, the tie point its corner
    (2048, 0, 1, 4326),  # GeodeticCRS: WGS84
    (2054, 0, 1, 9102),  # GeogAngularUnits: degree
)
_ASCII, _SHORT, _DOUBLE = 2, 3, 12


def write_geotiff(raster: Raster, file: Path) -> None:
    """Write the raster; NaN is its value for no data. OSError where the file can't be written."""
    from PIL import Image, TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for number, kind, value in (
        (DESCRIPTION, _ASCII, f"{raster.quantity} ({raster.unit})"),
        (SOFTWARE, _ASCII, "Maillage"),
        (MODEL_PIXEL_SCALE, _DOUBLE, (raster.step_lon, raster.step_lat, 0.0)),
        (MODEL_TIEPOINT, _DOUBLE, (0.0, 0.0, 0.0, raster.west, raster.north, 0.0)),
        (GEO_KEY_DIRECTORY, _SHORT, tuple(part for key in _KEYS for part in key)),
        (GDAL_NODATA, _ASCII, "nan"),
    ):
        tags.tagtype[number] = kind
        tags[number] = value
    Image.fromarray(raster.values).save(file, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")
