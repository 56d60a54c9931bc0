"""From candidates to a problem, and from what was chosen to a plan. All of it computes: in a thread."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray, unit_vectors
from maillage.kernel.quantities import MICRO, from_micro, to_micro
from maillage.services.roof.catalogue.demand import Demand, by_catchment, by_cells
from maillage.services.roof.catalogue.listing import Candidate
from maillage.services.roof.catalogue.look import BandWanted, cell_km_of
from maillage.services.roof.catalogue.plan_documents import PlanDocument, PlannedRoof, PlanWanted
from maillage.services.roof.coverage.people import People
from maillage.services.roof.siting.places import nearer_than_km
from maillage.services.roof.siting.problem import CoverProblem, MedianProblem, NearDistances, Problem
from maillage.services.roof.siting.solve import solve

MONTHS = 12


class Choosing(NamedTuple):
    """What a plan is chosen from. ``cell_km`` by candidate, empty where the plan is by catchment."""

    wanted: PlanWanted
    candidates: list[Candidate]
    cell_km: FloatArray
    demand: Demand
    passed_over: dict[str, int]


def made(
    wanted: PlanWanted,
    people: People,
    candidates: list[Candidate],
    passed_over: dict[str, int],
    currency: str,
    sites_without_roof: int,
) -> PlanDocument:
    """The plan. Invalid for what can't be planned, naming the field."""
    choosing = _choosing(wanted, people, candidates, passed_over)
    plan = solve(_problem(choosing), wanted.method, time_limit_s=wanted.time_limit_s)
    number_of = {each.site.id: number for number, each in enumerate(choosing.candidates)}
    chosen = [number_of[name] for name in plan.in_order]
    served = _served(choosing, chosen)
    reached, population = float(sum(served)), people.total
    return PlanDocument(
        problem=wanted.problem,
        method=wanted.method,
        by=wanted.by,
        roofs=[_planned(choosing, number, count) for number, count in zip(chosen, served, strict=True)],
        people=round(reached),
        population=round(population),
        share=reached / population,
        mean_km=plan.objective / population if wanted.problem == "p-median" else None,
        cost=_cost(choosing, chosen),
        currency=currency,
        objective=plan.objective,
        bound=plan.bound,
        gap=plan.gap,
        proved=plan.proved,
        seconds=plan.seconds,
        candidates=plan.candidates,
        passed_over=choosing.passed_over,
        sites_without_roof=sites_without_roof,
    )


def rent_per_year_micro(candidate: Candidate) -> int | None:
    """What the chain asks for a mount and year, in millionths; None where that is to be talked about."""
    rent = candidate.roof.asking_rent
    return None if rent is None else MONTHS * to_micro(rent, "asking_rent")


def _choosing(wanted: PlanWanted, people: People, candidates: list[Candidate], passed_over: dict[str, int]) -> Choosing:
    """Those that can be reckoned with: they have a price where there is a budget, and a cell where it goes by band."""
    left_out = Counter(passed_over)
    left: list[Candidate] = []
    cells: list[float] = []
    band = None
    if wanted.by.band is not None:
        band = BandWanted(wanted.by.band, wanted.by.place, wanted.by.probability, wanted.by.scenario)
    for each in candidates:
        cell_km = None if band is None else cell_km_of(each.roof, each.site, band)
        reason = ""
        if wanted.budget is not None and wanted.cost == "asking_rent" and each.roof.asking_rent is None:
            reason = "asking_rent"
        elif band is not None and not cell_km:
            reason = "no_cell"
        if reason:
            if each.site.id in wanted.fixed:
                told = "has no asking rent, and there is a budget" if reason == "asking_rent" else "has no cell"
                raise Invalid("fixed", f"{each.site.id} {told}")
            left_out[reason] += 1
            continue
        left.append(each)
        cells.append(cell_km or 0.0)
    if not left:
        told = "no roof is left to choose from" if left_out else "there is no roof yet to choose from"
        raise Invalid("candidates", told, passed_over=dict(left_out))
    lat, lon = _degrees(left)
    if wanted.by.catchment_km is not None:
        demand = by_catchment(people, lat, lon, wanted.by.catchment_km)
    else:
        demand = by_cells(people, lat, lon, np.array(cells))
    return Choosing(wanted, left, np.array(cells if band is not None else []), demand, dict(left_out))


def _problem(choosing: Choosing) -> Problem:
    wanted, demand = choosing.wanted, choosing.demand
    lat, lon = _degrees(choosing.candidates)
    budget, costs = None, None
    if wanted.budget is not None:
        budget = to_micro(wanted.budget, "budget") / MICRO
        costs = np.ones(len(lat))
        if wanted.cost == "asking_rent":
            costs = np.array([rent_per_year_micro(each) or 0 for each in choosing.candidates]) / MICRO
    choice: dict[str, Any] = {
        "ids": tuple(each.site.id for each in choosing.candidates),
        "weights": demand.people,
        "p": None if wanted.count is None else min(wanted.count, len(lat)),
        "budget": budget,
        "costs": costs,
        "fixed": wanted.fixed,
        "conflicts": nearer_than_km(unit_vectors(lat, lon), wanted.separation_km),
    }
    if wanted.problem == "cover":
        return CoverProblem(**choice, starts=demand.starts, covered=demand.served)
    far = wanted.by.catchment_km or 0.0
    near = NearDistances(starts=demand.starts, demands=demand.served, distances=demand.km, far=far)
    return MedianProblem(**choice, distances=near)


def _degrees(candidates: list[Candidate]) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes."""
    return np.array([each.site.lat for each in candidates]), np.array([each.site.lon for each in candidates])


def _served(choosing: Choosing, chosen: list[int]) -> list[float]:
    """People of each of the chosen, in order: whom it is the first to reach, or of a p-median whom it is nearest to."""
    demand, median = choosing.demand, choosing.wanted.problem == "p-median"
    nearest_km = np.full(len(demand.people), np.inf)
    of = np.full(len(demand.people), -1)
    for place, number in enumerate(chosen):
        row = slice(demand.starts[number], demand.starts[number + 1])
        served, km = demand.served[row], demand.km[row]
        better = km < nearest_km[served] if median else of[served] < 0
        of[served[better]], nearest_km[served[better]] = place, km[better]
    known = of >= 0
    counted: list[float] = np.bincount(of[known], demand.people[known], minlength=len(chosen)).tolist()
    return counted


def _planned(choosing: Choosing, number: int, people: float) -> PlannedRoof:
    candidate = choosing.candidates[number]
    roof, site, rent = candidate.roof, candidate.site, rent_per_year_micro(candidate)
    return PlannedRoof(
        site=site.id,
        name=site.name,
        lat=site.lat,
        lon=site.lon,
        radiation_centre_m=roof.radiation_centre_m,
        above_neighbours_m=roof.above_neighbours_m,
        cell_km=float(choosing.cell_km[number]) if len(choosing.cell_km) else None,
        people=round(people),
        rent_per_year=None if rent is None else from_micro(rent),
        fixed=site.id in choosing.wanted.fixed,
    )


def _cost(choosing: Choosing, chosen: list[int]) -> str | None:
    rents = [rent_per_year_micro(choosing.candidates[number]) for number in chosen]
    return None if None in rents else from_micro(sum(rent or 0 for rent in rents))
