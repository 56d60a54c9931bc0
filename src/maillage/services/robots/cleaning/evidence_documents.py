"""Evidence as it goes out: figures, and what was cleaned and missed as GeoJSON in metres on the robot's map."""

from typing import Any

import msgspec

from maillage.kernel.times import format_time
from maillage.services.robots.cleaning.documents import (
    AssistDocument,
    RunDocument,
    assist_documents,
    run_document,
)
from maillage.services.robots.cleaning.evidence import Area, Evidence, RunEvidence
from maillage.services.robots.cleaning.model import Cleaning, CleaningState, Reason

SPOTS_MAX = 1_000
"""Missed spots that are listed, the largest first; the figures count all."""


class RunEvidenceDocument(RunDocument, frozen=True, kw_only=True):
    """A run, and what is known of where it cleaned; ``gaps`` counts where its robot was not seen doing so. ``area_m2``
    is what it covered, also of what another had covered before."""

    width_m: float
    area_m2: float
    path_m: float
    cleaning_s: float
    gaps: int


class FiguresDocument(msgspec.Struct, frozen=True):
    """All runs together. ``share`` is ``cleaned_m2`` of ``reachable_m2``, ``path_m`` and ``cleaning_s`` what was driven
    with cleaning on, and seen; ``duration_s`` all time under way. ``battery_used`` is in percent of a full one, and
    like ``water_l`` null where a robot said nothing. ``productivity_m2_per_h`` is cleaned floor by hour of cleaning."""

    share: float
    target: float
    cleaned_m2: float
    missed_m2: float
    reachable_m2: float
    missed_spots: int
    largest_missed_m2: float
    path_m: float
    cleaning_s: float
    duration_s: int
    productivity_m2_per_h: float | None
    gaps: int
    battery_used: float | None
    water_l: float | None
    assists: int
    assist_s: int


class EvidenceDocument(msgspec.Struct, frozen=True):
    """The proof of a cleaning. ``geojson`` is a FeatureCollection whose coordinates are metres on the map ``map_id``:
    the floor, what was cleaned, each missed spot, and each way that was driven with cleaning on, with its times."""

    cleaning: str
    site: str
    floor: str
    floor_revision: int
    map_id: str
    state: CleaningState
    reason: Reason
    measured_at: str
    figures: FiguresDocument
    assists: list[AssistDocument]
    runs: list[RunEvidenceDocument]
    geojson: dict[str, Any]


def evidence_document(cleaning: Cleaning, evidence: Evidence) -> EvidenceDocument:
    """Of a cleaning as it is now."""
    from maillage.services.robots.cleaning.measuring import areas_m2

    spots = sorted(zip(areas_m2(evidence.missed), evidence.missed, strict=True), key=lambda spot: -spot[0])
    assists = assist_documents(cleaning)
    return EvidenceDocument(
        evidence.cleaning,
        evidence.site,
        evidence.floor,
        evidence.revision,
        evidence.map_id,
        cleaning.state,
        cleaning.reason,
        format_time(evidence.measured_at),
        _figures(cleaning, evidence, [area_m2 for area_m2, _ in spots], assists),
        assists,
        _runs(cleaning, evidence),
        geojson_of(evidence, spots[:SPOTS_MAX]),
    )


def geojson_of(evidence: Evidence, spots: list[tuple[float, list[Any]]]) -> dict[str, Any]:
    """What there is to draw."""
    features = [
        _feature("floor", "MultiPolygon", evidence.floor_area),
        _feature("cleaned", "MultiPolygon", evidence.covered, area_m2=evidence.covered_m2),
        *(_feature("missed", "Polygon", rings, area_m2=round(area_m2, 2)) for area_m2, rings in spots),
        *(_track(run, stroke) for run in evidence.runs for stroke in run.strokes),
    ]
    return {"type": "FeatureCollection", "features": features}


def _figures(
    cleaning: Cleaning, evidence: Evidence, spots_m2: list[float], assists: list[AssistDocument]
) -> FiguresDocument:
    cleaning_s = sum(run.cleaning_s for run in evidence.runs)
    used = [run.battery[0] - run.battery[1] for run in cleaning.runs if None not in run.battery]  # type: ignore[operator]
    water = [run.water_l for run in cleaning.runs if run.water_l is not None]
    over = [run.ended_at - run.started_at for run in cleaning.runs if run.ended_at is not None]
    return FiguresDocument(
        share=evidence.share,
        target=cleaning.order.target,
        cleaned_m2=evidence.covered_m2,
        missed_m2=evidence.missed_m2,
        reachable_m2=evidence.reachable_m2,
        missed_spots=len(spots_m2),
        largest_missed_m2=round(max(spots_m2, default=0.0), 2),
        path_m=round(sum(run.driven_m for run in evidence.runs), 1),
        cleaning_s=round(cleaning_s, 1),
        duration_s=sum(over),
        productivity_m2_per_h=round(evidence.covered_m2 / cleaning_s * 3600, 1) if cleaning_s else None,
        gaps=sum(run.gaps for run in evidence.runs),
        battery_used=round(sum(max(each, 0.0) for each in used), 1) if used else None,
        water_l=round(sum(water), 1) if water else None,
        assists=len(assists),
        assist_s=sum(each.resolved_s or 0 for each in assists),
    )


def _runs(cleaning: Cleaning, evidence: Evidence) -> list[RunEvidenceDocument]:
    seen = {run.number: run for run in evidence.runs}
    return [
        RunEvidenceDocument(
            **msgspec.structs.asdict(run_document(run)),
            width_m=run.width_m,
            area_m2=0.0 if (found := seen.get(run.number)) is None else found.covered_m2,
            path_m=0.0 if found is None else found.driven_m,
            cleaning_s=0.0 if found is None else found.cleaning_s,
            gaps=0 if found is None else found.gaps,
        )
        for run in cleaning.runs
    ]


def _feature(kind: str, shape: str, coordinates: Area | list[Any], **properties: Any) -> dict[str, Any]:
    geometry = {"type": shape, "coordinates": coordinates}
    return {"type": "Feature", "properties": {"kind": kind, **properties}, "geometry": geometry}


def _track(run: RunEvidence, stroke: Any) -> dict[str, Any]:
    places = [(fix.x, fix.y) for fix in stroke]
    times = [_instant(fix.at_ms) for fix in stroke]
    return _feature(
        "track", "LineString", places, run=run.number, robot=run.robot, width_m=run.width_m, coordTimes=times
    )


def _instant(at_ms: int) -> str:
    """RFC 3339 to the tenth of a second."""
    return f"{format_time(at_ms // 1000)[:-1]}.{at_ms % 1000 // 100}Z"
