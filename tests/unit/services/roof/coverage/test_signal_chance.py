"""The chance of a signal, and the radius of a cell: against the models, by planning tables, and by what must hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.cell import cell_km, cell_km_max, is_capped
from maillage.services.roof.coverage.signal_chance import PLACES, Signal, off_axis_db
from maillage.services.roof.coverage.station import Station, checked_station
from maillage.services.roof.radio.budgets import (
    Direction,
    LinkBudget,
    budget,
    max_path_loss_db,
    planned_path_loss_db,
)
from maillage.services.roof.radio.indoor import wall_loss_db
from maillage.services.roof.radio.path_loss import los_probability, path_loss_db, shadow_sigma_db
from maillage.services.roof.radio.scenarios import Scenario

METRES = np.arange(10.0, 5_001.0)


def planned_m(band: str, way: Direction, scenario: Scenario, h_bs_m: float) -> list[float]:
    """The planner's radius outdoors and behind each wall: where the median loss out of sight, with the wall's,
    is what the budget allows with its shadow margin."""
    used = budget(band)
    loss = path_loss_db(scenario, "NLOS", METRES, used.fc_ghz, h_bs_m, used.ue_height_m)
    walls = 0.0, float(wall_loss_db("low", used.fc_ghz)), float(wall_loss_db("high", used.fc_ghz))
    return [float(np.interp(planned_path_loss_db(used, way) - wall, loss, METRES)) for wall in walls]


@pytest.mark.parametrize(
    ("band", "way", "scenario", "h_bs_m", "radii"),
    [
        ("n78", "down", "UMi", 10, (1_207, 527, 209)),
        ("n78", "up", "UMi", 10, (1_016, 444, 176)),
        ("n78", "down", "RMa", 10, (907, 439, 196)),
        ("n78", "down", "UMa", 25, (1_068, 505, 218)),
        ("n258", "down", "UMi", 10, (637, 204, 55)),
        ("n260", "down", "UMi", 10, (499, 135, 33)),
    ],
)
def test_a_planners_radii_come_out_of_the_same_functions(
    band: str, way: Direction, scenario: Scenario, h_bs_m: float, radii: tuple[float, ...]
) -> None:
    assert planned_m(band, way, scenario, h_bs_m) == pytest.approx(radii, abs=1.0)


def by_hand(band: LinkBudget, scenario: Scenario, d_m: float) -> float:
    """Outdoors, with the standard library's error function and one distance at a time."""
    allowed = min(max_path_loss_db(band, "down"), max_path_loss_db(band, "up"))
    chance = 0.0
    in_sight = float(los_probability(scenario, d_m, 1.5))
    for condition, share in (("LOS", in_sight), ("NLOS", 1 - in_sight)):
        loss = float(path_loss_db(scenario, condition, d_m, band.fc_ghz, 10, 1.5))
        sigma = float(shadow_sigma_db(scenario, condition, d_m, band.fc_ghz, 10, 1.5))
        chance += share * 0.5 * math.erfc((loss - allowed) / sigma / math.sqrt(2))
    return chance


@pytest.mark.parametrize("scenario", ["UMi", "RMa"])
@pytest.mark.parametrize("d_m", [10.0, 18.0, 300.0, 912.0, 2_500.0, 5_000.0])
def test_the_chance_outdoors_is_the_formulas(scenario: Scenario, d_m: float) -> None:
    signal = Signal(budget("n78"), scenario, 10)
    assert signal.probability("outdoor", np.array([d_m]))[0] == pytest.approx(by_hand(budget("n78"), scenario, d_m))


def test_by_chance_a_drawn_signal_is_as_often_enough_indoors() -> None:
    rng, d_m, draws = np.random.default_rng(5), 400.0, 400_000
    band = budget("n78")
    allowed = min(max_path_loss_db(band, "down"), max_path_loss_db(band, "up"))
    sees = rng.random(draws) < float(los_probability("UMi", d_m, 1.5))
    medians = [float(path_loss_db("UMi", each, d_m, 3.5, 10, 1.5)) for each in ("LOS", "NLOS")]
    inside = 0.5 * rng.uniform(0, 25, (2, draws)).min(axis=0)  # 0.5 dB for each metre
    loss = np.where(sees, *medians) + float(wall_loss_db("low", 3.5)) + inside
    loss += rng.normal(0, 7, draws) + rng.normal(0, 4.4, draws)
    told = Signal(band, "UMi", 10).probability("indoor_low", np.array([d_m]))[0]
    assert (loss <= allowed).mean() == pytest.approx(told, abs=0.005)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["UMi", "RMa"]), st.floats(10, 25), st.floats(0, 30), st.sampled_from(PLACES))
