"""What several routes take: the chain, whoever is asking, and where a page starts."""

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from maillage.bootstrap import Chain
from maillage.kernel.errors import Invalid
from maillage.kernel.sites import check_position
from maillage.tenancy.access import Principal

PAGE_MAX = 1_000
PAGE_DEFAULT = 100

TheChain = NamedDependency[Chain]
Caller = NamedDependency[Principal]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="entries a page")]
Cursor = Annotated[str | None, QueryParameter(max_length=64, description="the `next` of the former page")]


def parse_place(text: str, field: str) -> tuple[float, float]:
    """``LAT,LON`` in degrees."""
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        raise Invalid(field, f"{text[:40]!r} is not LAT,LON such as 36.37,-94.21") from None
    check_position(lat, lon)
    return lat, lon
