"""A bound that is proved without a solver, and good choices to begin from: Lagrangian relaxation.

That each demand is served once at most is given up, and paid for: demand i pays a price u_i. What is left falls apart
by candidates. Candidate j has rho_j, the sum of what its worth to each demand is above the price, and the best choice
is the largest rho that the rules allow. The sum of prices and of these rho is at least the worth of any choice,
whatever the prices are (Fisher 1981; Galvao and ReVelle 1996 for covering). The volume algorithm (Barahona and Anbil
2000) looks for prices at which that is low: a subgradient method whose direction is a mean over the choices seen, so
that the same mean of choices comes near to the best choice in parts.

Candidates too near to each other are left out of account here: the bound holds without them, only less tightly.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from maillage.kernel.geo import FloatArray
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth

MIX_MOST, MIX_LEAST = 0.1, 0.001
"""Share of the newest choice in the mean."""
STEP_MOST, STEP_LEAST = 2.0, 1e-3
POOR_RUN = 20
"""Iterations without a lower bound after which steps become shorter by a third."""
LOOKED_AT = 100
"""Iterations between looks at how the bound gets on."""
STANDSTILL = 2e-6
"""Share of the bound: what moved less between two looks is at its end."""
CLOSED = 1e-9
"""Share of the bound: a gap below this is rounding."""


class Relaxed(msgspec.Struct, frozen=True):
    """``bound`` on the worth of any choice, with the ``prices`` of demands and the ``rho`` of candidates it is had
    from. ``share`` of each candidate in the best choice in parts, 0 to 1, about."""

    bound: float
    prices: FloatArray
    rho: FloatArray
    share: FloatArray


def relax(
    worth: Worth,
    rules: Rules,
    lower: float,
    prices: FloatArray,
    iterations: int,
    progress: Callable[[float], None] | None = None,
) -> Relaxed:
    """Iterate from these prices; ``lower`` is what the best known choice is worth, the aim of the steps."""
    most = _most(worth)
    reached, rho, taken, lack = _at(worth, rules, prices)
    best = Relaxed(reached, prices, rho, taken)
    mean_taken, mean_lack = taken, lack
    step, mix, poor, looked_at = 1.0, MIX_MOST, 0, best.bound
    # Whole worths of at most n: a bound below n + 1 proves n.
    enough = lower + (1.0 - 1e-6 if worth.whole else CLOSED * abs(lower))
    for iteration in range(1, iterations + 1):
        length = _dot(mean_lack, mean_lack)
        if best.bound < enough or length <= 1e-12:
            break
        prices = np.clip(best.prices + step * (best.bound - lower) / length * mean_lack, 0.0, most)
        reached, rho, taken, lack = _at(worth, rules, prices)
        mixed = _mix(mean_lack, lack, mix)
        mean_taken, mean_lack = mixed * taken + (1 - mixed) * mean_taken, mixed * lack + (1 - mixed) * mean_lack
        if reached < best.bound:
            if _dot(lack, prices - best.prices) > 0:
                step = min(step * 1.1, STEP_MOST)
            best, poor = Relaxed(reached, prices, rho, taken), 0
        else:
            poor += 1
            if poor > POOR_RUN:
                step, poor = max(step * 0.66, STEP_LEAST), 0
        if iteration % LOOKED_AT == 0:
            gone = (looked_at - best.bound) / max(abs(best.bound), 1e-300)
            if gone < STANDSTILL and mix <= 0.01:
                break
            if gone < 1e-4:
                mix = max(mix / 2, MIX_LEAST)
            looked_at = best.bound
        if progress is not None and iteration % POOR_RUN == 0:
            progress(iteration / iterations)
    if (served := float(most.sum())) < best.bound:  # everybody has the best of all there is
        best = Relaxed(served, most, np.zeros(worth.candidates), taken)
    return msgspec.structs.replace(best, share=mean_taken)


def _most(worth: Worth) -> FloatArray:
    rows = worth.by_demand
    return np.maximum.reduceat(rows.values, rows.starts[:-1]) if worth.demands else np.zeros(0)


def _at(worth: Worth, rules: Rules, prices: FloatArray) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """At these prices: the bound, rho, how much of each candidate is taken, and by how much each demand is served more
    than once (-1: not at all), the way down for its price's opposite."""
    rows = worth.by_candidate
    above = rows.values - prices[rows.columns]
    rho = rows.sums(np.maximum(above, 0.0))
    taken, value = largest(rho, rules)
    at = np.flatnonzero((above > 0) & (taken[rows.row_of] > 0))
    served = np.bincount(rows.columns[at], taken[rows.row_of[at]], worth.demands).astype(np.float64, copy=False)
    return float(prices.sum()) + value, rho, taken, served - 1.0


def _dot(one: FloatArray, other: FloatArray) -> float:
    """Without BLAS, whose threads wait for each other on a busy machine longer than they work."""
    return float(np.einsum("i,i", one, other))


def _mix(mean: FloatArray, newest: FloatArray, mix: float) -> float:
    """The share of the newest that makes the mean shortest, between a tenth of ``mix`` and all of it."""
    apart = newest - mean
    square = _dot(apart, apart)
    return min(max(-_dot(mean, apart) / square, mix / 10), mix) if square > 0 else mix


def largest(rho: FloatArray, rules: Rules) -> tuple[FloatArray, float]:
    """How much of each candidate the relaxed rules take, 0 to 1, and the sum of rho that gives: an upper bound on that
    of any choice that keeps to them."""
    taken = rules.fixed.astype(np.float64)
    own = float(rho[rules.fixed].sum())
    free = np.where(rules.fixed, 0.0, rho)
    room, money = rules.count - int(rules.fixed.sum()), rules.budget - float(rules.costs[rules.fixed].sum())
    by_count = np.argsort(-free, kind="stable")[:room]
    by_count = by_count[free[by_count] > 0]
    value = float(rho[by_count].sum())
    if rules.costs[by_count].sum() <= money:
        taken[by_count] = 1.0
        return taken, own + value
    # What the budget pays for at most: candidates by worth for their cost, the last of them in part (Dantzig 1957).
    payable = np.flatnonzero((free > 0) & (rules.costs <= money))
    by_rate = payable[np.argsort(-free[payable] / np.maximum(rules.costs[payable], 1e-300), kind="stable")]
    costs = rules.costs[by_rate]
    left = np.maximum(money - (np.cumsum(costs) - costs), 0.0)
    part = np.where(costs <= left, 1.0, left / np.where(costs > 0, costs, 1.0))
    if value <= _dot(part, rho[by_rate]):
        taken[by_count] = 1.0
        return taken, own + value
    taken[by_rate] = part
    return taken, own + _dot(part, rho[by_rate])
