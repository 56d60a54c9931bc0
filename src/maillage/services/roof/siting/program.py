"""One mixed-integer program for both problems, of what bounds have left open.

The values that candidates have to a demand are levels, and a variable between 0 and 1 for each level says whether one
chosen candidate at least is worth that much to it: the radius formulation of the p-median (Cornuejols, Nemhauser and
Wolsey 1980; Garcia, Labbe and Marin 2011). Each level takes the one above it and the candidates of its own value, so
that rows stay short. A demand that is covered or not has one level, and the program is that of Church and ReVelle.
"""

import math

import msgspec
import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.kernel.geo import FloatArray, IndexArray
from maillage.services.roof.siting.greedy import best_of
from maillage.services.roof.siting.heuristic import Found
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.settling import settled
from maillage.services.roof.siting.worth import Worth

ROUNDING = 1e-6
"""Of the bound, by which no candidate or level is left out."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """To be maximised: ``gains`` of the columns, which go from 0 to 1, plus ``constant``. The first columns are the
    candidates ``open``, whole numbers; candidates ``inside`` are chosen anyhow. ``beginning`` is a solution."""

    open: IndexArray
    inside: BoolArray
    gains: FloatArray
    beginning: FloatArray
    constant: float
    row_lower: FloatArray
    row_upper: FloatArray
    row_starts: IndexArray
    columns: IndexArray
    coefficients: FloatArray


def make_program(worth: Worth, rules: Rules, found: Found) -> Program:
    """The program, whose best is the best choice of all: what is left out is in no choice as good as the one found."""
    slack = (found.relaxed.bound - found.value) + ROUNDING * max(abs(found.relaxed.bound), 1.0)
    inside, outside = settled(rules, found.relaxed.rho, slack)
    opened = np.flatnonzero(~(inside | outside | (rules.near_count(inside) > 0)))
    place = np.full(worth.candidates, -1, np.intp)
    place[opened] = np.arange(len(opened))
    rows = _RowsMade()
    _add_rules(rows, rules, inside, opened, place)
    levels = _Levels(worth, place, len(opened), rows)
    surely, known = best_of(worth, inside), best_of(worth, found.chosen)
    for demand in range(worth.demands):
        levels.add(demand, float(surely[demand]), float(found.relaxed.prices[demand] - slack), float(known[demand]))
    return Program(
        open=opened,
        inside=inside,
        gains=np.array([0.0] * len(opened) + levels.gains),
        beginning=np.array([*found.chosen[opened].astype(float).tolist(), *levels.beginning]),
        constant=levels.constant,
        row_lower=np.array(rows.lower, np.float64),
        row_upper=np.array(rows.upper, np.float64),
        row_starts=np.array(rows.starts, np.intp),
        columns=np.array(rows.columns, np.intp),
        coefficients=np.array(rows.coefficients, np.float64),
    )


class _RowsMade:
    """Rows of the program: lower <= coefficients x columns <= upper."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.starts = [0]
        self.columns: list[int] = []
        self.coefficients: list[float] = []

    def add(self, lower: float, upper: float, columns: list[int], coefficients: list[float]) -> None:
        self.lower.append(lower)
        self.upper.append(upper)
        self.columns += columns
        self.coefficients += coefficients
        self.starts.append(len(self.columns))


def _add_rules(rows: _RowsMade, rules: Rules, inside: BoolArray, opened: IndexArray, place: IndexArray) -> None:
    everyone = list(range(len(opened)))
    rows.add(-math.inf, float(rules.count - inside.sum()), everyone, [1.0] * len(everyone))
    if rules.budgeted:
        left = rules.budget - float(rules.costs[inside].sum())
        rows.add(-math.inf, left, everyone, rules.costs[opened].tolist())
    pairs = place[rules.pairs]
    for pair in pairs[(pairs >= 0).all(axis=1)].tolist():
        rows.add(-math.inf, 1.0, pair, [1.0, 1.0])


class _Levels:
    """The columns and rows of demands, one demand after the other, their levels from the lowest up."""

    def __init__(self, worth: Worth, place: IndexArray, first: int, rows: _RowsMade) -> None:
        self._entries, self._place, self._first, self._rows = worth.by_demand, place, first, rows
        self.gains: list[float] = []
        self.beginning: list[float] = []
        self.constant = 0.0

    def add(self, demand: int, surely: float, floor: float, known: float) -> None:
        """``surely`` is what it has of candidates chosen anyhow. No choice as good as the known one, of which it has
        ``known``, leaves it below ``floor``."""
        own = slice(self._entries.starts[demand], self._entries.starts[demand + 1])
        places, values = self._place[self._entries.columns[own]], self._entries.values[own]
        left = (places >= 0) & (values > surely)
        places, values = places[left], values[left]
        below = surely
        reachable = values[values >= floor]
        if below < floor and len(reachable):
            below = float(reachable.min())
            members = places[values >= below].tolist()
            self._rows.add(1.0, math.inf, members, [1.0] * len(members))
        self.constant += below
        levels = np.unique(values[values > below]).tolist()
        for number, level in enumerate(levels, start=1):
            column = self._first + len(self.gains)
            above = [column + 1] if number < len(levels) else []
            givers = [*above, *places[values == level].tolist()]
            self._rows.add(-math.inf, 0.0, [column, *givers], [1.0] + [-1.0] * len(givers))
            self.gains.append(level - below)
            self.beginning.append(float(known >= level))
            below = level
