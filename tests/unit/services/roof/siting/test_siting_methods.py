"""Both methods on small problems whose best is known by trying every choice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.services.roof.siting.exchange import exchange
from maillage.services.roof.siting.greedy import best_of, fill
from maillage.services.roof.siting.problem import CoverProblem, MedianProblem, NearDistances, Problem
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.solve import solve
from maillage.services.roof.siting.worth import worth_of
from tests.unit.services.roof.siting.siting_world import best_by_trying, check, cover, median

WEIGHTS = st.one_of(st.integers(0, 50).map(float), st.floats(0, 50))


@st.composite
def rules(draw: st.DrawFn, size: int) -> dict:
    """p, budget and costs, fixed ones, and pairs too near, such that some choice keeps to them."""
    numbers = list(range(size))
    pairs = [(one, other) for one in numbers for other in numbers if one < other]
    conflicts = draw(st.lists(st.sampled_from(pairs), max_size=4, unique=True)) if pairs else []
    fixed = draw(st.lists(st.sampled_from(numbers), max_size=2, unique=True))
    conflicts = [pair for pair in conflicts if not set(pair) <= set(fixed)]
    found: dict = {
        "fixed": tuple("abcdefghijklm"[number] for number in fixed),
        "conflicts": np.array(conflicts, np.intp).reshape(-1, 2),
    }
    if draw(st.booleans()):
        costs = np.array(draw(st.lists(st.integers(0, 9).map(float), min_size=size, max_size=size)))
        needed = float(costs[fixed].sum()) if fixed else float(costs.min())
        found |= {"costs": costs, "budget": needed + draw(st.integers(0, 20))}
    if "budget" not in found or draw(st.booleans()):
        found["p"] = draw(st.integers(max(1, len(fixed)), size))
    return found


@st.composite
def cover_problems(draw: st.DrawFn) -> CoverProblem:
    size, demands = draw(st.integers(1, 8)), draw(st.integers(1, 10))
    covers = {
        "abcdefghijklm"[number]: draw(st.lists(st.integers(0, demands - 1), max_size=demands, unique=True))
        for number in range(size)
    }
    return cover(covers, draw(st.lists(WEIGHTS, min_size=demands, max_size=demands)), **draw(rules(size)))


@st.composite
def median_problems(draw: st.DrawFn) -> MedianProblem:
    size, demands = draw(st.integers(1, 7)), draw(st.integers(1, 8))
    row = st.lists(st.one_of(st.integers(0, 30).map(float), st.floats(0, 30)), min_size=demands, max_size=demands)
    distances = draw(st.lists(row, min_size=size, max_size=size))
    return median(distances, draw(st.lists(WEIGHTS, min_size=demands, max_size=demands)), **draw(rules(size)))


@given(st.one_of(cover_problems(), median_problems()))
def test_exact_is_the_best_of_all_choices_and_greedy_is_never_better_than_its_bound(problem: Problem) -> None:
    best = best_by_trying(problem)
    exact, greedy = solve(problem, "exact"), solve(problem, "greedy")
    for plan in (exact, greedy):
        check(problem, plan)
    near = pytest.approx(best, rel=1e-6, abs=1e-6)
    assert exact.objective == near
    assert exact.proved
    if isinstance(problem, CoverProblem):
        assert greedy.objective <= best + 1e-6
        assert greedy.bound >= best * (1 - 1e-6) - 1e-6
    else:
        assert greedy.objective >= best - 1e-6
        assert greedy.bound <= best * (1 + 1e-6) + 1e-6


@given(cover_problems())
def test_the_same_problem_has_the_same_plan(problem: CoverProblem) -> None:
    plans = [solve(problem, "greedy") for _ in range(2)]
    assert plans[0].in_order == plans[1].in_order
    assert plans[0].bound == plans[1].bound


@given(st.one_of(cover_problems(), median_problems()))
def test_exchanges_keep_to_the_rules_and_never_make_a_choice_worse(problem: Problem) -> None:
    worth, kept = worth_of(problem), Rules(problem)
    chosen = kept.fixed.copy()
    fill(worth, kept, chosen)
    before = best_of(worth, chosen).sum()
    exchange(worth, kept, chosen)
    assert kept.kept_by(chosen)
    assert best_of(worth, chosen).sum() >= before - 1e-9


@given(median_problems())
def test_near_distances_say_the_same_as_all_of_them_where_nothing_is_farther(problem: MedianProblem) -> None:
    size, demands = problem.distances.shape
    far = float(problem.distances.max()) + 1
    near = NearDistances(
        starts=np.arange(size + 1) * demands,
        demands=np.tile(np.arange(demands), size),
        distances=problem.distances.ravel(),
        far=far,
    )
    common = {name: getattr(problem, name) for name in ("ids", "weights", "p", "budget", "costs", "fixed", "conflicts")}
    sparse = solve(MedianProblem(distances=near, **common), "exact")
    assert sparse.objective == pytest.approx(solve(problem, "exact").objective, rel=1e-6, abs=1e-6)


def test_an_exchange_finds_what_greedy_misses() -> None:
    # Greedy takes the middle first, and then has one side only.
    problem = cover({"left": [0, 1, 2], "middle": [1, 2, 3, 4], "right": [3, 4, 5]}, [10, 11, 11, 11, 11, 10], p=2)
    worth, kept = worth_of(problem), Rules(problem)
    chosen = kept.fixed.copy()
    assert fill(worth, kept, chosen) == [1, 0]
    exchange(worth, kept, chosen)
    assert chosen.tolist() == [True, False, True]
    plan = solve(problem)
    assert (plan.chosen, plan.objective, plan.covered_share) == (("left", "right"), 64.0, 1.0)
    assert plan.proved
    assert plan.gap == 0


def test_of_equals_the_first_is_chosen() -> None:
    plan = solve(cover({"z": [0], "a": [1], "m": [2]}, [5, 5, 5], p=2))
    assert plan.in_order == ("z", "a")


def test_what_adds_nothing_is_not_chosen() -> None:
    plan = solve(cover({"all": [0, 1], "none": [], "part": [1]}, [5, 5], p=3), "exact")
    assert plan.chosen == ("all",)


def test_demands_with_the_same_servers_are_made_one() -> None:
    plan = solve(cover({"a": [0, 1, 2], "b": [2, 3]}, [1, 2, 3, 0], p=1))
    assert (plan.demands, plan.demands_merged) == (4, 2)  # 0 and 1 are one; nobody is at 3
    assert plan.objective == 6


@given(st.one_of(cover_problems(), median_problems()))
def test_demands_are_one_just_where_they_are_worth_the_same_to_every_candidate(problem: Problem) -> None:
    covers = isinstance(problem, CoverProblem)
    worth = np.zeros((len(problem.ids), len(problem.weights)))
    for number in range(len(problem.ids)):
        if covers:
            worth[number, problem.covered[problem.starts[number] : problem.starts[number + 1]]] = 1
        else:
            worth[number] = problem.distances.max(axis=0) - problem.distances[number]
    alike: dict[bytes, float] = {}
    for demand, weight in enumerate(problem.weights.tolist()):
        if weight > 0 and worth[:, demand].any():
            row = worth[:, demand].tobytes()
            alike[row] = alike.get(row, 0.0) + weight
    merged = worth_of(problem)
    assert merged.demands == len(alike)
    reached = merged.by_demand.sums(merged.by_demand.values)
    assert reached == pytest.approx([np.frombuffer(row).sum() * weight for row, weight in alike.items()])


def test_under_a_budget_two_cheap_ones_may_be_worth_more_than_a_dear_one() -> None:
    covers = {"dear": [0, 1, 2], "cheap": [0, 1], "fair": [3, 4]}
    plan = solve(cover(covers, [10, 10, 5, 9, 9], costs=np.array([10.0, 5, 5]), budget=10), "exact")
    assert (plan.chosen, plan.objective, plan.cost) == (("cheap", "fair"), 38, 10)


def test_a_fixed_one_stays_and_what_it_covers_is_covered() -> None:
    covers = {"poor": [0], "rich": [0, 1, 2], "other": [3]}
    plan = solve(cover(covers, [1, 10, 10, 15], p=2, fixed=("poor",)), "exact")
    assert (plan.chosen, plan.objective) == (("poor", "rich"), 21)
    assert plan.in_order == ("poor", "rich")


def test_two_that_are_too_near_are_not_both_chosen() -> None:
    covers = {"a": [0], "b": [1], "c": [2]}
    plan = solve(cover(covers, [10, 9, 1], p=2, conflicts=np.array([[0, 1]])), "exact")
    assert plan.chosen == ("a", "c")


def test_a_median_chooses_one_even_where_all_are_equally_far() -> None:
    plan = solve(median([[3, 3], [3, 3]], p=1))
    assert (plan.chosen, plan.objective, plan.proved, plan.covered_share) == (("a",), 6, True, None)


def test_progress_is_told() -> None:
    told: list[tuple[str, float]] = []
    rng = np.random.default_rng(7)
    distances = rng.integers(1, 1_000, (13, 60)).astype(float).tolist()
    solve(median(distances, p=4), "exact", lambda what, share: told.append((what, share)))
    assert told
    assert all(0 <= share <= 1 for _, share in told)


def test_a_time_limit_that_is_over_leaves_the_plan_of_the_greedy_method() -> None:
    rng = np.random.default_rng(3)
    distances = rng.integers(1, 1_000, (13, 60)).astype(float).tolist()
    greedy = solve(median(distances, p=4))
    assert not greedy.proved
    plan = solve(median(distances, p=4), "exact", time_limit_s=1e-9)
    assert (plan.chosen, plan.objective, plan.bound) == (greedy.chosen, greedy.objective, greedy.bound)


@pytest.mark.parametrize(("method", "limit", "field"), [("best", 1.0, "method"), ("exact", 0.0, "time_limit")])
def test_a_method_or_time_limit_that_is_none_is_refused(method, limit: float, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        solve(cover({"a": [0]}, [1], p=1), method, time_limit_s=limit)
    assert refused.value.extra["field"] == field
