"""Parameters that several routes share."""

from typing import Annotated

from litestar.params import Parameter

from maillage.kernel.errors import Invalid
from maillage.kernel.sites import check_position

PAGE_MAX = 1_000
PAGE_DEFAULT = 100

Limit = Annotated[int, Parameter(ge=1, le=PAGE_MAX, description="entries a page")]
Cursor = Annotated[str | None, Parameter(max_length=64, description="the `next` of the former page")]


def parse_place(text: str, field: str) -> tuple[float, float]:
    """``LAT,LON`` in degrees."""
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        raise Invalid(field, f"{text[:40]!r} is not LAT,LON such as 36.37,-94.21") from None
    check_position(lat, lon)
    return lat, lon
