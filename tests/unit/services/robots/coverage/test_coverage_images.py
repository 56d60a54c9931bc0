"""Floors as occupancy images."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.robots.coverage import occupancy
from maillage.services.robots.coverage.occupancy import read_image
from maillage.services.robots.coverage.planner import plan_floor
from maillage.services.robots.coverage.reading import read_floor

FREE, UNKNOWN, WALL = 254, 205, 0


def encoded(levels: NDArray[np.uint8], form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(levels).save(out, form)
    return out.getvalue()


def hall(height: int = 60, width: int = 100) -> NDArray[np.uint8]:
    levels = np.full((height, width), WALL, np.uint8)
    levels[2:-2, 2:-2] = FREE
    return levels


@pytest.mark.parametrize("form", ["PNG", "PPM"])
def test_light_cells_are_the_floor_with_the_origin_at_the_lower_left(form: str) -> None:
    levels = hall()
    levels[2:12, 2:22] = WALL  # at the upper left
    floor = read_image(encoded(levels, form), 0.1)
    assert floor.area.bounds == pytest.approx((0.2, 0.2, 9.8, 5.8))
    assert floor.area.area == pytest.approx(9.6 * 5.6 - 2.0 * 1.0)
    assert len(floor.area.geoms[0].exterior.coords) == 7  # an L: straight walls have no steps
    (outline,) = floor.area.geoms
    assert not outline.covers(_point(1.0, 5.5))
    assert outline.covers(_point(1.0, 0.5))


def test_unknown_cells_are_not_driven_on() -> None:
    levels = hall()
    levels[20:30, 40:60] = UNKNOWN
    assert read_image(encoded(levels), 0.1).area.area == pytest.approx(9.6 * 5.6 - 2.0)


def test_cells_that_touch_at_a_corner_make_a_sound_floor() -> None:
    levels = np.full((4, 4), WALL, np.uint8)
    levels[:2, :2] = levels[2:, 2:] = FREE
    floor = read_image(encoded(levels), 1.0)
    assert floor.area.is_valid
    assert len(floor.area.geoms) == 2


def test_speckles_and_slanting_walls_are_planned_as_they_are() -> None:
    levels = hall(240, 320)
    rng = np.random.default_rng(1)
    levels[rng.integers(5, 235, 12), rng.integers(5, 315, 12)] = WALL
    levels[np.add.outer(np.arange(240), np.arange(320)) < 150] = WALL
    plan = plan_floor(read_image(encoded(levels), 0.05))
    assert plan.figures.covered_share >= 0.98
    assert plan.figures.ratio <= 1.25


def test_transparent_cells_are_unknown_and_16_bit_greys_are_scaled() -> None:
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[..., :3] = 255
    rgba[:10, :, 3] = 255
    assert read_image(encoded(rgba), 0.5).area.area == pytest.approx(10 * 5)
    deep = np.full((20, 20), 65_000, np.uint16)
    deep[:5] = 20_000
    assert read_image(encoded(deep), 0.5).area.area == pytest.approx(10 * 7.5)


@pytest.mark.parametrize("resolution_m", [0.0, -1.0, float("nan"), float("inf"), 5.0])
def test_a_resolution_that_can_t_be_is_refused(resolution_m: float) -> None:
    with pytest.raises(Invalid, match=r"resolution: .* is not from 0.005 to 1 metres a pixel"):
        read_image(encoded(hall()), resolution_m)


def test_a_dark_image_is_empty() -> None:
    with pytest.raises(Invalid, match="no pixel of the image is light enough"):
        read_image(encoded(np.full((9, 9), UNKNOWN, np.uint8)), 0.05)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\nnonsense", b"P5\n9 9\n255\n123"])
def test_what_is_no_image_is_told(content: bytes) -> None:
    with pytest.raises(Malformed, match="is not a PNG or PGM image"):
        read_image(content, 0.05)


def test_a_cut_image_is_told() -> None:
    with pytest.raises(Malformed, match="is not a PNG or PGM image"):
        read_image(encoded(np.random.default_rng(1).integers(0, 255, (90, 90), np.uint8))[:4000], 0.05)


def test_an_image_too_large_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupancy, "PIXELS_MAX", 100)
    with pytest.raises(Invalid, match="100 by 60 pixels"):
        read_image(encoded(hall()), 0.05)


def test_a_file_is_read_by_what_its_name_ends_in(tmp_path: Path) -> None:
    image, plain = tmp_path / "hall.PNG", tmp_path / "hall.json"
    image.write_bytes(encoded(hall()))
    plain.write_text('{"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}')
    assert read_floor(image, 0.1).name == "hall"
    assert read_floor(plain).area.area == 16
    with pytest.raises(Invalid, match="how many metres a pixel is"):
        read_floor(image)
    with pytest.raises(Invalid, match="only images have pixels"):
        read_floor(plain, 0.1)
    with pytest.raises(Invalid, match="can't be opened: No such file"):
        read_floor(tmp_path / "absent.json")
    with pytest.raises(Invalid, match="can't be opened: Is a directory"):
        read_floor(tmp_path)


def _point(x: float, y: float) -> object:
    from shapely import Point

    return Point(x, y)
