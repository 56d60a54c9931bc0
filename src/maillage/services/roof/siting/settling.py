"""What a bound settles before any solver: candidates that every better choice has, and those that none has."""

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray
from maillage.services.roof.siting.rules import Rules


def settled(rules: Rules, rho: FloatArray, slack: float) -> tuple[BoolArray, BoolArray]:
    """Candidates in, and candidates out, of every choice that is worth the bound less ``slack`` or more.

    ``rho`` are those that the bound is had from. Where the rules take the largest by number alone, putting one in for
    the least of the taken lowers the bound by the difference; what lowers it by more than ``slack`` is settled. Under a
    budget that binds nothing is settled but what it can't pay for.
    """
    inside, outside = rules.fixed.copy(), rules.near_count(rules.fixed) > 0
    if rules.budgeted:
        money = rules.budget - float(rules.costs[rules.fixed].sum())
        outside |= ~inside & (rules.costs > money)
        return inside, outside & ~inside
    open_ones = np.flatnonzero(~inside)
    room = rules.count - int(inside.sum())
    if room >= len(open_ones):
        return inside, outside
    order = open_ones[np.argsort(-rho[open_ones], kind="stable")]
    taken, left = order[:room], order[room:]
    if room:
        inside[taken[rho[taken] - rho[left[0]] > slack]] = True
        outside[left[rho[taken[-1]] - rho[left] > slack]] = True
    else:
        outside[left] = True
    return inside, outside & ~inside
