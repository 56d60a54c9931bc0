"""What is to be chosen: candidates, the demand that each serves, and what a choice must keep to.

Candidates and demands are numbered from 0 in the order they are given; candidates have ids besides. A choice has at
most ``p`` candidates, costs at most ``budget``, holds all that are ``fixed`` and no two that ``conflicts`` names. The
fixed ones count in ``p`` and in the budget, and what they serve counts as served.
"""

import math
from collections import Counter

import msgspec
import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray, IndexArray

NO_CONFLICTS = np.zeros((0, 2), np.intp)


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What both problems have. ``costs`` in any one currency, one a candidate; ``conflicts`` pairs of candidates'
    numbers, shape (n, 2), of which at most one is chosen (``places.py`` makes them)."""

    ids: tuple[str, ...]
    weights: FloatArray
    p: int | None = None
    budget: float | None = None
    costs: FloatArray | None = None
    fixed: tuple[str, ...] = ()
    conflicts: IndexArray = NO_CONFLICTS

    def fixed_numbers(self) -> IndexArray:
        """The numbers of the fixed candidates, ascending."""
        number_of = {each: number for number, each in enumerate(self.ids)}
        return np.array(sorted(number_of[each] for each in self.fixed), np.intp)

    def check(self) -> None:
        """Invalid, naming the field, for what no choice can be made of."""
        if not self.ids:
            raise Invalid("candidates", "there are none; one is needed at least")
        if twice := [each for each, times in Counter(self.ids).items() if times > 1]:
            raise Invalid("candidates", f"{twice[0][:80]} is there twice; each needs an id of its own")
        if not len(self.weights):
            raise Invalid("demand", "there is none to be served")
        _check_amounts("weights", self.weights)
        if self.p is None and self.budget is None:
            raise Invalid("p", "is missing: how many are to be chosen; or give a budget")
        if self.p is not None and not 1 <= self.p <= len(self.ids):
            raise Invalid(
                "p", f"{self.p} is out of range; it goes from 1 to {len(self.ids):,}, the candidates there are"
            )
        self._check_fixed()
        self._check_costs()

    def _check_fixed(self) -> None:
        known = set(self.ids)
        if unknown := [each for each in self.fixed if each not in known]:
            raise Invalid("fixed", f"{unknown[0][:80]} is not among the candidates")
        if twice := [each for each, times in Counter(self.fixed).items() if times > 1]:
            raise Invalid("fixed", f"{twice[0][:80]} is named twice")
        if self.p is not None and len(self.fixed) > self.p:
            raise Invalid(
                "fixed", f"there are {len(self.fixed):,}, and only {self.p:,} are to be chosen, these included"
            )
        if self.conflicts.ndim != 2 or self.conflicts.shape[1] != 2:
            raise Invalid("conflicts", "are pairs of candidates' numbers")
        if len(self.conflicts) and not (self.conflicts.min() >= 0 and self.conflicts.max() < len(self.ids)):
            raise Invalid("conflicts", f"a number is none of the {len(self.ids):,} candidates'")
        if (self.conflicts[:, 0] == self.conflicts[:, 1]).any():
            raise Invalid("conflicts", "a candidate can't be in conflict with itself")
        held = np.zeros(len(self.ids), np.bool_)
        held[self.fixed_numbers()] = True
        for one, other in self.conflicts[held[self.conflicts].all(axis=1)][:1].tolist():
            raise Invalid(
                "fixed", f"{self.ids[one][:80]} and {self.ids[other][:80]} are too near to each other for both"
            )

    def _check_costs(self) -> None:
        if self.costs is None:
            if self.budget is not None:
                raise Invalid("budget", "says nothing where the candidates have no costs")
            return
        if len(self.costs) != len(self.ids):
            raise Invalid("costs", f"there are {len(self.costs):,} for {len(self.ids):,} candidates")
        _check_amounts("costs", self.costs)
        if self.budget is None:
            return
        if not 0 <= self.budget < math.inf:
            raise Invalid("budget", f"{self.budget:g} is no amount; it is a finite number from 0")
        spent = math.fsum(self.costs[self.fixed_numbers()])
        if spent > self.budget:
            raise Invalid("budget", f"{self.budget:,.2f} is less than the fixed ones cost, {spent:,.2f}")
        if not self.fixed and self.costs.min() > self.budget:
            raise Invalid(
                "budget", f"{self.budget:,.2f} pays for no candidate; the cheapest costs {self.costs.min():,.2f}"
            )


class CoverProblem(_Choice, frozen=True, kw_only=True):
    """Choose so that the weight of the demand covered by one chosen candidate at least is the most (maximal covering
    location problem, Church and ReVelle 1974).

    Candidate ``c`` covers the demands ``covered[starts[c]:starts[c + 1]]``, each named once: rows of a CSR matrix.
    Invalid where that does not fit together.
    """

    starts: IndexArray
    covered: IndexArray

    def __post_init__(self) -> None:
        _check_rows("cover", self.starts, self.covered, len(self.ids), len(self.weights))
        self.check()


class NearDistances(msgspec.Struct, frozen=True, kw_only=True):
    """Distances of the pairs that are nearer than ``far`` only, in rows by candidate like the cover of a CoverProblem.

    A demand with none of the chosen within ``far`` counts as ``far`` away.
    """

    starts: IndexArray
    demands: IndexArray
    distances: FloatArray
    far: float


class MedianProblem(_Choice, frozen=True, kw_only=True):
    """Choose so that the sum of weight times distance to the nearest chosen candidate is the least (p-median, Hakimi
    1964).

    ``distances``, in any one unit, zero or more, of all pairs, shape (candidates, demands), or of near ones. Something
    must be chosen for a distance to be there, so ``p`` of 1 or a fixed candidate is the least.
    """

    distances: FloatArray | NearDistances

    def __post_init__(self) -> None:
        given = self.distances
        if isinstance(given, NearDistances):
            _check_rows("distances", given.starts, given.demands, len(self.ids), len(self.weights))
            _check_amounts("distances", given.distances)
            if len(given.distances) != len(given.demands) or not 0 < given.far < math.inf:
                raise Invalid("distances", "have one number a pair, and a finite number above 0 for what is far")
            if len(given.distances) and given.distances.max() > given.far:
                raise Invalid("distances", f"{given.distances.max():g} is farther than far, {given.far:g}")
        else:
            if given.shape != (len(self.ids), len(self.weights)):
                raise Invalid(
                    "distances",
                    f"are of {given.shape} and not of ({len(self.ids):,} candidates, {len(self.weights):,})",
                )
            _check_amounts("distances", given)
        self.check()


Problem = CoverProblem | MedianProblem


def _check_amounts(field: str, amounts: FloatArray) -> None:
    if amounts.size and not (np.isfinite(amounts).all() and amounts.min() >= 0):
        wrong = amounts[~(np.isfinite(amounts) & (amounts >= 0))].ravel()[0]
        raise Invalid(field, f"{wrong:g} is among them; they are finite numbers from 0")


def _check_rows(field: str, starts: IndexArray, columns: IndexArray, rows: int, width: int) -> None:
    fits = (
        starts.shape == (rows + 1,)
        and starts[0] == 0
        and starts[-1] == len(columns)
        and (np.diff(starts) >= 0).all()
        and (not len(columns) or (columns.min() >= 0 and columns.max() < width))
    )
    if not fits:
        raise Invalid(field, f"are no rows of {rows:,} candidates over {width:,} demands")
    row_of = np.repeat(np.arange(rows), np.diff(starts))
    if len(np.unique(row_of * width + columns)) != len(columns):
        raise Invalid(field, "a candidate names a demand twice")
