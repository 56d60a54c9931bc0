"""Lazy greedy: whichever candidate adds most, until nothing adds or nothing is allowed any more.

What a candidate adds only shrinks as others are chosen (the worth is submodular), so what it added once is a bound on
what it adds now, and only the top of a heap of such bounds has to be reckoned anew (Minoux 1978). Without a budget the
choice is worth at least 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978).
"""

import heapq
from collections.abc import Callable

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth


def fill(
    worth: Worth, rules: Rules, chosen: BoolArray, per_cost: bool = False, among: BoolArray | None = None
) -> list[int]:
    """Add to ``chosen``, in place, whatever adds most (``per_cost``: most for its cost), of all or of those ``among``.

    Returns them in that order; of equals the first candidate comes first. What adds nothing stays out.
    """
    rows = worth.by_candidate
    best = best_of(worth, chosen)
    gains = rows.sums(np.maximum(rows.values - best[rows.columns], 0.0))
    blocked = chosen | (rules.near_count(chosen) > 0)
    if among is not None:
        blocked |= ~among
    room = rules.count - int(chosen.sum())
    money = rules.budget - float(rules.costs[chosen].sum())
    rate = _rate(rules.costs, per_cost)
    heap = [(-rate(gain, number), number) for number, gain in enumerate(gains.tolist()) if gain > 0]
    heapq.heapify(heap)
    added: list[int] = []
    while heap and room > 0:
        _, number = heapq.heappop(heap)
        if blocked[number] or rules.costs[number] > money:
            continue
        own = slice(rows.starts[number], rows.starts[number + 1])
        columns, values = rows.columns[own], rows.values[own]
        gain = float(np.maximum(values - best[columns], 0.0).sum())
        if gain <= 0:
            continue
        key = (-rate(gain, number), number)
        if heap and key > heap[0]:
            heapq.heappush(heap, key)
            continue
        best[columns] = np.maximum(best[columns], values)
        chosen[number] = True
        blocked[rules.near(number)] = True
        blocked[number] = True
        room -= 1
        money -= rules.costs[number]
        added.append(number)
    return added


def best_of(worth: Worth, chosen: BoolArray) -> FloatArray:
    """For each demand the most that one of the chosen is worth to it."""
    best = np.zeros(worth.demands)
    at = worth.by_candidate.entries(np.flatnonzero(chosen))
    np.maximum.at(best, worth.by_candidate.columns[at], worth.by_candidate.values[at])
    return best


def _rate(costs: FloatArray, per_cost: bool) -> Callable[[float, int], float]:
    if not per_cost:
        return lambda gain, _: gain
    least = max(float(costs.max()), 1.0) * 1e-12  # what costs nothing comes first, and the most worth of it before
    return lambda gain, number: gain / max(float(costs[number]), least)
