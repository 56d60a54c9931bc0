"""What coverage is asked for, and what a roof looks like to it."""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from maillage.kernel.errors import Invalid
from maillage.kernel.sites import Site
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.coverage.cell import cell_km
from maillage.services.roof.coverage.grid import REACH_KM, RESOLUTION_M
from maillage.services.roof.coverage.signal_chance import checked_signal
from maillage.services.roof.coverage.station import Station, checked_station
from maillage.services.roof.radio.budgets import LinkBudget, known_budgets
from maillage.services.roof.radio.scenarios import Scenario
from maillage.services.roof.radio.validity import Place

UMA_FROM_M = 25.0
"""Height of the antenna from which UMa is defined (TR 38.901, Table 7.4.1-1); below it a roof is a street canyon's."""
CELLS_A_RADIUS = 20
"""Own choice: raster cells from a station to the end of its cell; the disc's area is then right to 1 %."""


class BandWanted(msgspec.Struct, frozen=True):
    """What coverage is asked for: a link budget by its name, where those stand who are to be reached, the chance of a
    signal there, and the scenario of TR 38.901, by the antenna's height where that is None."""

    band: str
    place: Place = "outdoor"
    probability: float = 0.9
    scenario: Scenario | None = None


class Look(NamedTuple):
    """All that figures depend on but the population."""

    lat: float
    lon: float
    height_m: float
    azimuths_deg: tuple[float, ...]
    band: str
    scenario: Scenario
    place: Place
    probability: float

    @property
    def station(self) -> Station:
        return Station(id="roof", lat=self.lat, lon=self.lon, height_m=self.height_m, azimuths_deg=self.azimuths_deg)

    @property
    def budget(self) -> LinkBudget:
        return known_budgets()[self.band]

    @property
    def cell_km(self) -> float:
        """How far it reaches where an antenna points."""
        return _cell_km(self.band, self.scenario, self.height_m, self.place, self.probability)

    @property
    def reach_km(self) -> float:
        """How far away people are looked for: a roof's figures are the same whichever others are asked for with it."""
        return min(max(self.cell_km, REACH_KM[0]), REACH_KM[1])

    @property
    def resolution_m(self) -> float:
        """How fine the raster is in which they are looked for."""
        return min(max(self.reach_km * 1_000 / CELLS_A_RADIUS, RESOLUTION_M[0]), RESOLUTION_M[1])


def band_of(wanted: BandWanted) -> LinkBudget:
    """The known budget of a band; Invalid, naming those there are. Files are for the command line: what comes over a
    network names none here."""
    known = known_budgets()
    if wanted.band not in known:
        raise Invalid("band", f"there is no {wanted.band[:40]!r}; there are {', '.join(known)}")
    return known[wanted.band]


def scenario_of(height_m: float, wanted: Scenario | None) -> Scenario:
    """The one asked for, or by the height of the antenna: UMa from 25 m on, UMi below."""
    if wanted is not None:
        return wanted
    return "UMa" if height_m >= UMA_FROM_M else "UMi"


def cell_km_of(roof: Roof, site: Site, wanted: BandWanted) -> float | None:
    """How far a band reaches from a roof; None where no model is for it."""
    look = look_or_none(roof, site, wanted)
    return None if look is None else look.cell_km


def look_or_none(roof: Roof, site: Site, wanted: BandWanted) -> Look | None:
    """``look_of``, and None where that is refused."""
    try:
        return look_of(roof, site, wanted)
    except Invalid:
        return None


def look_of(roof: Roof, site: Site, wanted: BandWanted) -> Look:
    """Antennas that look all around, unless every mount looks one way: then one sector each. Invalid for a band that
    there is none of, and where no model is for a roof."""
    azimuths = {mount.azimuth_deg for mount in roof.mounts}
    sectors = () if None in azimuths else tuple(sorted(each for each in azimuths if each is not None))
    height_m = roof.radiation_centre_m
    scenario = scenario_of(height_m, wanted.scenario)
    look = Look(site.lat, site.lon, height_m, sectors, wanted.band, scenario, wanted.place, wanted.probability)
    checked_station(look.station)
    checked_signal(band_of(wanted), scenario, height_m)
    return look


@lru_cache(maxsize=10_000)
def _cell_km(band: str, scenario: Scenario, height_m: float, place: Place, probability: float) -> float:
    return cell_km(known_budgets()[band], scenario, height_m, place=place, probability=probability)
