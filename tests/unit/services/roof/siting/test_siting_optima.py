"""Problems with known optima, and the choice of 500 stores of a whole country."""

import csv
import io
from statistics import mean

import pytest

from maillage.kernel.geo import KM_PER_MILE
from maillage.services.roof.siting.instances.making import Wanted, make_problem
from maillage.services.roof.siting.instances.reading import read_instance
from maillage.services.roof.siting.problem import Problem
from maillage.services.roof.siting.solve import solve
from tests.shared_data import shared_file

SLOW = ("pmed6.txt", "pmed16.txt", "SJC708.txt")


def published() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shared_file("data/location/optima.csv").read_text("utf-8"))))


def problem_of(row: dict[str, str]) -> Problem:
    instance = read_instance(shared_file(f"data/location/{row['file']}"))
    radius_m = float(row["radius_m"]) if row["radius_m"] else None
    kind = "mclp" if row["problem"] == "mclp" else "p-median"
    return make_problem(instance, Wanted(kind=kind, p=int(row["p"]), radius_m=radius_m))


@pytest.mark.parametrize("files", ["pmed", "SJC", "sf16", pytest.param("slow", marks=pytest.mark.long)])
def test_the_exact_method_reaches_and_proves_every_known_optimum(files: str) -> None:
    rows = [row for row in published() if (row["file"] in SLOW) == (files == "slow")]
    rows = [row for row in rows if files == "slow" or row["file"].startswith(files)]
    assert rows
    for row in rows:
        plan = solve(problem_of(row), "exact")
        assert (row["file"], row["p"], plan.proved) == (row["file"], row["p"], True)
        assert plan.objective == pytest.approx(float(row["optimum"]), rel=1e-9)


@pytest.mark.long
def test_the_greedy_method_is_near_to_every_known_optimum_and_its_bound_is_true() -> None:
    missed = []
    for row in published():
        plan, optimum = solve(problem_of(row), "greedy"), float(row["optimum"])
        sign = 1 if row["problem"] == "mclp" else -1
        assert sign * (plan.bound - optimum) >= -1e-9 * optimum
        assert sign * (optimum - plan.objective) >= -1e-9 * optimum
        missed.append(abs(plan.objective - optimum) / optimum)
    assert len(missed) == 42
    assert mean(missed) < 0.001
    assert max(missed) < 0.005


def of_the_country(stores: str, miles: float) -> Problem:
    people = shared_file("data/population/us_tracts_2020.csv.gz")
    instance = read_instance(shared_file(f"data/sites/{stores}.csv"), people)
    return make_problem(instance, Wanted(kind="mclp", p=500, radius_m=miles * KM_PER_MILE * 1_000))


def test_500_of_4654_stores_are_within_half_a_percent_of_the_proved_bound_without_a_solver() -> None:
    plan = solve(of_the_country("walmart_us_2018", 10))
    assert len(plan.chosen) == 500
    assert plan.objective >= 217_532_995 * 0.995
    assert plan.objective <= 217_532_995  # what a solver has proved to be the most
    assert plan.bound >= 217_471_195  # what is known to be possible
    assert plan.gap <= 0.005
    assert plan.demands == 84_414
    assert plan.demands_merged < 20_000


@pytest.mark.long
def test_500_of_2992_stores_are_proved_to_be_the_best() -> None:
    plan = solve(of_the_country("walmart_us_2006", 10), "exact")
    assert (plan.objective, plan.proved) == (191_921_296, True)
