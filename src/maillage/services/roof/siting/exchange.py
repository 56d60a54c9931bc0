"""Exchanges: one chosen candidate for another, as long as one helps (Teitz and Bart 1968).

What an exchange of r for j brings is what j adds, less what r alone is worth, plus what j makes good of the latter
(Whitaker 1983; the three terms as Resende and Werneck 2007 keep them). All are had from the two best of the chosen for
each demand, for all pairs at once. Exchanges of one pass that touch none of the same demands are made together.
"""

import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray, IndexArray
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth

PAIRS_AT_ONCE = 4_000_000
HAIR = 1e-10
"""Share of all worth that an exchange must bring to be more than rounding."""


class Standing:
    """The two best of the chosen for each demand: what they are worth to it, and who the best is (-1: nobody)."""

    def __init__(self, worth: Worth, chosen: BoolArray) -> None:
        rows = worth.by_demand
        at = np.flatnonzero(chosen[rows.columns])
        demand_of, values = rows.row_of[at], rows.values[at].copy()
        self.best, self.second = np.zeros(worth.demands), np.zeros(worth.demands)
        self.server = np.full(worth.demands, -1, np.intp)
        if not len(at):
            return
        begins = np.flatnonzero(np.r_[True, demand_of[1:] != demand_of[:-1]])
        served = demand_of[begins]
        most = np.maximum.reduceat(values, begins)
        tops = np.flatnonzero(values == np.repeat(most, np.diff(np.r_[begins, len(at)])))
        first = tops[np.r_[True, demand_of[tops[1:]] != demand_of[tops[:-1]]]]
        self.best[served] = most
        self.server[served] = rows.columns[at[first]]
        values[first] = 0.0
        self.second[served] = np.maximum.reduceat(values, begins)


def exchange(worth: Worth, rules: Rules, chosen: BoolArray, passes: int = 1_000) -> None:
    """Better ``chosen`` in place until no exchange, addition or (with a budget) removal helps, or ``passes`` are made.

    Of equals the first candidate comes in for the first one: the same choice becomes the same.
    """
    least = max(HAIR * float(worth.by_demand.values.sum()), 0.5 if worth.whole else 0.0)
    for _ in range(passes):
        if not _Pass(worth, rules, chosen, least).run():
            return


