"""Rain: a link that is to stand it reaches less far, the more so the higher the band."""

import math

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.roof.coverage.cell import cell_km
from maillage.services.roof.radio.budgets import budget, in_rain


def test_the_harder_it_rains_the_smaller_is_a_cell_at_millimetre_waves() -> None:
    cells = [cell_km(in_rain(budget("n258"), rate), "UMi", 10) for rate in (0, 25, 50, 100)]
    assert cells == sorted(cells, reverse=True)
    assert cells[0] == cell_km(budget("n258"), "UMi", 10)
    assert 0.8 * cells[0] < cells[2] < cells[0]


def test_rain_hardly_matters_at_mid_band() -> None:
    assert cell_km(in_rain(budget("n78"), 50), "UMi", 10) == pytest.approx(cell_km(budget("n78"), "UMi", 10), rel=0.01)


@pytest.mark.parametrize("rate", [-1, 501, math.nan, math.inf])
def test_what_is_no_rain_is_refused(rate: float) -> None:
    with pytest.raises(Invalid, match="rain goes from 0 to 500"):
        in_rain(budget("n258"), rate)
