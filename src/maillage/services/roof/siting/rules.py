"""What a choice must keep to, in a form that methods ask often."""

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray, IndexArray
from maillage.services.roof.siting.problem import Problem

SPENT_TOLERANCE = 1e-9
"""Share of the budget by which sums of floats may be above it."""


class Rules:
    """At most ``count`` candidates that cost at most ``budget`` (inf: any), the ``fixed`` ones always, and no two that
    are ``near`` each other."""

    def __init__(self, problem: Problem) -> None:
        size = len(problem.ids)
        self.count = size if problem.p is None else problem.p
        self.costs: FloatArray = np.zeros(size) if problem.costs is None else np.asarray(problem.costs, np.float64)
        self.budget = np.inf if problem.budget is None else problem.budget * (1 + SPENT_TOLERANCE)
        self.fixed: BoolArray = np.zeros(size, np.bool_)
        self.fixed[problem.fixed_numbers()] = True
        one, other = problem.conflicts.T
        # As single numbers: sorting rows takes ten times as long, and lets no other thread run meanwhile.
        both = np.unique(np.concatenate((one * size + other, other * size + one)))
        first, self._near = both // size, both % size
        self.pairs = np.stack((first, self._near), axis=1)[first < self._near]
        self._starts = np.searchsorted(first, np.arange(size + 1))

    @property
    def budgeted(self) -> bool:
        return bool(np.isfinite(self.budget))

    def near(self, number: int) -> IndexArray:
        """The candidates that can't be chosen beside this one."""
        return self._near[self._starts[number] : self._starts[number + 1]]

    def near_count(self, chosen: BoolArray) -> IndexArray:
        """For each candidate, how many of the chosen it can't stand beside."""
        if not len(self.pairs):
            return np.zeros(len(chosen), np.intp)
        one, other = self.pairs.T
        size = len(chosen)
        return np.bincount(one[chosen[other]], minlength=size) + np.bincount(other[chosen[one]], minlength=size)

    def add_in_order(self, chosen: BoolArray, numbers: IndexArray) -> None:
        """Add these candidates to ``chosen``, in place, each if it is allowed beside those before it."""
        room = self.count - int(chosen.sum())
        money = self.budget - float(self.costs[chosen].sum())
        blocked = chosen | (self.near_count(chosen) > 0)
        for number in numbers.tolist():
            if room <= 0:
                return
            if not blocked[number] and self.costs[number] <= money:
                chosen[number] = blocked[number] = True
                blocked[self.near(number)] = True
                room -= 1
                money -= float(self.costs[number])

    def kept_by(self, chosen: BoolArray) -> bool:
        """Whether a choice keeps to all of them."""
        return bool(
            chosen.sum() <= self.count
            and self.costs[chosen].sum() <= self.budget
            and chosen[self.fixed].all()
            and not (self.near_count(chosen)[chosen] > 0).any()
        )
