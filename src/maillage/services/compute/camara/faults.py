"""What goes wrong, in CAMARA's words: a status, a code and a message."""

from maillage.kernel.errors import (
    AlreadyExists,
    Category,
    NoCapacity,
    NoticeTooShort,
    QuotaExceeded,
    Refusal,
    SiteUnreachable,
)
from maillage.services.compute.errors import RevisionStale

MESSAGE_MAX = 512
NO_CAPACITY = "MAILLAGE.NO_CAPACITY"
"""CAMARA has no code for a store that is full; providers may add codes with a prefix of their own."""

_BY_KIND: tuple[tuple[type[Refusal], int, str], ...] = (
    (NoCapacity, 409, NO_CAPACITY),
    (NoticeTooShort, 409, NO_CAPACITY),
    (SiteUnreachable, 503, "UNAVAILABLE"),
    (QuotaExceeded, 429, "QUOTA_EXCEEDED"),
    (AlreadyExists, 409, "ALREADY_EXISTS"),
    (RevisionStale, 409, "ABORTED"),
)
_BY_CATEGORY = {
    Category.MALFORMED: (400, "INVALID_ARGUMENT"),
    Category.INVALID: (400, "INVALID_ARGUMENT"),
    Category.FORBIDDEN: (403, "PERMISSION_DENIED"),
    Category.MISSING: (404, "NOT_FOUND"),
    Category.REFUSED: (409, "INCOMPATIBLE_STATE"),
    Category.LIMITED: (429, "TOO_MANY_REQUESTS"),
    Category.UNAVAILABLE: (503, "UNAVAILABLE"),
}


class Fault(Exception):
    """An answer that is an error. ``status`` is that of HTTP."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message[:MESSAGE_MAX]


def of_refusal(refusal: Refusal) -> Fault:
    """A refusal of the chain in CAMARA's words."""
    for kind, status, code in _BY_KIND:
        if isinstance(refusal, kind):
            return Fault(status, code, refusal.detail)
    status, code = _BY_CATEGORY[refusal.category]
    return Fault(status, code, refusal.detail)


def invalid(field: str, problem: str) -> Fault:
    return Fault(400, "INVALID_ARGUMENT", f"{field}: {problem}")


def missing(what: str) -> Fault:
    return Fault(404, "NOT_FOUND", f"There is no such {what}, or it is not yours.")
