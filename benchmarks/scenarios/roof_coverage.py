"""Coverage of a chain's roofs: people and land of each at 100 m within 2 km, and all of them together."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.world import clustered_sites
from maillage.kernel.population import Population, read_population
from maillage.services.roof.coverage.people import People
from maillage.services.roof.coverage.roof_figures import figures_of
from maillage.services.roof.coverage.station import Station
from maillage.services.roof.coverage.station_files import read_stations
from maillage.services.roof.coverage.together import field_of
from maillage.services.roof.coverage.together_figures import figures_together
from maillage.services.roof.radio.budgets import budget

SITES = os.environ.get("MAILLAGE_BENCH_SITES")
POPULATION = os.environ.get("MAILLAGE_BENCH_POPULATION")
"""Files of a real chain and of the people around it; without them a chain of the same size is made up."""
ROOFS, TRACTS = 4_654, 84_414
HEIGHT_M, RESOLUTION_M, REACH_KM = 10.0, 100.0, 2.0
SECONDS_GOAL = 60.0


def run(setting: Setting) -> Outcome:
    """Each round prepares the people afresh and takes all roofs."""
    stations, population, which = _chain(setting.quick)
    band = budget("n78")
    people = People(population)
    _ = people.per_km2

    def prepared() -> float:
        began = time.perf_counter()
        _ = People(population).per_km2
        return time.perf_counter() - began

    def each() -> float:
        began = time.perf_counter()
        figures_of(people, stations, band, "UMi", resolution_m=RESOLUTION_M, reach_km=REACH_KM)
        return time.perf_counter() - began

    def together() -> float:
        began = time.perf_counter()
        field = field_of(people, stations, band, "UMi", resolution_m=RESOLUTION_M, reach_km=REACH_KM)
        figures_together(field, 0.9, 0.5)
        return time.perf_counter() - began

    sides: dict[str, Callable[[], float]] = {"prepared": prepared, "each": each, "together": together}
    rounds = alternate(setting, sides)
    columns = {name: [one.values[name] for one in rounds] for name in sides}
    covered = figures_of(people, stations, band, "UMi")
    lines = [
        Line("people spread over land", "s", columns["prepared"]),
        Line("each roof by itself", "s", columns["each"], goal=SECONDS_GOAL, at_most=True),
        Line("best server and SINR", "s", columns["together"], goal=SECONDS_GOAL, at_most=True),
    ]
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    notes = [
        f"{len(stations):,} roofs {which}, {len(people.people):,} places, n78 from {HEIGHT_M:g} m, UMi, cells of"
        f" {RESOLUTION_M:g} m within {REACH_KM:g} km; {mib:,.0f} MiB at most",
        f"a roof covers {np.median([one.outdoor.people for one in covered]):,.0f} people outdoors in the middle",
    ]
    return Outcome("roof-coverage", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _chain(quick: bool) -> tuple[list[Station], Population, str]:
    if SITES is not None and POPULATION is not None:
        stations = read_stations(Path(SITES), HEIGHT_M)
        return stations[:100] if quick else stations, read_population(Path(POPULATION)), f"of {Path(SITES).name}"
    roofs, tracts = (100, 2_000) if quick else (ROOFS, TRACTS)
    places = clustered_sites(roofs + tracts)
    stations = [Station(id=each.id, lat=each.lat, lon=each.lon, height_m=HEIGHT_M) for each in places[:roofs]]
    homes = places[roofs:]
    lat, lon = np.array([each.lat for each in homes]), np.array([each.lon for each in homes])
    lived = np.random.default_rng(4).integers(0, 8_000, tracts).astype(np.float64)
    return stations, Population(lat, lon, lived, 0, 0), "of a chain made up"
