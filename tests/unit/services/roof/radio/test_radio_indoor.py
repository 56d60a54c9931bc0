"""What buildings take."""

import math
from typing import Any

import numpy as np
import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.radio.indoor import (
    draw_depths_m,
    inside_loss_mean_db,
    inside_loss_sigma_db,
    wall_loss_db,
    wall_sigma_db,
)
from maillage.services.roof.radio.scenarios import Scenario


def test_walls_take_what_the_table_of_materials_says() -> None:
    fc_ghz = [0.7, 3.5, 26, 39]
    assert wall_loss_db("low", fc_ghz) == pytest.approx([10.24, 12.70, 17.43, 20.03], abs=0.005)
    assert wall_loss_db("high", fc_ghz) == pytest.approx([17.75, 26.85, 37.35, 41.25], abs=0.005)
    assert (wall_sigma_db("low"), wall_sigma_db("high")) == (4.4, 6.5)


@pytest.mark.parametrize(("scenario", "mean_db"), [("UMa", 25 / 6), ("UMi", 25 / 6), ("RMa", 10 / 6)])
def test_depths_drawn_have_the_mean_and_the_spread_that_are_stated(scenario: Scenario, mean_db: float) -> None:
    assert inside_loss_mean_db(scenario) == pytest.approx(mean_db)
    losses = 0.5 * draw_depths_m(scenario, 200_000, np.random.default_rng(38901))
    assert losses.mean() == pytest.approx(mean_db, rel=0.01)
    assert losses.std() == pytest.approx(inside_loss_sigma_db(scenario), rel=0.01)
    assert 0 <= losses.min() < losses.max() <= 3 * mean_db


@pytest.mark.parametrize("fc_ghz", [0.4, 101, math.nan, math.inf])
def test_walls_are_not_known_at_every_frequency(fc_ghz: float) -> None:
    with pytest.raises(Invalid, match="fc_ghz: "):
        wall_loss_db("low", [3.5, fc_ghz])


def test_a_building_is_low_or_high() -> None:
    other: Any = "indoor_low"
    for ask in (lambda: wall_loss_db(other, 3.5), lambda: wall_sigma_db(other)):
        with pytest.raises(Invalid, match="building: 'indoor_low' is neither low nor high"):
            ask()
