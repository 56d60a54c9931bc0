"""The house of a site as it goes in and out: settings, state, and the day ahead. Quantities are decimals in vCPU."""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.documents import Quantity
from maillage.kernel.errors import Invalid
from maillage.kernel.quantities import to_thousandths
from maillage.services.compute.harvest import QUANTILE
from maillage.services.compute.house.model import HORIZON_MAX_H, HouseSettings

CPU_MAX = 1_000_000
"""Most vCPUs that are taken for those of one site."""


class NewHouse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the house of a site is to be looked after; what is left out is as it says here."""

    on: bool = True
    kind: Literal["cpu"] = "cpu"
    quantile: Annotated[float, Meta(ge=0.5, le=0.9999999)] = QUANTILE
    headroom: Quantity = 0
    horizon_h: Annotated[int, Meta(ge=1, le=HORIZON_MAX_H)] = 1


class HouseReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the store's monitoring says that its own work uses, beside apps on the store's runtime; ``at`` is RFC 3339,
    now if left out."""

    cpu: Annotated[float, Meta(ge=0, le=CPU_MAX)]
    at: str | None = None


class UseDocument(msgspec.Struct, frozen=True):
    """``cpu`` is null while the last report is too old to count; ``apps`` is the part of the house's own instances."""

    cpu: int | float | None
    apps: int | float
    reported: int | float | None
    reported_at: str | None


class HourDocument(msgspec.Struct, frozen=True):
    """An hour by the store's clock, from ``at`` on: what the house is expected to use, what is kept for it with the
    margin, what stands leased for it at least; the most that others hold as firm and as spot, and the least that is
    still to be sold."""

    at: str
    expected: int | float
    kept: int | float
    leased: int | float
    firm: int | float
    spot: int | float
    left: int | float


class HouseDocument(msgspec.Struct, frozen=True):
    """Settings and state. ``profile`` is ``learning`` until two weeks are known; ``weeks`` is how many it is of.
    ``margin`` is what is kept above what is expected. ``kept``, ``leased`` and ``left`` are of this moment, ``short``
    is what at most could not be leased for the house, since firm leases stand there."""

    site: str
    on: bool
    kind: str
    quantile: float
    headroom: int | float
    horizon_h: int
    size: int | float
    use: UseDocument
    profile: Literal["learning", "learnt"]
    weeks: int
    margin: int | float
    kept: int | float
    leased: int | float
    short: int | float
    left: int | float
    day: list[HourDocument]
    as_of: str


def settings_of(document: NewHouse) -> HouseSettings:
    headroom = to_thousandths(document.headroom, "headroom", minimum=0)
    return HouseSettings(document.on, document.kind, document.quantile, headroom, document.horizon_h)


def used_of(report: HouseReport) -> int:
    """Thousandths of a vCPU. What was measured has as many places as it has: it is rounded up."""
    if not 0 <= report.cpu <= CPU_MAX:  # false for NaN as well
        raise Invalid("cpu", f"{report.cpu} is out of range; it goes from 0 to {CPU_MAX:,} vCPU")
    return math.ceil(report.cpu * 1_000 - 1e-6)
