"""The antenna element of TR 38.901, Table 7.3-1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.roof.radio.antenna import ELEMENT, OMNI, Pattern, attenuation_db


def test_the_element_is_3_db_down_at_half_its_beam_and_30_behind_it() -> None:
    assert attenuation_db(ELEMENT, [0, 32.5, -32.5, 65, 180], 0).tolist() == [0, 3, 3, 12, 30]
    assert attenuation_db(ELEMENT, 0, [0, 32.5, -32.5, 90]) == pytest.approx([0, 3, 3, 12 * (90 / 65) ** 2])
    assert attenuation_db(ELEMENT, 32.5, 32.5) == 6
    assert attenuation_db(ELEMENT, 90, 90) == 30  # 23 and 23, but never more than behind it


def test_a_tilted_antenna_looks_below_the_horizon() -> None:
    tilted = Pattern(azimuth_width_deg=65, zenith_width_deg=10, tilt_deg=6)
    assert attenuation_db(tilted, 0, [6, 1, 11]).tolist() == [0, 3, 3]
    assert attenuation_db(tilted, 0, -84) == 30


def test_an_omni_antenna_is_as_strong_all_round() -> None:
    assert not attenuation_db(OMNI, np.arange(-360, 720, 7.0), 20).any()


def test_azimuth_and_zenith_broadcast() -> None:
    assert attenuation_db(ELEMENT, np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)
    assert attenuation_db(OMNI, np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)


@given(st.floats(-720, 720), st.floats(-90, 90))
def test_a_turn_changes_nothing_and_no_direction_is_above_the_peak(azimuth_deg: float, zenith_deg: float) -> None:
    once = attenuation_db(ELEMENT, azimuth_deg, zenith_deg)
    assert once == pytest.approx(attenuation_db(ELEMENT, azimuth_deg + 360, zenith_deg), abs=1e-6)
    assert 0 <= once <= 30
