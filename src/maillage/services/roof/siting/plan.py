"""What was chosen, and how good that is known to be."""

from typing import Literal, get_args

import msgspec

Method = Literal["greedy", "exact"]
METHODS: tuple[str, ...] = get_args(Method)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of candidates.

    ``chosen`` are ids in the order of the candidates, ``in_order`` the same, the fixed ones first and then whichever
    adds most to those before it. ``objective`` is what the problem counts: weight covered (the more the better) or
    weighted distance (the less the better). ``bound``: no choice can be better than this, which is proved; ``gap`` is
    how far the objective is from it, as a share of the bound (0 where both are equal). ``proved`` tells that no other
    choice is better. ``covered_share`` is the objective over all weight, None for a p-median. ``cost`` is None where
    candidates have no costs. ``demands`` and ``demands_merged``: how many there were, and how many were left when
    those with the same servers had been made one.
    """

    method: Method
    chosen: tuple[str, ...]
    in_order: tuple[str, ...]
    objective: float
    bound: float
    gap: float
    proved: bool
    covered_share: float | None
    cost: float | None
    seconds: float
    candidates: int
    demands: int
    demands_merged: int
