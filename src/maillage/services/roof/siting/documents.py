"""A plan as documents: one for programs, and the chosen places on a map (RFC 7946)."""

from typing import Any

from maillage.kernel.errors import Invalid
from maillage.services.roof.siting.instances.making import Wanted
from maillage.services.roof.siting.instances.model import Degrees, Instance
from maillage.services.roof.siting.plan import Plan

DIGITS = 6
"""Decimals of objectives, which are people or metres times people."""


def plan_document(file: str, wanted: Wanted, p: int | None, radius_m: float | None, plan: Plan) -> dict[str, Any]:
    """What ``maillage roof choose --json`` prints; ``p`` is what was asked, by hand or by the file."""
    return {
        "problem": wanted.kind,
        "file": file,
        "method": plan.method,
        "p": p,
        "radius_m": radius_m,
        "objective": _plain(plan.objective),
        "bound": _plain(plan.bound),
        "gap": plan.gap,
        "proved": plan.proved,
        "chosen": list(plan.chosen),
        "in_order": list(plan.in_order),
        "covered_share": plan.covered_share,
        "cost": None if plan.cost is None else _plain(plan.cost),
        "budget": wanted.budget,
        "fixed": list(wanted.fixed),
        "separation_km": wanted.separation_km,
        "candidates": plan.candidates,
        "demands": plan.demands,
        "demands_merged": plan.demands_merged,
        "seconds": round(plan.seconds, 3),
    }


def chosen_geojson(instance: Instance, plan: Plan, radius_m: float | None) -> dict[str, Any]:
    """The chosen candidates as points, in the order of choice; Invalid where the file has no degrees for them."""
    places = require_degrees(instance)
    number_of = {each: number for number, each in enumerate(instance.ids)}
    features = []
    for rank, each in enumerate(plan.in_order, start=1):
        number = number_of[each]
        properties: dict[str, Any] = {"ref": each, "rank": rank}
        if radius_m is not None:
            properties["catchment_km"] = radius_m / 1_000
        if instance.costs is not None:
            properties["cost"] = float(instance.costs[number])
        point = [float(places.lon[number]), float(places.lat[number])]
        features.append(
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": point}, "properties": properties}
        )
    return {"type": "FeatureCollection", "features": features}


def require_degrees(instance: Instance) -> Degrees:
    """Where the candidates are; Invalid where that is not on the earth."""
    if not isinstance(instance.places, Degrees):
        raise Invalid("geojson", "can't be written: the file has no latitudes and longitudes for its candidates")
    return instance.places


def _plain(number: float) -> int | float:
    """A whole number where it is one."""
    return int(number) if number == int(number) else round(number, DIGITS)
