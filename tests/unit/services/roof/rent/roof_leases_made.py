"""Roof leases as they stand in the records, for tests of rent."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from maillage.services.roof.leasing.model import RoofLease
from maillage.services.roof.rent.days import midnight
from maillage.services.roof.rent.schedule import runs_until
from maillage.services.roof.rent.terms import Terms
from tests.unit.services.roof.rent.rent_terms import terms

TZ = "America/Chicago"
CREATED_AT = 1_790_000_000  # 2026-09-21


def roof_lease(name: str = "rl-1", first: date = date(2027, 1, 1), let: Terms | None = None, **more: Any) -> RoofLease:
    """On air, of acme at wm-1, in Chicago's zone, unless told otherwise."""
    let = let or terms()
    zone = ZoneInfo(more.get("tz", TZ))
    start = midnight(first, zone)
    whole = {
        "id": name,
        "tenant": "acme",
        "site": "wm-1",
        "state": "on_air",
        "mounts": ("m1",),
        "needs": {"roof_mount": 1_000},
        "antennas": (),
        "terms": let,
        "start": start,
        "runs_until": runs_until(let, start, zone),
        "created_at": CREATED_AT,
        "tz": TZ,
        "revision": 1,
    }
    return RoofLease(**{**whole, **more})
