"""What the verbs that serve take from the environment: how they log, and who may read their metrics."""

import os
from typing import TypeVar

from maillage.faces.cli.failures import own_problem

LOG, LOG_LEVEL, METRICS = "MAILLAGE_LOG", "MAILLAGE_LOG_LEVEL", "MAILLAGE_METRICS"
PUBLIC, OPERATORS = "public", "operators"

T = TypeVar("T", bound=str)


def configure_logs() -> None:
    """Log as MAILLAGE_LOG and MAILLAGE_LOG_LEVEL say: warnings and worse, as text, unless told otherwise."""
    from maillage.faces.operations.logs import FORMS, LEVELS, configure

    configure(_chosen(LOG, FORMS, "text"), _chosen(LOG_LEVEL, LEVELS, "warning"))


def metrics_are_public() -> bool:
    """Whether MAILLAGE_METRICS opens ``/metrics`` to everybody who reaches the server."""
    return _chosen(METRICS, (OPERATORS, PUBLIC), OPERATORS) == PUBLIC


def _chosen(variable: str, choices: tuple[T, ...], default: T) -> T:
    given = os.environ.get(variable, "").lower()
    if not given:
        return default
    for choice in choices:
        if choice == given:
            return choice
    raise own_problem("usage", f"{variable} is {given[:40]!r}; it takes {', '.join(choices)}")
