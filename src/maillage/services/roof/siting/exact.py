"""The proved best, by HiGHS, of what bounds have left open."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from maillage.kernel.bounds import BoolArray
from maillage.services.roof.siting.greedy import best_of
from maillage.services.roof.siting.heuristic import Found
from maillage.services.roof.siting.lagrange import CLOSED
from maillage.services.roof.siting.program import Program, make_program
from maillage.services.roof.siting.rules import Rules
from maillage.services.roof.siting.worth import Worth

THREADS = 2
NEARLY_WHOLE = 1e-6
"""By how much a bound in floats on a worth in whole numbers may be off."""
POLL_S = 0.05

Told = Callable[[float, float], None]
"""Seconds taken, and the worth that is between the best choice and the bound, as a share of the bound."""


class Proof(msgspec.Struct, frozen=True):
    """The best choice found, a bound on every choice's worth, and whether the two are one."""

    chosen: BoolArray
    value: float
    bound: float

    @property
    def proved(self) -> bool:
        return self.bound <= self.value


def prove(worth: Worth, rules: Rules, found: Found, time_limit_s: float, told: Told | None = None) -> Proof:
    """Go on from what was found until it is proved, or bettered and that proved, or the time is over."""
    bound = least_bound(worth, found.relaxed.bound, found.value)
    if bound <= found.value or time_limit_s <= 0:
        return Proof(found.chosen, found.value, bound)
    program = make_program(worth, rules, found)
    if not len(program.open):  # the bound has settled all: no other choice is as good
        return Proof(found.chosen, found.value, found.value)
    solver = _solver(program, time_limit_s, worth.whole)
    if told is not None:
        solver.cbMipInterrupt.subscribe(
            lambda event: told(event.data_out.running_time, _gap(event.data_out, program.constant))
        )
    _run(solver)
    chosen, value = found.chosen, found.value
    if (better := _choice(program, solver)) is not None and rules.kept_by(better):
        reached = float(best_of(worth, better).sum())
        if reached > value:
            chosen, value = better, reached
    return Proof(chosen, value, least_bound(worth, _bound(program, solver, bound, value), value))


def least_bound(worth: Worth, bound: float, value: float) -> float:
    """The bound, rounded down where worths are whole numbers, and ``value`` itself where no more than rounding is
    between."""
    if worth.whole:
        bound = math.floor(bound + NEARLY_WHOLE + CLOSED * abs(bound))
    return value if bound - value <= CLOSED * abs(bound) else bound


def _solver(program: Program, time_limit_s: float, whole: bool) -> Any:
    import highspy

    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    for option, value in (
        ("threads", THREADS),
        ("time_limit", float(time_limit_s)),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.999 if whole else CLOSED * max(abs(program.constant), 1.0)),
    ):
        solver.setOptionValue(option, value)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(program.gains), len(program.row_lower)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = program.gains
    model.col_lower_, model.col_upper_ = np.zeros(len(program.gains)), np.ones(len(program.gains))
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_ = program.row_starts, program.columns
    model.a_matrix_.value_ = program.coefficients
    whole_or_not = [highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous]
    model.integrality_ = [whole_or_not[column >= len(program.open)] for column in range(len(program.gains))]
    solver.passModel(model)
    beginning = highspy.HighsSolution()
    beginning.col_value = program.beginning.tolist()
    solver.setSolution(beginning)
    return solver


def _run(solver: Any) -> None:
    """Let it run in a thread of its own, so that an interrupt from the keyboard is heard and ends it."""
    solver.HandleUserInterrupt = True
    solver.startSolve()
    try:
        while not solver.wait(POLL_S)[0]:
            pass
    except KeyboardInterrupt:
        solver.cancelSolve()
        while not solver.wait(POLL_S)[0]:
            pass
        raise


def _choice(program: Program, solver: Any) -> BoolArray | None:
    values = np.array(solver.getSolution().col_value)[: len(program.open)]
    if len(values) < len(program.open):
        return None
    chosen = program.inside.copy()
    chosen[program.open[values > 0.5]] = True
    return chosen


def _bound(program: Program, solver: Any, bound: float, value: float) -> float:
    """The lower of two bounds, and the value itself where the solver is through with all."""
    import highspy

    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kOptimal:
        return value
    if status != highspy.HighsModelStatus.kTimeLimit:
        return bound
    return max(min(bound, float(solver.getInfo().mip_dual_bound) + program.constant), value)


def _gap(state: Any, constant: float) -> float:
    bound = state.mip_dual_bound + constant
    gap: float = (bound - state.mip_primal_bound - constant) / max(abs(bound), 1e-300)
    return gap
