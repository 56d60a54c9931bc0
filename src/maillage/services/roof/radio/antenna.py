"""How much less an antenna sends where it does not point: the element of TR 38.901, Table 7.3-1, and omni.

The table's element has beams of 65 degrees both ways, at most 30 dB less behind it (A_max) and above or below it
(SLA_V). Beams, depth and tilt are free here; gain is no part of it (a budget's EIRP and receiver gain hold the peak).
"""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike

from maillage.kernel.geo import FloatArray

Beam = Annotated[float, Meta(gt=0, le=360)]


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An antenna's shape. Widths are between the half-power (-3 dB) directions; None is omni that way.

    ``tilt_deg`` is how far below the horizon it points, negative for above.
    """

    azimuth_width_deg: Beam | None = None
    zenith_width_deg: Beam | None = None
    side_lobe_db: Annotated[float, Meta(ge=0, le=100)] = 30.0
    attenuation_max_db: Annotated[float, Meta(ge=0, le=100)] = 30.0
    tilt_deg: Annotated[float, Meta(ge=-90, le=90)] = 0.0


OMNI = Pattern()
ELEMENT = Pattern(azimuth_width_deg=65.0, zenith_width_deg=65.0)
"""Table 7.3-1."""


def attenuation_db(pattern: Pattern, azimuth_off_deg: ArrayLike, zenith_off_deg: ArrayLike) -> FloatArray:
    """dB below the peak towards a direction, 0 to ``attenuation_max_db``; arrays that broadcast together.

    ``azimuth_off_deg`` counts from where the antenna points, any turn of it. ``zenith_off_deg`` is how far below the
    horizon the direction lies, negative for above; the tilt is taken from it here.
    """
    azimuth = (np.asarray(azimuth_off_deg, dtype=float) + 180) % 360 - 180
    zenith = np.asarray(zenith_off_deg, dtype=float) - pattern.tilt_deg
    across = _parabola(azimuth, pattern.azimuth_width_deg, pattern.attenuation_max_db)
    upright = _parabola(zenith, pattern.zenith_width_deg, pattern.side_lobe_db)
    return np.minimum(across + upright, pattern.attenuation_max_db)


def _parabola(off_deg: FloatArray, width_deg: float | None, most_db: float) -> FloatArray:
    if width_deg is None:
        return np.zeros(off_deg.shape)
    found: FloatArray = np.minimum(12 * (off_deg / width_deg) ** 2, most_db)
    return found
