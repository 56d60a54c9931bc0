"""From strokes to what they cover of the floor, over all runs of a cleaning."""

from collections.abc import Sequence

import msgspec
import numpy as np
import shapely

from maillage.services.robots.cleaning.driven import Driven, duration_s, length_m
from maillage.services.robots.cleaning.evidence import Area, Evidence, RunEvidence
from maillage.services.robots.cleaning.model import Cleaning, Run
from maillage.services.robots.cleaning.planning import geometry_of
from maillage.services.robots.coverage.measure import brushed, visible
from maillage.services.robots.coverage.model import Floor, Robot, polygons
from maillage.services.robots.coverage.room import Room

CENTIMETRE = 0.01


class Ground(msgspec.Struct, frozen=True):
    """The floor that evidence is measured on: as it is now, with its revision, and a place in the part of it that is
    meant, where it has several (a dock)."""

    floor: Floor
    map_id: str
    revision: int
    at: tuple[float, float] | None


def run_evidence(run: Run, found: Driven) -> RunEvidence:
    """Of one run, before it is measured."""
    return RunEvidence(
        number=run.number,
        robot=run.robot,
        width_m=run.width_m,
        radius_m=run.radius_m,
        strokes=found.strokes,
        gaps=found.gaps,
        driven_m=round(length_m(found.strokes), 2),
        cleaning_s=round(duration_s(found.strokes), 1),
    )


def measured(cleaning: Cleaning, ground: Ground, runs: Sequence[RunEvidence], now: int) -> Evidence:
    """What the runs have covered together, and what each added. What can be reached is judged for the robot of the last
    run; floor that was covered by another with a wider brush counts where that robot can reach it."""
    width_m, radius_m = (runs[-1].width_m, runs[-1].radius_m) if runs else (0.7, 0.35)
    room = Room(ground.floor, Robot(width_m=width_m, radius_m=radius_m), ground.at, "dock")
    wanted = room.reachable if cleaning.order.area is None else wanted_of(room.reachable, cleaning.order.area)
    together: shapely.Geometry = shapely.MultiPolygon()
    counted: list[RunEvidence] = []
    clean_m2 = 0.0
    for run in runs:
        brush = brush_of(run).intersection(wanted)
        together = together.union(brush)
        area_m2 = together.area
        counted.append(
            msgspec.structs.replace(
                run, covered_m2=round(brush.area, 2), gained_m2=round(max(area_m2 - clean_m2, 0.0), 2)
            )
        )
        clean_m2 = area_m2
    missed = polygons(wanted.difference(together))
    reachable_m2, missed_m2 = float(wanted.area), float(sum(part.area for part in missed))
    return Evidence(
        cleaning=cleaning.id,
        site=cleaning.site,
        floor=cleaning.floor,
        revision=ground.revision,
        map_id=ground.map_id,
        measured_at=now,
        floor_area=area_of(room.floor),
        covered=area_of(together),
        missed=area_of(visible(missed)),
        reachable_m2=round(reachable_m2, 2),
        covered_m2=round(reachable_m2 - missed_m2, 2),
        missed_m2=round(missed_m2, 2),
        share=round(max(0.0, 1 - missed_m2 / reachable_m2), 6) if reachable_m2 else 1.0,
        runs=tuple(counted),
    )


def wanted_of(reachable: shapely.Geometry, area: Area) -> shapely.Geometry:
    """The part of the reachable floor that an order is for."""
    return shapely.MultiPolygon(polygons(reachable.intersection(shapely.make_valid(geometry_of(area)))))


def brush_of(run: RunEvidence) -> shapely.Geometry:
    """What the brush of a run has touched."""
    stretches = [np.array([(fix.x, fix.y) for fix in stroke], np.float64) for stroke in run.strokes]
    return shapely.union_all([brushed(stretch, run.width_m) for stretch in stretches]) if stretches else _nothing()


def area_of(geometry: shapely.Geometry) -> Area:
    """Its polygons as coordinates, to the centimetre; a polygon that this leaves nothing of is left out."""
    rounded = shapely.set_precision(geometry, CENTIMETRE)
    return [
        [[(round(x, 2), round(y, 2)) for x, y in ring.coords] for ring in (part.exterior, *part.interiors)]
        for part in polygons(rounded)
    ]


def areas_m2(area: Area) -> list[float]:
    """How large each polygon is."""
    return [part.area for part in shapely.get_parts(geometry_of(area))]


def _nothing() -> shapely.Geometry:
    return shapely.MultiPolygon()
