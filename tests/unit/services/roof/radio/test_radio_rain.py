"""Rain, by ITU-R P.838 and P.530."""

import math
import sys
import warnings
from typing import Any

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.radio.errors import RainLibraryMissing
from maillage.services.roof.radio.rain import link_rain_db, rain_db_per_km


@pytest.mark.parametrize(("fc_ghz", "light", "heavy"), [(3.5, 0.011, 0.030), (26, 4.15, 8.24), (39, 7.03, 12.89)])
def test_a_kilometre_of_rain_takes_what_p838_says(fc_ghz: float, light: float, heavy: float) -> None:
    pytest.importorskip("itur")
    found = rain_db_per_km(fc_ghz, [25, 50])
    assert found == pytest.approx([light, heavy], abs=0.006)
    assert rain_db_per_km(fc_ghz, 25) == pytest.approx(found[0])


def test_drops_are_flat_so_horizontal_waves_lose_more() -> None:
    pytest.importorskip("itur")
    flat, round_, upright = (float(rain_db_per_km(26, 25, each)) for each in ("horizontal", "circular", "vertical"))
    assert flat > round_ > upright > 0


def test_a_link_loses_its_effective_length_in_rain() -> None:
    pytest.importorskip("itur")
    length_km, fc_ghz, rain_mm_h = 5.0, 26.0, 25.0
    a_km = float(rain_db_per_km(fc_ghz, rain_mm_h))
    alpha = math.log(float(rain_db_per_km(fc_ghz, 50)) / a_km, 2)
    # Equation 32 of P.530-17, by hand
    factor = 1 / (
        0.477 * length_km**0.633 * rain_mm_h ** (0.073 * alpha) * fc_ghz**0.123
        - 10.579 * (1 - math.exp(-0.024 * length_km))
    )
    assert factor < 2.5
    # At 0.01 % the power law in time that follows is 1, within its rounding.
    assert link_rain_db(length_km, fc_ghz, rain_mm_h) == pytest.approx(a_km * length_km * factor, rel=0.01)
    assert link_rain_db(0.3, fc_ghz, rain_mm_h) == pytest.approx(a_km * 0.3 * 2.5, rel=0.01)


def test_a_link_below_10_ghz_is_reckoned_without_a_warning() -> None:
    pytest.importorskip("itur")
    assert link_rain_db(0.3, 12.0, 25.0) > 0  # the library is loaded
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < link_rain_db(0.3, 3.5, 25.0) < 0.01


def test_rarer_rain_takes_more_and_no_rain_takes_nothing() -> None:
    pytest.importorskip("itur")
    by_share = [link_rain_db(2, 26, 40, exceeded_percent=share) for share in (1, 0.1, 0.01, 0.001)]
    assert by_share == sorted(by_share)
    assert link_rain_db(2, 26, 0) == 0
    assert rain_db_per_km(26, 0) == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"length_km": 0}, "length_km: 0 km is no link"),
        ({"length_km": 61}, "they go up to 60 km"),
        ({"length_km": math.nan}, "length_km: nan km"),
        ({"fc_ghz": 0.9}, "fc_ghz: 0.9 GHz is outside the 1 to 1,000 GHz of ITU-R P.838"),
        ({"fc_ghz": math.inf}, "fc_ghz: inf GHz"),
        ({"rain_001_mm_h": -1}, "rain_mm_h: rain goes from 0 to 500 mm/h"),
        ({"rain_001_mm_h": math.nan}, "rain_mm_h: rain goes"),
        ({"polarisation": "slant"}, "polarisation: 'slant' is none of horizontal, circular, vertical"),
        ({"exceeded_percent": 5}, "exceeded_percent: 5 is outside"),
    ],
)
def test_what_the_recommendations_do_not_cover_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        link_rain_db(**{"length_km": 1, "fc_ghz": 26, "rain_001_mm_h": 25} | asked)


def test_without_the_library_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itur", None)
    monkeypatch.setitem(sys.modules, "itur.models", None)
    monkeypatch.setitem(sys.modules, "itur.models.itu838", None)
    with pytest.raises(RainLibraryMissing, match=r"install 'maillage\[rain\]'"):
        rain_db_per_km(26, 25)
