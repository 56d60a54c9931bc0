"""Choosing roofs: seconds and worth of the greedy and the exact method, against spopt's programs in the same solver."""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from maillage.kernel.geo import KM_PER_MILE
from maillage.services.roof.siting.instances.making import Wanted, make_problem
from maillage.services.roof.siting.instances.model import Instance, Plane
from maillage.services.roof.siting.instances.reading import read_instance
from maillage.services.roof.siting.solve import solve
from tests.shared_data import SHARED

SECONDS_GOAL = 10.0
GAP_GOAL = 0.005
ROOFS = 500
STORES, PEOPLE = SHARED / "data/sites/walmart_us_2018.csv", SHARED / "data/population/us_tracts_2020.csv.gz"


def run(setting: Setting) -> Outcome:
    """Each round has every side solve the same problems: a whole country, and made-up towns in both kinds."""
    towns = _towns(120 if setting.quick else 600, 40 if setting.quick else 200)
    wanted = {
        "cover": Wanted(kind="mclp", p=10 if setting.quick else 25, radius_m=2_500.0),
        "p-median": Wanted(kind="p-median", p=10 if setting.quick else 25),
    }
    problems = {name: make_problem(towns, each) for name, each in wanted.items()}
    sides: dict[str, Callable[[], float]] = {}
    notes = [f"towns: {len(towns.weights):,} places with people, {len(towns.ids):,} candidates, p {wanted['cover'].p}"]
    for name, problem in problems.items():
        best = solve(problem, "exact")
        notes.append(f"{name}: greedy within {abs(solve(problem).objective / best.objective - 1):.3%} of the best")
        sides[f"{name}, greedy"] = _timed(lambda problem=problem: solve(problem).objective)
        sides[f"{name}, exact"] = _timed(lambda problem=problem: solve(problem, "exact").objective, best.objective)
    others = _spopt(towns, wanted)
    if others is None:
        notes.append("spopt is not installed (pip install spopt): no column for it")
    else:
        for name, other in others.items():
            sides[f"{name}, spopt"] = _timed(other, solve(problems[name], "exact").objective)
        notes.append("spopt: from_cost_matrix and solve with HiGHS through PuLP, 2 threads, gap 0, as the exact method")
    country = _country(setting)
    if country is None:
        notes.append("the country was left out: --quick, or no stores and people beside the repository")
    else:
        asked = Wanted(kind="mclp", p=ROOFS, radius_m=10 * KM_PER_MILE * 1_000)
        sides["country"] = _timed(lambda: solve(make_problem(country, asked)).objective)
        plan = solve(make_problem(country, asked))
        notes.append(
            f"country: {plan.candidates:,} stores, {plan.demands:,} places ({plan.demands_merged:,} once equal ones are"
            f" one), {len(plan.chosen)} roofs cover {plan.objective:,.0f}, bound {plan.bound:,.0f}"
        )
    rounds = alternate(setting, sides)
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    lines = []
    if country is not None:
        lines = [
            Line(f"country, {ROOFS} roofs, greedy", "s", columns["country"], goal=SECONDS_GOAL, at_most=True),
            Line("its gap to the bound", "", [plan.gap], goal=GAP_GOAL, at_most=True),
        ]
    for name in problems:
        lines.append(Line(f"{name}, greedy", "s", columns[f"{name}, greedy"]))
        lines.append(Line(f"{name}, exact", "s", columns[f"{name}, exact"]))
        if others is not None:
            ours, theirs = columns[f"{name}, exact"], columns[f"{name}, spopt"]
            lines.append(Line(f"{name}, exact", "s", ours, theirs, "spopt", goal=1.0, at_most=True))
    return Outcome("siting", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _timed(side: Callable[[], float], best: float | None = None) -> Callable[[], float]:
    def measured() -> float:
        began = time.perf_counter()
        reached = side()
        taken = time.perf_counter() - began
        assert best is None or abs(reached - best) <= 1e-6 * best
        return taken

    return measured


def _towns(demands: int, candidates: int) -> Instance:
    """People in clusters on a plane of 40 km, and shops where people are."""
    rng = np.random.default_rng(5)
    centres = rng.uniform(0, 40_000, (demands // 30, 2))
    places = centres[rng.integers(0, len(centres), demands)] + rng.normal(0, 2_000, (demands, 2))
    shops = places[rng.choice(demands, candidates, replace=False)] + rng.normal(0, 200, (candidates, 2))
    distances = np.hypot(*(shops[:, np.newaxis] - places[np.newaxis]).transpose(2, 0, 1))
    return Instance(
        form="distances",
        ids=tuple(str(each) for each in range(candidates)),
        weights=rng.integers(1, 8_000, demands).astype(np.float64),
        distances=np.rint(distances),
        places=Plane(shops[:, 0], shops[:, 1]),
    )


def _country(setting: Setting) -> Instance | None:
    if setting.quick or not (STORES.is_file() and PEOPLE.is_file()):
        return None
    return read_instance(STORES, PEOPLE)


def _spopt(towns: Instance, wanted: dict[str, Wanted]) -> dict[str, Callable[[], float]] | None:
    try:
        import pulp
        from spopt.locate import MCLP, PMedian
    except ImportError:
        return None
    solver = pulp.HiGHS(msg=False, threads=2, gapRel=0.0)
    costs = towns.distances.T  # a row for each customer

    def cover() -> float:
        asked = wanted["cover"]
        made = MCLP.from_cost_matrix(costs, towns.weights, service_radius=asked.radius_m, p_facilities=asked.p)
        return float(made.solve(solver).problem.objective.value())

    def median() -> float:
        made = PMedian.from_cost_matrix(costs, towns.weights, p_facilities=wanted["p-median"].p)
        return float(made.solve(solver).problem.objective.value())

    return {"cover": cover, "p-median": median}
