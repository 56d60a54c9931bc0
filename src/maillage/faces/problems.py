"""One catalogue of everything that can go wrong at a face: the kernel's refusals and those of the door itself.

Each has a ``type`` that is a path in the documentation, so that whoever gets a problem can read on.
"""

from typing import Any

import msgspec

# A refusal is in the catalogue once its module is imported.
import maillage.devices.errors
import maillage.services.compute.errors
import maillage.services.robots.cleaning.errors
import maillage.services.robots.fleet.errors
import maillage.services.roof.catalogue.errors
import maillage.services.roof.errors
import maillage.services.roof.leasing.errors
import maillage.services.roof.radio.errors
import maillage.services.sensing.coldchain.errors
import maillage.services.sensing.registry.errors  # noqa: F401
from maillage.kernel.errors import Category, Refusal, all_refusals

TYPE_PREFIX = "/problems/"

STATUS = {
    Category.MALFORMED: 400,
    Category.INVALID: 422,
    Category.FORBIDDEN: 403,
    Category.MISSING: 404,
    Category.TOO_LARGE: 413,
    Category.REFUSED: 409,
    Category.LIMITED: 429,
    Category.UNAVAILABLE: 503,
}
"""What each sort of refusal is in HTTP."""


class ProblemType(msgspec.Struct, frozen=True):
    """An entry of the catalogue; ``help`` says what to do about it."""

    slug: str
    title: str
    status: int
    help: str


DOOR_PROBLEMS = {
    401: ProblemType("no-key", "A key is needed", 401, "Send 'Authorization: Bearer KEY' with a key that is in force."),
    404: ProblemType("no-such-address", "There is no such address", 404, "See /openapi.json for the addresses."),
    405: ProblemType("wrong-method", "This address has no such method", 405, "The Allow header lists its methods."),
    408: ProblemType("too-slow", "The request did not come in time", 408, "Send the body without long pauses."),
    413: ProblemType("too-large", "The request is too large", 413, "Split it; the limits are in the API reference."),
    415: ProblemType(
        "wrong-type",
        "The body is of the wrong type",
        415,
        "Send application/json (text/csv or application/geo+json for sites, application/wasm or application/x-tar for"
        " versions of apps).",
    ),
    500: ProblemType(
        "internal", "Something broke here", 500, "Nothing was kept. Try again, and report it if it stays."
    ),
}
"""Problems of the door, by status: they never come from the kernel."""


def catalogue() -> list[ProblemType]:
    """Every type of problem, by slug."""
    kernel = [
        ProblemType(kind.slug, kind.title, STATUS[kind.category], " ".join((kind.__doc__ or "").split()))
        for kind in all_refusals()
    ]
    return sorted([*kernel, *DOOR_PROBLEMS.values()], key=lambda problem: problem.slug)


def of_refusal(refusal: Refusal) -> dict[str, Any]:
    """A refusal as RFC 9457 wants it, its data beside the standard members."""
    return {
        "type": TYPE_PREFIX + refusal.slug,
        "title": refusal.title,
        "status": STATUS[refusal.category],
        "detail": refusal.detail,
        **refusal.extra,
    }


def of_door(status: int, detail: str) -> dict[str, Any]:
    """A problem of the door itself."""
    known = DOOR_PROBLEMS[status]
    return {
        "type": TYPE_PREFIX + known.slug,
        "title": known.title,
        "status": status,
        "detail": f"{detail} {known.help}".lstrip(),
    }
