"""Good choices and the bound that tells how good they are, without a solver."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray
from maillage.services.roof.siting.exchange import Standing, exchange
from maillage.services.roof.siting.greedy import best_of, fill
from maillage.services.roof.siting.lagrange import Relaxed, relax
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth

ITERATIONS_MOST, ITERATIONS_LEAST = 1_000, 60
ENTRIES_IN_ALL = 1_500_000_000
"""Entries of the matrix that all iterations together go through, where that makes fewer of them."""
SHARES = (0.0, 0.5, 0.7, 0.8, 0.9)
"""Of the best choice in parts, the candidates that are in it by at least so much are each a beginning."""


class Found(msgspec.Struct, frozen=True):
    """A choice as a mask of candidates, what it is worth, and what is known of every choice."""

    chosen: BoolArray
    value: float
    relaxed: Relaxed


def search(worth: Worth, rules: Rules, progress: Callable[[float], None] | None = None) -> Found:
    """Greedy, bettered by exchanges; then the relaxation, and exchanges from what it takes; the best of all."""
    best, value = _best(worth, rules, _plain_starts(worth, rules))
    standing = Standing(worth, best)
    entries = max(len(worth.by_demand.values), 1)
    iterations = min(max(ENTRIES_IN_ALL // entries, ITERATIONS_LEAST), ITERATIONS_MOST)
    relaxed = relax(worth, rules, value, (standing.best + standing.second) / 2, iterations, progress)
    other, other_value = _best(worth, rules, _relaxed_starts(worth, rules, relaxed.share))
    if other_value > value:
        best, value = other, other_value
    return Found(best, value, relaxed)


def _best(worth: Worth, rules: Rules, starts: Iterator[BoolArray]) -> tuple[BoolArray, float]:
    """The best of what exchanges make of these; of equals the first."""
    best, value = rules.fixed.copy(), -1.0
    for chosen in starts:
        exchange(worth, rules, chosen)
        reached = float(best_of(worth, chosen).sum())
        if reached > value:
            best, value = chosen, reached
    return best, value


def _plain_starts(worth: Worth, rules: Rules) -> Iterator[BoolArray]:
    chosen = rules.fixed.copy()
    fill(worth, rules, chosen)
    yield chosen
    if rules.budgeted:
        # With costs, the better of both rates and of the single best is what has a guarantee (Khuller et al. 1999);
        # the single best is where the plain one begins.
        chosen = rules.fixed.copy()
        fill(worth, rules, chosen, per_cost=True)
        yield chosen


def _relaxed_starts(worth: Worth, rules: Rules, share: FloatArray) -> Iterator[BoolArray]:
    by_share = np.argsort(-share, kind="stable")
    for least in SHARES:
        chosen = rules.fixed.copy()
        rules.add_in_order(chosen, by_share[share[by_share] > least])
        fill(worth, rules, chosen, per_cost=rules.budgeted)
        yield chosen
