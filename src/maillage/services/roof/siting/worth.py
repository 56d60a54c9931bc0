"""One form for both problems: what each candidate is worth to each demand.

A choice is worth the sum over demands of the most that one chosen candidate is worth to them. For covering that is the
demand's weight where it is covered. For a p-median it is the weighted distance saved against the farthest candidate, so
that the choice worth most has the least distance. Methods see this form alone.
"""

import msgspec
import numpy as np

from maillage.kernel.geo import FloatArray, IndexArray
from maillage.services.roof.siting.problem import CoverProblem, NearDistances, Problem


class Rows(msgspec.Struct, frozen=True):
    """A sparse matrix: row ``r`` has ``values[starts[r]:starts[r + 1]]`` in its ``columns``, ascending."""

    starts: IndexArray
    columns: IndexArray
    values: FloatArray
    row_of: IndexArray

    def sums(self, amounts: FloatArray) -> FloatArray:
        """The sum of each row of amounts that stand for its values."""
        sums: FloatArray = np.bincount(self.row_of, amounts, len(self.starts) - 1).astype(np.float64, copy=False)
        return sums

    def entries(self, rows: IndexArray) -> IndexArray:
        """Where the entries of these rows are, one row after the other."""
        starts, counts = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts
        at: IndexArray = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return at


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """``by_candidate`` and ``by_demand`` are the same matrix, above 0, in rows of either. ``base`` is the weighted
    distance that a choice worth nothing leaves, None for covering. ``whole``: all values are integers."""

    by_candidate: Rows
    by_demand: Rows
    base: float | None
    whole: bool

    @property
    def candidates(self) -> int:
        return len(self.by_candidate.starts) - 1

    @property
    def demands(self) -> int:
        return len(self.by_demand.starts) - 1

    def objective(self, worth: float) -> float:
        """In the problem's own terms."""
        return worth if self.base is None else self.base - worth


def worth_of(problem: Problem) -> Worth:
    """The form, with demands that are worth the same to every candidate made one, and those worth nothing left out."""
    candidates, demands, units, base = _entries(problem)
    by_demand = np.lexsort((candidates, demands))
    candidates, demands, units = candidates[by_demand], demands[by_demand], units[by_demand]
    starts = np.searchsorted(demands, np.arange(len(problem.weights) + 1))
    merged_of, kept = _merged(starts, candidates, units, problem.weights)
    weights = np.bincount(merged_of[merged_of >= 0], problem.weights[merged_of >= 0], len(kept))
    chosen = np.zeros(len(problem.weights), np.bool_)
    chosen[kept] = True
    stays = chosen[demands]
    candidates, demands, units = candidates[stays], merged_of[demands[stays]], units[stays]
    values = units * weights[demands]
    by_demand_rows = _rows(demands, candidates, values, len(kept))
    turned = np.lexsort((demands, candidates))
    by_candidate = _rows(candidates[turned], demands[turned], values[turned], len(problem.ids))
    whole = bool((values == np.rint(values)).all()) and (base is None or base == round(base))
    return Worth(by_candidate=by_candidate, by_demand=by_demand_rows, base=base, whole=whole)


def objective_of(problem: Problem, chosen: IndexArray) -> float:
    """What the problem counts for a choice, reckoned from the problem itself."""
    if isinstance(problem, CoverProblem):
        covered = np.zeros(len(problem.weights), np.bool_)
        for number in chosen.tolist():
            covered[problem.covered[problem.starts[number] : problem.starts[number + 1]]] = True
        return float(problem.weights[covered].sum())
    if isinstance(problem.distances, NearDistances):
        near = problem.distances
        least = np.full(len(problem.weights), near.far)
        for number in chosen.tolist():
            own = slice(near.starts[number], near.starts[number + 1])
            least[near.demands[own]] = np.minimum(least[near.demands[own]], near.distances[own])
        return float((least * problem.weights).sum())
    return float((problem.distances[chosen].min(axis=0) * problem.weights).sum())


def _entries(problem: Problem) -> tuple[IndexArray, IndexArray, FloatArray, float | None]:
    """Candidates, demands and worth a unit of weight of all pairs worth something, and the base."""
    if isinstance(problem, CoverProblem):
        rows = np.repeat(np.arange(len(problem.ids)), np.diff(problem.starts))
        return rows, problem.covered, np.ones(len(rows)), None
    weights = problem.weights
    if isinstance(problem.distances, NearDistances):
        near = problem.distances
        rows, demands, units = (
            np.repeat(np.arange(len(problem.ids)), np.diff(near.starts)),
            near.demands,
            near.far - near.distances,
        )
        base = float(near.far * weights.sum())
    else:
        farthest = problem.distances.max(axis=0)
        saved = farthest - problem.distances
        rows, demands = np.nonzero(saved)
        units = saved[rows, demands]
        base = float((farthest * weights).sum())
    stays = units > 0
    return rows[stays], demands[stays], units[stays], base


def _merged(
    starts: IndexArray, candidates: IndexArray, units: FloatArray, weights: FloatArray
) -> tuple[IndexArray, IndexArray]:
    """The number each demand has once equal ones are one, -1 for those left out; and the first demand of each."""
    merged_of = np.full(len(weights), -1, np.intp)
    first: list[int] = []
    seen: dict[tuple[bytes, bytes], int] = {}
    alike = bool((units == 1).all())
    like = _like_before(starts, candidates, units, weights)
    for demand in np.flatnonzero(like == np.arange(len(like))).tolist():
        row = slice(starts[demand], starts[demand + 1])
        key = (candidates[row].tobytes(), b"" if alike else units[row].tobytes())
        number = seen.setdefault(key, len(first))
        if number == len(first):
            first.append(demand)
        merged_of[demand] = number
    merged_of[like >= 0] = merged_of[like[like >= 0]]
    return merged_of, np.array(first, np.intp)


def _like_before(starts: IndexArray, candidates: IndexArray, units: FloatArray, weights: FloatArray) -> IndexArray:
    """For each demand itself, or where one candidate alone is worth something to it the first demand to which that one
    is worth as much; -1 for those left out. There can be millions of these, as squares of a lattice."""
    like = np.where((np.diff(starts) > 0) & (weights > 0), np.arange(len(weights)), -1)
    alone = np.flatnonzero((like >= 0) & (np.diff(starts) == 1))
    of, worth = candidates[starts[alone]], units[starts[alone]]
    order = np.lexsort((alone, worth, of))
    alone, of, worth = alone[order], of[order], worth[order]
    is_first = np.ones(len(alone), np.bool_)
    is_first[1:] = (of[1:] != of[:-1]) | (worth[1:] != worth[:-1])
    like[alone] = alone[is_first][np.cumsum(is_first) - 1]
    return like


def _rows(rows: IndexArray, columns: IndexArray, values: FloatArray, count: int) -> Rows:
    return Rows(np.searchsorted(rows, np.arange(count + 1)), columns, values, rows)
