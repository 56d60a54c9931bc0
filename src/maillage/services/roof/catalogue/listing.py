"""Which roofs are looked for, and why the others are not it."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from maillage.kernel.geo import km_of_chords, unit_vector, unit_vectors
from maillage.kernel.office import Office
from maillage.kernel.sites import Site
from maillage.services.roof.catalogue.model import Roof
from maillage.services.roof.catalogue.stock import NOTHING, Stock, stock_of

STOCKS_A_TURN = 250
"""Roofs whose pools are looked at before others have their turn: leases are granted by the same thread."""


class RoofFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None is any. ``near`` is latitude and longitude in degrees. Roofs whose neighbours nobody looked at are left out
    where ``above_neighbours_m`` is asked for, unless ``unknown_heights``."""

    near: tuple[float, float] | None = None
    within_km: float | None = None
    country: str | None = None
    region: str | None = None
    above_neighbours_m: float | None = None
    unknown_heights: bool = False
    power_kw: float = 0.0
    fibre_pairs: int = 0
    free_mounts: int = 0

    @property
    def asks_for_stock(self) -> bool:
        return self.power_kw > 0 or self.fibre_pairs > 0 or self.free_mounts > 0


class Candidate(msgspec.Struct, frozen=True):
    """A roof of a site that is there. ``distance_km`` where a place was given; ``stock`` is nothing until it was
    looked at."""

    roof: Roof
    site: Site
    distance_km: float | None = None
    stock: Stock = NOTHING


class Selection(msgspec.Struct, frozen=True):
    """Roofs, the nearest first where a place was given, else by their sites' ids; and how many were not it, by
    reason."""

    candidates: list[Candidate]
    passed_over: dict[str, int]


def matching(
    roofs: Sequence[Roof], sites: dict[str, Site], wanted: RoofFilter, always: Collection[str] = ()
) -> Selection:
    """What fits in place and height; pools are not looked at. Those of ``always`` fit whatever they are."""
    known = [Candidate(roof, sites[roof.site]) for roof in roofs if roof.site in sites]
    found: list[Candidate] = []
    passed_over: Counter[str] = Counter()
    for candidate in _with_distances(known, wanted.near):
        reason = "" if candidate.site.id in always else _unfit(candidate, wanted)
        if reason:
            passed_over[reason] += 1
        else:
            found.append(candidate)
    if wanted.near is not None:
        found.sort(key=lambda each: (each.distance_km, each.site.id))
    return Selection(found, dict(passed_over))


async def with_stock(
    candidates: Sequence[Candidate], held: dict[str, dict[str, str]], office: Office
) -> list[Candidate]:
    """The same, with what is to be had of each; ``held`` are held mounts by site."""
    found: list[Candidate] = []
    for start in range(0, len(candidates), STOCKS_A_TURN):
        view = office.glance()
        for each in candidates[start : start + STOCKS_A_TURN]:
            pools = view.ledger.pools.get(each.site.id, {})
            stock = stock_of(each.roof, held.get(each.site.id, ()), pools, view.now)
            found.append(msgspec.structs.replace(each, stock=stock))
        await asyncio.sleep(0)
    return found


def in_stock(candidates: Sequence[Candidate], wanted: RoofFilter, always: Collection[str] = ()) -> Selection:
    """Those that have what is wanted free, and those of ``always``; their stock is known."""
    found: list[Candidate] = []
    passed_over: Counter[str] = Counter()
    for each in candidates:
        if each.site.id in always:
            found.append(each)
        elif each.stock.mounts_free < wanted.free_mounts:
            passed_over["free_mounts"] += 1
        elif each.stock.power_kw[1] < wanted.power_kw:
            passed_over["power_kw"] += 1
        elif each.stock.fibre_pairs[1] < wanted.fibre_pairs:
            passed_over["fibre_pairs"] += 1
        else:
            found.append(each)
    return Selection(found, dict(passed_over))


def _with_distances(candidates: list[Candidate], near: tuple[float, float] | None) -> list[Candidate]:
    if near is None or not candidates:
        return candidates
    lat, lon = (np.array([getattr(each.site, name) for each in candidates]) for name in ("lat", "lon"))
    km = km_of_chords(np.linalg.norm(unit_vectors(lat, lon) - np.array(unit_vector(*near)), axis=1))
    return [
        msgspec.structs.replace(each, distance_km=round(distance_km, 3))
        for each, distance_km in zip(candidates, km.tolist(), strict=True)
    ]


def _unfit(candidate: Candidate, wanted: RoofFilter) -> str:
    """Why a roof is not looked for; empty where it is."""
    site, above_m = candidate.site, candidate.roof.above_neighbours_m
    if wanted.country is not None and site.country != wanted.country:
        return "country"
    if wanted.region is not None and site.region != wanted.region:
        return "region"
    if wanted.within_km is not None and candidate.distance_km is not None and candidate.distance_km > wanted.within_km:
        return "near"
    if wanted.above_neighbours_m is None:
        return ""
    if above_m is None:
        return "" if wanted.unknown_heights else "unknown_heights"
    return "above_neighbours_m" if above_m < wanted.above_neighbours_m else ""
