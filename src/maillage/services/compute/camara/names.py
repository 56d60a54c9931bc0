"""Names and identifiers as CAMARA wants them, made of ours."""

import re
import unicodedata
from functools import lru_cache
from uuid import UUID, uuid4, uuid5

NAMESPACE = UUID("5b0f6a52-2a0c-4a0e-9c39-6a8f2f6d3c11")
"""Ours for the ids of zones; it stays, or every zone would get another id."""
PLAIN_MAX, NAME_MAX = 55, 64
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


@lru_cache(maxsize=1 << 16)
def zone_id(site_id: str) -> str:
    """The same for a store always and everywhere; of version 5, since CAMARA's pattern ends there."""
    return str(uuid5(NAMESPACE, site_id))


def new_id() -> str:
    """For an app, an instance, a deployment or a profile."""
    return str(uuid4())


def plain(text: str) -> str:
    """A name of letters, digits and hyphens, at most 55 of them: the strictest of the five APIs. Empty where nothing is
    left of it."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", ascii_only).strip("-")[:PLAIN_MAX].rstrip("-")


def provider_of(tenant: str) -> str:
    """A tenant as ``appProvider``: underscores for what is not allowed, ``tenant_`` before what is too short or begins
    with a digit."""
    name = _NOT_PLAIN.sub("_", tenant)
    return (name if len(name) >= 8 and name[0].isalpha() else f"tenant_{name}")[:NAME_MAX]
