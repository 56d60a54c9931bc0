"""Who is served by whom."""

import numpy as np
import pytest

from maillage.kernel.population import Population
from maillage.services.roof.catalogue import demand as demand_module
from maillage.services.roof.catalogue.demand import by_cells
from maillage.services.roof.coverage.people import People

PEOPLE = People(
    Population(np.array([0.0, 0.02, 0.0]), np.array([179.99, -179.99, 10.0]), np.array([900.0, 500.0, 70.0]), 0, 0)
)
LAT, LON = np.array([0.0, 0.01, 0.0, 0.0]), np.array([179.999, -179.999, 10.0, -90.0])
RADIUS_KM = np.array([1.0, 0.7, 0.4, 1.0])


def test_squares_are_the_same_however_many_roofs_are_seen_to_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    together = by_cells(PEOPLE, LAT, LON, RADIUS_KM)
    monkeypatch.setattr(demand_module, "ROOFS_A_TURN", 3)
    in_turns = by_cells(PEOPLE, LAT, LON, RADIUS_KM)
    for one, other in zip(together, in_turns, strict=True):
        assert one.tolist() == other.tolist()


def test_each_roof_serves_each_square_of_its_cell_once() -> None:
    found = by_cells(PEOPLE, LAT, LON, RADIUS_KM)
    for number, radius_km in enumerate(RADIUS_KM.tolist()):
        row = slice(found.starts[number], found.starts[number + 1])
        served, km = found.served[row], found.km[row]
        assert len(set(served.tolist())) == len(served)
        assert km.max() <= radius_km
        area_km2 = len(served) * (RADIUS_KM.max() / demand_module.CELLS_A_RADIUS) ** 2
        assert area_km2 == pytest.approx(np.pi * radius_km**2, rel=0.1)
