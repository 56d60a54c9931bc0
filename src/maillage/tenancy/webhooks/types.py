"""Which types of events a webhook is told of."""

from collections.abc import Sequence
from typing import get_args

from maillage.kernel.errors import Invalid
from maillage.kernel.events import Event, Noted
from maillage.kernel.notices import SERVICES

TYPE_PREFIX = "maillage."
TYPES_MAX = 32
ALL_TYPES = [TYPE_PREFIX + "*"]
KNOWN = tuple(sorted(TYPE_PREFIX + kind.topic for kind in get_args(Event) if kind is not Noted))
OF_SERVICES = tuple(f"{TYPE_PREFIX}{service}." for service in SERVICES)
"""What the types of notices begin with; which there are is the services' affair."""


def matches(patterns: Sequence[str], event_type: str) -> bool:
    """Whether one of the patterns is this type, or its beginning with a ``*`` after it."""
    return any(
        event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern for pattern in patterns
    )


def checked_types(patterns: Sequence[str]) -> list[str]:
    """The patterns without doubles, everything where there are none. Invalid for one that no event could match."""
    if len(patterns) > TYPES_MAX:
        raise Invalid("types", f"there are {len(patterns)}; at most {TYPES_MAX} are taken, and a trailing * says more")
    for pattern in patterns:
        if not (pattern.startswith(OF_SERVICES) or any(matches([pattern], known) for known in (*KNOWN, *OF_SERVICES))):
            there_are = ", ".join((*KNOWN, *(f"{beginning}*" for beginning in OF_SERVICES)))
            raise Invalid("types", f"{pattern[:60]!r} matches no type of event; there are {there_are}")
    return list(dict.fromkeys(patterns)) or ALL_TYPES
