"""Where antennas stand and look: a station on a roof."""

import math

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.sites import check_position

LAT_MAX_DEG = 85.0
"""Beyond this a raster in degrees has no useful cells; nobody shops there."""
TILT_MAX_DEG = 90.0


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """Antennas at one place. ``height_m`` is the radiation centre above the ground (AGL): roof and mast together.

    ``azimuths_deg`` are the directions of its sectors, clockwise from north; with none it is one antenna that is as
    strong all round. ``tilt_deg`` is how far sectors look below the horizon, None for the tilt of the budget's antenna.
    Every sector has the whole of the budget's power.
    """

    id: str
    lat: float
    lon: float
    height_m: float
    azimuths_deg: tuple[float, ...] = ()
    tilt_deg: float | None = None


def checked_station(station: Station) -> Station:
    """The station itself, or Invalid naming the field that is wrong (NaN and infinities included)."""
    check_position(station.lat, station.lon)
    if abs(station.lat) > LAT_MAX_DEG:
        raise Invalid("lat", f"{station.lat} is too near a pole; coverage goes to {LAT_MAX_DEG:g} degrees")
    if not (math.isfinite(station.height_m) and station.height_m > 0):
        raise Invalid("height", f"{station.height_m:g} m is not above the ground")
    for azimuth_deg in station.azimuths_deg:
        if not 0 <= azimuth_deg <= 360:
            raise Invalid("azimuth", f"{azimuth_deg:g} is not from 0 to 360 degrees clockwise from north")
    if station.tilt_deg is None:
        return station
    if not -TILT_MAX_DEG <= station.tilt_deg <= TILT_MAX_DEG:
        raise Invalid("tilt", f"{station.tilt_deg:g} is not from -{TILT_MAX_DEG:g} to {TILT_MAX_DEG:g} degrees")
    if not station.azimuths_deg:
        raise Invalid("tilt", "only sectors are tilted; give an azimuth for each")
    return station
