"""Small siting problems, and their best by trying every choice there is."""

from itertools import combinations

import numpy as np

from maillage.services.roof.siting.plan import Plan
from maillage.services.roof.siting.problem import CoverProblem, MedianProblem, Problem
from maillage.services.roof.siting.worth import objective_of


def cover(covers: dict[str, list[int]], weights: list[float], **more) -> CoverProblem:
    """``covers`` names the demands of each candidate."""
    return CoverProblem(
        ids=tuple(covers),
        weights=np.array(weights, np.float64),
        starts=np.cumsum([0, *(len(each) for each in covers.values())]),
        covered=np.array([demand for each in covers.values() for demand in each], np.intp),
        **more,
    )


def median(distances: list[list[float]], weights: list[float] | None = None, **more) -> MedianProblem:
    """Candidates are ``a``, ``b``, ... in the order of the rows."""
    rows = np.array(distances, np.float64)
    return MedianProblem(
        ids=tuple("abcdefghijklm"[: len(rows)]),
        weights=np.ones(rows.shape[1]) if weights is None else np.array(weights, np.float64),
        distances=rows,
        **more,
    )


def allowed(problem: Problem, chosen: set[int]) -> bool:
    """Whether a choice keeps to all that the problem asks."""
    if problem.p is not None and len(chosen) > problem.p:
        return False
    if problem.budget is not None and problem.costs[sorted(chosen)].sum() > problem.budget + 1e-6:
        return False
    if not {problem.ids.index(each) for each in problem.fixed} <= chosen:
        return False
    return not any({one, other} <= chosen for one, other in problem.conflicts.tolist())


def best_by_trying(problem: Problem) -> float:
    """The objective of the best choice."""
    size = len(problem.ids)
    maximise = isinstance(problem, CoverProblem)
    reached = [
        objective_of(problem, np.array(choice, np.intp))
        for count in range(0 if maximise else 1, size + 1)
        for choice in combinations(range(size), count)
        if allowed(problem, set(choice))
    ]
    return max(reached) if maximise else min(reached)


def check(problem: Problem, plan: Plan) -> None:
    """What must hold of any plan."""
    numbers = [problem.ids.index(each) for each in plan.chosen]
    assert numbers == sorted(set(numbers))
    assert sorted(plan.in_order) == sorted(plan.chosen)
    assert plan.in_order[: len(problem.fixed)] == tuple(sorted(problem.fixed, key=problem.ids.index))
    assert allowed(problem, set(numbers))
    assert plan.objective == objective_of(problem, np.array(numbers, np.intp))
    assert plan.cost == (None if problem.costs is None else problem.costs[numbers].sum())
    better = plan.bound >= plan.objective if isinstance(problem, CoverProblem) else plan.bound <= plan.objective
    assert better
    assert plan.proved == (plan.bound == plan.objective)
    assert plan.gap >= 0
