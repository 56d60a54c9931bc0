"""Several roofs at once: nobody counts twice, and each roof disturbs the others."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.grid import grid_of
from maillage.services.roof.coverage.lattice import lattice_of
from maillage.services.roof.coverage.maps import map_of
from maillage.services.roof.coverage.roof_figures import figures_of
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.coverage.together import Field, field_of
from maillage.services.roof.coverage.together_figures import figures_together
from maillage.services.roof.radio.budgets import budget, noise_dbm
from tests.unit.services.roof.coverage.coverage_world import PER_KM2, country, roof

BAND = budget("n78")
PEOPLE = country()


def field(*stations: Station, resolution_m: float = 50, reach_km: float = 2) -> Field:
    return field_of(PEOPLE, stations, BAND, "UMi", resolution_m=resolution_m, reach_km=reach_km)


def test_one_roof_has_the_figures_that_it_has_by_itself() -> None:
    station = roof(0.3, -0.2)
    together = figures_together(field(station, resolution_m=20), 0.9, 0.5)
    (alone,) = figures_of(PEOPLE, [station], BAND, "UMi", resolution_m=50)
    for place in ("outdoor", "indoor_low"):
        ours, theirs = getattr(together, place), getattr(alone, place)
        assert ours.km2 == pytest.approx(theirs.km2, rel=0.03)
        assert ours.people == pytest.approx(theirs.people, rel=0.03)
        assert ours.people_expected == pytest.approx(theirs.people_expected, rel=0.005)


def test_the_sinr_of_one_roof_is_its_snr_whatever_the_load() -> None:
    alone = field(roof())
    snr_db = alone.power_dbm - noise_dbm(BAND, "down")
    for load in (0.0, 0.5, 1.0):
        assert alone.sinr_db("outdoor", load) == pytest.approx(snr_db)
    wall_db = alone.indoors_db["indoor_high"]
    assert alone.sinr_db("indoor_high", 1.0) == pytest.approx(snr_db - wall_db)


def test_two_far_roofs_add_up_and_two_near_ones_cover_less_than_their_sum() -> None:
    def covered(*stations: Station) -> float:
        return figures_together(field(*stations), 0.9, 0.5).outdoor.people

    alone = covered(roof())
    assert covered(roof(), roof(8.0, name="far")) == pytest.approx(2 * alone, rel=0.03)
    assert alone < covered(roof(), roof(0.9, name="near")) < 1.9 * alone
    assert covered(roof(), roof(name="same place")) == pytest.approx(alone)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4)), min_size=1, max_size=6))
def test_the_union_is_at_least_the_best_and_at_most_the_sum(offsets: list[tuple[float, float]]) -> None:
    stations = [roof(east, north, name=f"r{number}") for number, (east, north) in enumerate(offsets)]
    union = figures_together(field(*stations, resolution_m=100), 0.9, 0.5)
    each = [figures_together(field(station, resolution_m=100), 0.9, 0.5) for station in stations]
    for place in ("outdoor", "indoor_low"):
        parts = [getattr(figures, place).people for figures in each]
        assert max(parts) * 0.9 - 50 <= getattr(union, place).people <= sum(parts) * 1.1 + 50 * len(parts)
    served = sum(part.people for part in union.served)
    assert served == pytest.approx(union.people_in_reach)
    assert union.outdoor.people <= union.people_in_reach


def test_between_two_alike_roofs_each_serves_its_half_and_the_middle_is_the_worst() -> None:
    both = field(roof(-1.0), roof(1.0, name="east"))
    figures = figures_together(both, 0.9, 1.0)
    assert figures.served[0].km2 == pytest.approx(figures.served[1].km2, rel=0.02)
    _, lon = both.lattice.centres(both.cells)
    assert (both.server[lon < -1e-3] == 0).all()
    assert (both.server[lon > 1e-3] == 1).all()
    lat, _ = both.lattice.centres(both.cells)
    middle = (abs(lat) < 0.0005) & (abs(lon) < 0.0005)
    signal_mw, noise_mw = 10 ** (both.power_dbm[middle] / 10), 10 ** (noise_dbm(BAND, "down") / 10)
    assert middle.sum() == 4
    for load in (0.1, 1.0):  # both are about as strong there
        expected_db = 10 * np.log10(signal_mw / (noise_mw + load * signal_mw))
        assert both.sinr_db("outdoor", load)[middle] == pytest.approx(expected_db, abs=1.0)


def test_busier_neighbours_never_help() -> None:
    both = field(roof(-0.5), roof(0.5, name="east"), roof(0, 0.7, name="north"))
    quiet, half, full = (figures_together(both, 0.9, load).outdoor for load in (0.0, 0.5, 1.0))
    for calm, busy in ((quiet, half), (half, full)):
        assert all(more >= less for more, less in zip(calm.sinr_db, busy.sinr_db, strict=True))
        assert all(more.share >= less.share for more, less in zip(calm.sinr_above, busy.sinr_above, strict=True))
    assert quiet.sinr_db[1] > full.sinr_db[1]
    assert quiet.people == full.people  # the chance of a signal has its interference in the budget's margin


def test_quantiles_and_shares_are_of_people() -> None:
    figures = figures_together(field(roof()), 0.9, 0.5).outdoor
    shares = {each.db: each.share for each in figures.sinr_above}
    assert shares[-3.0] >= shares[0.0] >= shares[5.0] >= shares[10.0] >= shares[20.0] > 0
    low, middle, high = figures.sinr_db
    assert low < middle < high
    alone = field(roof())
    above = alone.people[alone.sinr_db("outdoor", 0.5) >= middle].sum() / alone.people.sum()
    assert above == pytest.approx(0.5, abs=0.01)


def test_where_nobody_lives_there_is_land_and_no_sinr_of_people() -> None:
    at_sea = Station(id="sea", lat=0, lon=90, height_m=10)
    figures = figures_together(field(at_sea), 0.9, 0.5)
    assert figures.outdoor.km2 > 2
    assert figures.people_in_reach == 0
    assert figures.outdoor.sinr_db == figures.outdoor.sinr_above == ()


def test_a_field_has_true_areas_far_north_and_across_the_antimeridian() -> None:
    for lat, lon in ((69.0, 20.0), (-17.0, 180.0), (0.0, 0.0)):
        stations = [
            Station(id=name, lat=lat, lon=(lon + off + 180) % 360 - 180, height_m=10)
            for name, off in (("a", -0.003), ("b", 0.003))
        ]
        alone = field(stations[0]).km2.sum()
        assert alone == pytest.approx(np.pi * 4, rel=0.01)
        assert alone < field(*stations).km2.sum() < 1.6 * alone


def test_a_map_shows_each_cell_where_it_lies() -> None:
    both = field(roof(-1.0), roof(1.0, name="east"))
    for quantity, unit in (("probability", "share"), ("power", "dBm"), ("sinr", "dB"), ("server", "station")):
        raster = map_of(both, quantity, "outdoor", 0.5)
        assert raster.unit == unit
        assert np.isfinite(raster.values).sum() == len(both.cells)
    chance = map_of(both, "probability", "outdoor", 0.5)
    row = int((chance.north - 0.0) / chance.step_lat)
    column = int((-1.0 / 111.195 - chance.west) / chance.step_lon)
    assert chance.values[row, column] == pytest.approx(1.0, abs=1e-3)
    servers = map_of(both, "server", "outdoor", 0.5)
    assert servers.values[row, column] == 1
    assert np.nanmax(servers.values) == 2
    weaker = map_of(both, "power", "indoor_high", 0.5).values - map_of(both, "power", "outdoor", 0.5).values
    assert np.nanmax(weaker) == pytest.approx(-both.indoors_db["indoor_high"], abs=1e-4)


def test_the_people_of_the_field_are_those_of_its_land() -> None:
    everyone = field(roof(-2.0), roof(2.0, 1.0, name="b"))
    assert everyone.people.sum() == pytest.approx(everyone.km2.sum() * PER_KM2, rel=0.003)


def test_a_raster_that_would_be_too_large_is_refused() -> None:
    far = [roof(name="a"), Station(id="b", lat=60, lon=100, height_m=10)]
    apart = field(*far, resolution_m=100)
    with pytest.raises(Invalid, match="coarser"):
        map_of(apart, "power", "outdoor", 0.5)
    with pytest.raises(Invalid, match="are taken"):
        lattice_of([roof()] * 100, grid_of(5, 2))


@pytest.mark.parametrize("load", [-0.1, 1.1, math.nan])
def test_a_load_is_a_share(load: float) -> None:
    with pytest.raises(Invalid, match="load"):
        figures_together(field(roof(), resolution_m=200), 0.9, load)


def test_no_stations_have_no_field() -> None:
    with pytest.raises(Invalid, match="stations"):
        field()
