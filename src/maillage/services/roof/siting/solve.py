"""The ways to a plan: greedy with exchanges and a bound, and from there to the proved best."""

import time
from collections.abc import Callable

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.errors import Invalid
from maillage.services.roof.siting.exact import least_bound, prove
from maillage.services.roof.siting.greedy import fill
from maillage.services.roof.siting.heuristic import search
from maillage.services.roof.siting.plan import METHODS, Method, Plan
from maillage.services.roof.siting.problem import MedianProblem, Problem
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth, objective_of, worth_of

TIME_LIMIT_S = 300.0

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is done, 0 to 1."""


def solve(
    problem: Problem, method: Method = "greedy", progress: Progress | None = None, time_limit_s: float = TIME_LIMIT_S
) -> Plan:
    """A plan for the problem: the same each time, unless the time limit ends it.

    ``greedy`` takes seconds and proves how far it may be from the best at most. ``exact`` begins with that and goes on
    until its plan is proved to be the best, or ``time_limit_s`` seconds (of the whole) are over.
    """
    if method not in METHODS:
        raise Invalid("method", f"{method!r} is not one of {', '.join(METHODS)}")
    if not time_limit_s > 0:
        raise Invalid("time_limit", f"{time_limit_s:g} s is no time; it is above 0")
    began = time.perf_counter()
    worth, rules = worth_of(problem), Rules(problem)
    found = search(worth, rules, None if progress is None else lambda share: progress("relaxing", share))
    chosen, value = found.chosen, found.value
    bound = least_bound(worth, found.relaxed.bound, value)
    if method == "exact":
        left_s = time_limit_s - (time.perf_counter() - began)

        def told(seconds: float, gap: float) -> None:
            if progress is not None:
                progress(f"proving, gap {gap:.4%}", min(seconds / left_s, 1.0))

        proof = prove(worth, rules, found, left_s, told)
        chosen, value, bound = proof.chosen, proof.value, proof.bound
    return _plan(problem, method, worth, rules, chosen, bound <= value, bound, began)


def _plan(
    problem: Problem,
    method: Method,
    worth: Worth,
    rules: Rules,
    chosen: BoolArray,
    proved: bool,
    worth_bound: float,
    began: float,
) -> Plan:
    if isinstance(problem, MedianProblem) and not chosen.any():
        # All are equally far from everybody. One must be chosen for a distance to be there.
        chosen = chosen.copy()
        payable = np.where(rules.costs <= rules.budget, rules.costs, np.inf)
        chosen[int(payable.argmin())] = True
    numbers = np.flatnonzero(chosen)
    objective = objective_of(problem, numbers)
    bound = objective if proved else worth.objective(worth_bound)
    order = rules.fixed.copy()
    in_order = [*np.flatnonzero(order).tolist(), *fill(worth, rules, order, among=chosen)]
    in_order += [number for number in numbers.tolist() if number not in set(in_order)]
    weight = float(problem.weights.sum())
    return Plan(
        method=method,
        chosen=tuple(problem.ids[number] for number in numbers.tolist()),
        in_order=tuple(problem.ids[number] for number in in_order),
        objective=objective,
        bound=bound,
        gap=abs(bound - objective) / abs(bound) if bound else 0.0 if objective == bound else 1.0,
        proved=proved,
        covered_share=(objective / weight if weight else 0.0) if worth.base is None else None,
        cost=None if problem.costs is None else float(problem.costs[numbers].sum()),
        seconds=time.perf_counter() - began,
        candidates=len(problem.ids),
        demands=len(problem.weights),
        demands_merged=worth.demands,
    )
