"""What rain takes from a radio path: ITU-R P.838 for a kilometre, P.530 for a whole link. They need ``maillage[rain]``.

A cell of a few hundred metres loses about a dB in heavy rain at 26 GHz; it is links between roofs that rain decides.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.services.roof.radio.errors import RainLibraryMissing

Polarisation = Literal["horizontal", "vertical", "circular"]
FC_MIN_GHZ, FC_MAX_GHZ = 1.0, 1_000.0
"""Where P.838-3 has coefficients."""
RAIN_MAX_MM_H = 500.0
"""Ours, against slips of the pen."""
LINK_MAX_KM = 60.0
"""Up to which P.530 holds."""
EXCEEDED_MIN_PERCENT, EXCEEDED_MAX_PERCENT = 0.001, 1.0
_TILT_DEG: dict[Polarisation, float] = {"horizontal": 0.0, "circular": 45.0, "vertical": 90.0}


def rain_db_per_km(fc_ghz: float, rain_mm_h: ArrayLike, polarisation: Polarisation = "horizontal") -> FloatArray:
    """Specific attenuation of a level path where it rains at ``rain_mm_h`` everywhere (P.838-3).

    Invalid outside 1 to 1,000 GHz or 0 to 500 mm/h; RainLibraryMissing without the library.
    """
    tilt_deg = _checked(fc_ghz, rain_mm_h, polarisation)
    rates = np.asarray(rain_mm_h, dtype=float)
    return np.asarray(_itur("itu838").rain_specific_attenuation(rates, fc_ghz, 0, tilt_deg).value, dtype=float)


def link_rain_db(
    length_km: float,
    fc_ghz: float,
    rain_001_mm_h: float,
    polarisation: Polarisation = "horizontal",
    *,
    exceeded_percent: float = 0.01,
) -> float:
    """Attenuation of a level link that rain exceeds in ``exceeded_percent`` of an average year (P.530-17, 2.4.1).

    ``rain_001_mm_h`` is the rate of the place that is exceeded 0.01 % of the time, over one minute (P.837 has maps).
    The effective path differs from the length since rain does not fall alike everywhere: it is up to 2.5 times as long
    on short links. Invalid outside 60 km, 0.001 to 1 %, and the bounds of ``rain_db_per_km``.
    """
    tilt_deg = _checked(fc_ghz, rain_001_mm_h, polarisation)
    if not 0 < length_km <= LINK_MAX_KM:
        raise Invalid("length_km", f"{length_km:g} km is no link that P.530 knows; they go up to {LINK_MAX_KM:g} km")
    if not EXCEEDED_MIN_PERCENT <= exceeded_percent <= EXCEEDED_MAX_PERCENT:
        raise Invalid("exceeded_percent", f"{exceeded_percent:g} is outside 0.001 to 1 % of the time")
    if rain_001_mm_h == 0:
        return 0.0
    # With the rate given, the place is not looked at. Below 10 GHz the library takes a root that it has no use for.
    with np.errstate(invalid="ignore"):
        found = _itur("itu530").rain_attenuation(
            0, 0, length_km, fc_ghz, 0, exceeded_percent, tau=tilt_deg, R001=rain_001_mm_h
        )
    return float(found.value)


def _checked(fc_ghz: float, rain_mm_h: ArrayLike, polarisation: str) -> float:
    """The polarisation's tilt in degrees, once everything is within bounds."""
    if not FC_MIN_GHZ <= fc_ghz <= FC_MAX_GHZ:
        raise Invalid("fc_ghz", f"{fc_ghz:g} GHz is outside the 1 to 1,000 GHz of ITU-R P.838")
    rates = np.asarray(rain_mm_h, dtype=float)
    if rates.size and not (rates.min() >= 0 and rates.max() <= RAIN_MAX_MM_H):  # true for NaN as well
        raise Invalid("rain_mm_h", f"rain goes from 0 to {RAIN_MAX_MM_H:g} mm/h")
    if polarisation not in _TILT_DEG:
        raise Invalid("polarisation", f"{polarisation[:40]!r} is none of {', '.join(_TILT_DEG)}")
    return _TILT_DEG[polarisation]


def _itur(module: str) -> Any:
    try:
        import importlib

        return importlib.import_module(f"itur.models.{module}")
    except ImportError:
        raise RainLibraryMissing("rain needs the library itur: install 'maillage[rain]'") from None
