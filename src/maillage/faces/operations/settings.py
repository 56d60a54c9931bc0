"""What those who run a server set by its environment: how it logs, and who may read its metrics."""

from collections.abc import Mapping
from typing import TypeVar

from maillage.faces.operations.logs import FORMS, LEVELS, configure
from maillage.kernel.errors import Invalid

LOG, LOG_LEVEL, METRICS = "MAILLAGE_LOG", "MAILLAGE_LOG_LEVEL", "MAILLAGE_METRICS"
PUBLIC, OPERATORS = "public", "operators"

T = TypeVar("T", bound=str)


def configure_logs(environment: Mapping[str, str]) -> None:
    """Log as the environment says: warnings and worse, as text, unless told otherwise. Invalid where that means
    nothing."""
    configure(_chosen(environment, LOG, FORMS, "text"), _chosen(environment, LOG_LEVEL, LEVELS, "warning"))


def metrics_are_public(environment: Mapping[str, str]) -> bool:
    """Whether ``/metrics`` is for everybody who reaches the server, and not for operators only."""
    return _chosen(environment, METRICS, (OPERATORS, PUBLIC), OPERATORS) == PUBLIC


def _chosen(environment: Mapping[str, str], variable: str, choices: tuple[T, ...], default: T) -> T:
    given = environment.get(variable, "").lower()
    if not given:
        return default
    for choice in choices:
        if choice == given:
            return choice
    raise Invalid(variable, f"is {given[:40]!r}; it takes {', '.join(choices)}")