def test_more_power_never_covers_less_nor_does_distance_or_a_wall_help(
    scenario: Scenario, h_bs_m: float, more_db: float, place: str
) -> None:
    base = budget("n78")
    louder = replace(
        base,
        down=replace(base.down, eirp_dbm=base.down.eirp_dbm + more_db),
        up=replace(base.up, eirp_dbm=base.up.eirp_dbm + more_db),
    )
    chances = {at: Signal(base, scenario, h_bs_m).probability(at, METRES) for at in PLACES}
    assert (np.diff(chances[place]) <= 1e-9).all()
    assert (Signal(louder, scenario, h_bs_m).probability(place, METRES) >= chances[place] - 1e-12).all()
    assert (chances[place] >= 0).all()
    assert (chances[place] <= 1).all()
    cells = [cell_km(base, scenario, h_bs_m, place=at) for at in PLACES]
    assert cells == sorted(cells, reverse=True)
    assert cell_km(louder, scenario, h_bs_m, place=place) >= cell_km(base, scenario, h_bs_m, place=place)


def test_a_cell_ends_where_the_chance_falls_below_the_probability() -> None:
    band = budget("n78")
    for probability in (0.5, 0.9, 0.95):
        km = cell_km(band, "UMi", 10, probability=probability)
        ends = Signal(band, "UMi", 10).probability("outdoor", np.array([km * 1_000, km * 1_000 + 1]))
        assert ends[0] >= probability > ends[1]
    assert cell_km(band, "UMi", 10, probability=0.5) > cell_km(band, "UMi", 10) > 0


def test_a_cell_is_capped_where_the_model_ends_and_says_so() -> None:
    base = budget("n78")
    loud = replace(base, down=replace(base.down, eirp_dbm=100), up=replace(base.up, eirp_dbm=100))
    km = cell_km(loud, "UMi", 10, probability=0.5)
    assert km == cell_km_max("UMi") == 5
    assert is_capped(km, "UMi")
    assert not is_capped(cell_km(base, "UMi", 10), "UMi")


def test_a_signal_that_is_nowhere_enough_has_no_cell() -> None:
    base = budget("n78")
    faint = replace(base, up=replace(base.up, eirp_dbm=-30, receiver_gain_dbi=-30))
    assert cell_km(faint, "UMi", 10, place="indoor_high") == 0


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, 2.0, math.nan, math.inf])
def test_a_probability_lies_between_zero_and_one(probability: float) -> None:
    with pytest.raises(Invalid, match="probability"):
        cell_km(budget("n78"), "UMi", 10, probability=probability)


def test_what_a_model_does_not_hold_for_is_refused() -> None:
    with pytest.raises(Invalid, match="h_bs_m"):
        cell_km(budget("n78"), "UMa", 10)
    with pytest.raises(Invalid, match="fc_ghz"):
        cell_km(budget("n260"), "RMa", 10)


def sector(*azimuths_deg: float, tilt_deg: float | None = None) -> Station:
    return Station(id="a", lat=0, lon=0, height_m=10, azimuths_deg=azimuths_deg, tilt_deg=tilt_deg)


def test_a_sector_sends_most_to_where_it_looks_and_alike_on_both_sides() -> None:
    far = np.full(5, 3_000.0)
    off = off_axis_db(sector(30), budget("n78"), far, np.array([30.0, 62.5, 357.5, 210.0, 390.0]))
    assert off[0] == pytest.approx(0, abs=0.01)
    assert off[1] == pytest.approx(3.0, abs=0.01)  # half the beam of 65 degrees
    assert off[2] == pytest.approx(off[1])
    assert off[3] == pytest.approx(30)
    assert off[4] == pytest.approx(off[0])


def test_of_several_sectors_the_best_one_counts_and_none_is_omni() -> None:
    far, bearings = np.full(36, 2_000.0), np.arange(0.0, 360.0, 10.0)
    three = off_axis_db(sector(0, 120, 240), budget("n78"), far, bearings)
    alone = [off_axis_db(sector(azimuth), budget("n78"), far, bearings) for azimuth in (0, 120, 240)]
    assert (three == np.minimum.reduce(alone)).all()
    assert three.max() <= 12 * (60 / 65) ** 2 + 0.1
    assert (off_axis_db(sector(), budget("n78"), far, bearings) == 0).all()


def test_tilt_takes_from_afar_and_gives_below() -> None:
    near_and_far = np.array([30.0, 4_000.0])
    level = off_axis_db(sector(0, tilt_deg=0), budget("n78"), near_and_far, np.zeros(2))
    tilted = off_axis_db(sector(0, tilt_deg=15), budget("n78"), near_and_far, np.zeros(2))
    assert tilted[0] < level[0]
    assert tilted[1] > level[1]


@pytest.mark.parametrize(
    ("station", "field"),
    [
        (Station(id="a", lat=0, lon=0, height_m=-1), "height"),
        (Station(id="a", lat=0, lon=0, height_m=math.nan), "height"),
        (Station(id="a", lat=89, lon=0, height_m=10), "lat"),
        (Station(id="a", lat=0, lon=181, height_m=10), "lon"),
        (sector(-5), "azimuth"),
        (sector(math.nan), "azimuth"),
        (sector(0, tilt_deg=100), "tilt"),
        (Station(id="a", lat=0, lon=0, height_m=10, tilt_deg=3), "tilt"),
    ],
)
def test_a_station_that_can_not_be_is_refused(station: Station, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_station(station)
    assert refused.value.extra["field"] == field
