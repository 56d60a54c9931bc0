"""A raster as GeoTIFF, contours and a picture, each read again by something else than what wrote it."""

from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from PIL import Image
from shapely.geometry import Point, shape

from maillage.services.roof.coverage.contours import contours
from maillage.services.roof.coverage.geotiff import write_geotiff
from maillage.services.roof.coverage.picture import draw
from maillage.services.roof.coverage.raster import Raster

ROWS, COLUMNS = 40, 60


def hill(west: float = -94.15, north: float = 36.35) -> Raster:
    """1 in the middle, falling off all round; nothing known in the north-west corner."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    values = np.exp(-np.hypot(y - (ROWS - 1) / 2, x - (COLUMNS - 1) / 2) / 8)
    values[:3, :5] = np.nan
    return Raster(values.astype(np.float32), west, north, 0.001, 0.0008, "coverage probability", "share")


def test_a_geotiff_has_its_values_where_they_belong(tmp_path: Path) -> None:
    raster, file = hill(), tmp_path / "hill.tif"
    write_geotiff(raster, file)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        assert np.array_equal(page.asarray(), raster.values, equal_nan=True)
        assert page.dtype == np.float32
        tags = page.geotiff_tags
        assert np.isnan(page.nodata)
        assert page.description == "coverage probability (share)"
    assert tags["GeographicTypeGeoKey"] == 4326
    assert tags["GTModelTypeGeoKey"].name == "Geographic"
    assert tags["GTRasterTypeGeoKey"].name == "IsArea"
    assert tags["ModelPixelScale"] == [0.001, 0.0008, 0.0]
    column, row, _, lon, lat, _ = tags["ModelTiepoint"]
    # the place of a cell by the tie point is the place that the raster says
    assert lon + (17 + 0.5 - column) * 0.001 == pytest.approx(raster.centre_lons()[17])
    assert lat - (9 + 0.5 - row) * 0.0008 == pytest.approx(raster.centre_lats()[9])


def test_contours_hold_what_is_at_least_their_level() -> None:
    raster = hill()
    features = contours(raster, [0.5, 0.2, 2.0])["features"]
    assert [each["properties"]["at_least"] for each in features] == [0.2, 0.5]  # 2.0 is reached nowhere
    lons, lats = raster.centre_lons(), raster.centre_lats()
    for feature in features:
        land, level = shape(feature["geometry"]), feature["properties"]["at_least"]
        assert land.is_valid
        for row, column in ((20, 30), (20, 34), (20, 42), (33, 30), (5, 50), (12, 25)):
            assert land.contains(Point(lons[column], lats[row])) == (raster.values[row, column] >= level)
    outer, inner = (shape(each["geometry"]) for each in features)
    assert outer.contains(inner)


def test_rings_are_closed_and_turn_as_rfc_7946_has_it() -> None:
    raster = hill()
    values = raster.values.copy()
    values[18:22, 28:32] = 0.0  # a hole in the middle
    feature = contours(raster._replace(values=values), [0.3])["features"][0]
    rings = [ring for polygon in feature["geometry"]["coordinates"] for ring in polygon]
    assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in rings)
    ((outer, hole),) = feature["geometry"]["coordinates"]
    assert shapely.LinearRing(outer).is_ccw
    assert not shapely.LinearRing(hole).is_ccw


def test_land_beyond_the_antimeridian_is_cut_there() -> None:
    features = contours(hill(west=179.97), [0.2])["features"]
    land = shape(features[0]["geometry"])
    assert land.is_valid
    assert sorted(round(part.centroid.x) for part in land.geoms) == [-180, 180]
    assert land.bounds[0] == -180
    assert land.bounds[2] == 180


def test_a_raster_without_anything_known_has_no_contours() -> None:
    nothing = hill()._replace(values=np.full((4, 4), np.nan, np.float32))
    assert contours(nothing, [0.1])["features"] == []


def test_a_picture_shows_the_raster_its_key_and_the_station(tmp_path: Path) -> None:
    raster, file = hill(), tmp_path / "hill.png"
    middle = (raster.north + raster.south) / 2, (raster.west + raster.east) / 2
    draw(raster, "A hill", [middle], file)
    with Image.open(file) as image:
        assert image.format == "PNG"
        levels = np.asarray(image.convert("RGB"))
    colours = {tuple(each) for each in np.unique(levels.reshape(-1, 3), axis=0).tolist()}
    assert (214, 40, 40) in colours  # the station
    assert (253, 231, 37) in colours  # the top of the key
    assert (233, 235, 238) in colours  # what is not known
    rows, columns = np.nonzero((levels == (214, 40, 40)).all(axis=2))
    map_width = 800
    metres = 60 * 0.001 * np.cos(np.radians(36.334)), 40 * 0.0008
    assert columns.mean() == pytest.approx(16 + map_width / 2, abs=2)
    assert rows.mean() == pytest.approx(44 + map_width * metres[1] / metres[0] / 2, abs=2)


def test_a_picture_of_one_value_everywhere_can_be_drawn(tmp_path: Path) -> None:
    flat = hill()._replace(values=np.full((3, 300), -90, np.float32), quantity="power", unit="dBm")
    draw(flat, "Flat", [], tmp_path / "flat.png")
    with Image.open(tmp_path / "flat.png") as image:
        assert image.height >= 240  # room for the key
