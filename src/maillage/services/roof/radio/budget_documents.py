"""Link budgets as documents."""

from typing import Any

import msgspec

from maillage.services.roof.radio.budgets import (
    Direction,
    LinkBudget,
    bandwidth_hz,
    limiting_direction,
    max_path_loss_db,
    noise_dbm,
    planned_path_loss_db,
)

DIRECTIONS: tuple[Direction, ...] = ("down", "up")


def budget_document(budget: LinkBudget) -> dict[str, Any]:
    """The budget as its file has it, and beside each link what follows from it."""
    document: dict[str, Any] = msgspec.to_builtins(budget)
    for direction in DIRECTIONS:
        document[direction] |= {
            "bandwidth_mhz": bandwidth_hz(budget, direction) / 1e6,
            "noise_dbm": round(noise_dbm(budget, direction), 2),
            "max_path_loss_db": round(max_path_loss_db(budget, direction), 2),
            "planned_path_loss_db": round(planned_path_loss_db(budget, direction), 2),
        }
    return document | {"limiting": limiting_direction(budget)}