class _Pass:
    def __init__(self, worth: Worth, rules: Rules, chosen: BoolArray, least: float) -> None:
        self._worth, self._rules, self._chosen, self._least = worth, rules, chosen, least
        self._standing = standing = Standing(worth, chosen)
        rows = worth.by_candidate
        self._above_second = rows.values - standing.second[rows.columns]
        self._gains = rows.sums(np.maximum(rows.values - standing.best[rows.columns], 0.0))
        self._gains[chosen] = 0.0
        served = standing.server >= 0
        self._losses = np.bincount(standing.server[served], (standing.best - standing.second)[served], worth.candidates)
        self._changed = np.zeros(worth.demands, np.bool_)
        self._money = rules.budget - float(rules.costs[chosen].sum())
        self._near = rules.near_count(chosen)

    def run(self) -> bool:
        """Make what helps; whether anything was changed."""
        changed = self._remove_idle()
        out, into, brings = self._best_pairs()
        order = np.lexsort((into, -brings))
        for at in order[brings[order] > self._least].tolist():
            changed |= self._make(int(out[at]), int(into[at]))
        return changed

    def _remove_idle(self) -> bool:
        """Take out one chosen candidate that adds nothing to the others: it may cost, or stand in another's way."""
        idle = self._chosen & ~self._rules.fixed & (self._losses <= 0.0)
        if not idle.any():
            return False
        number = int(np.flatnonzero(idle)[0])
        self._chosen[number] = False
        self._near[self._rules.near(number)] -= 1
        self._money += float(self._rules.costs[number])
        self._changed[self._touched_by(number)] = True
        return True

    def _best_pairs(self) -> tuple[IndexArray, IndexArray, FloatArray]:
        """For each candidate that could come in: whom it would replace best (-1: nobody, there is room), and what that
        brings."""
        rules, chosen = self._rules, self._chosen
        incoming = np.flatnonzero(~chosen & (self._gains > self._least))
        outgoing = np.flatnonzero(chosen & ~rules.fixed)
        room = int(chosen.sum()) < rules.count
        free = room & (self._near[incoming] == 0) & (rules.costs[incoming] <= self._money)
        out = np.full(len(incoming), -1, np.intp)
        brings = np.where(free, self._gains[incoming], -np.inf)
        if len(outgoing):
            step = max(1, PAIRS_AT_ONCE // len(outgoing))
            for begin in range(0, len(incoming), step):
                part = slice(begin, begin + step)
                pairs = self._brought(outgoing, incoming[part])
                best = pairs.argmax(axis=0)
                most = pairs[best, np.arange(len(best))]
                better = most > brings[part]
                out[part][better] = outgoing[best[better]]
                brings[part][better] = most[better]
        return out, incoming, brings

    def _brought(self, outgoing: IndexArray, incoming: IndexArray) -> FloatArray:
        """What each exchange brings, shape (outgoing, incoming); -inf where it is not allowed."""
        rules, standing, rows = self._rules, self._standing, self._worth.by_candidate
        place_of = np.full(self._worth.candidates + 1, -1, np.intp)  # the last is that of nobody
        place_of[outgoing] = np.arange(len(outgoing))
        at = rows.entries(incoming)
        at = at[self._above_second[at] > 0.0]
        demands = rows.columns[at]
        place = place_of[standing.server[demands]]
        at, demands, place = at[place >= 0], demands[place >= 0], place[place >= 0]
        made_good = np.minimum(rows.values[at], standing.best[demands]) - standing.second[demands]
        column_of = np.searchsorted(incoming, rows.row_of[at])
        shape = (len(outgoing), len(incoming))
        summed = np.bincount(place * shape[1] + column_of, made_good, shape[0] * shape[1])
        pairs = summed.astype(np.float64, copy=False).reshape(shape)
        pairs += self._gains[incoming]
        pairs -= self._losses[outgoing][:, np.newaxis]
        if rules.budgeted:
            pairs[rules.costs[incoming] - rules.costs[outgoing][:, np.newaxis] > self._money] = -np.inf
        in_the_way = self._near[incoming]
        pairs[:, in_the_way > 1] = -np.inf
        for column in np.flatnonzero(in_the_way == 1).tolist():
            near = np.zeros(self._worth.candidates, np.bool_)
            near[rules.near(int(incoming[column]))] = True
            pairs[~near[outgoing], column] = -np.inf
        return pairs

    def _make(self, out: int, into: int) -> bool:
        """Make an exchange if what it brings is still what was reckoned, and it is still allowed."""
        rules, chosen, rows = self._rules, self._chosen, self._worth.by_candidate
        if chosen[into] or (out >= 0 and not chosen[out]):
            return False
        cost = rules.costs[into] - (rules.costs[out] if out >= 0 else 0.0)
        in_the_way = self._near[into] - (out >= 0 and bool((rules.near(into) == out).any()))
        if in_the_way or (rules.budgeted and cost > self._money) or (out < 0 and chosen.sum() >= rules.count):
            return False
        own = slice(rows.starts[into], rows.starts[into + 1])
        reached = rows.columns[own][self._above_second[own] > 0.0]
        left = self._touched_by(out)
        if self._changed[reached].any() or self._changed[left].any():
            return False
        self._changed[reached] = True
        self._changed[left] = True
        if out >= 0:
            chosen[out] = False
            self._near[rules.near(out)] -= 1
        chosen[into] = True
        self._near[rules.near(into)] += 1
        self._money -= float(cost)
        return True

    def _touched_by(self, number: int) -> IndexArray:
        """The demands for which it is the best of the chosen, or as good as the second."""
        rows = self._worth.by_candidate
        if number < 0:
            return np.zeros(0, np.intp)
        own = slice(rows.starts[number], rows.starts[number + 1])
        return rows.columns[own][self._above_second[own] >= 0.0]
