"""Replaying tracks over stores: the real ledger on simulated time, real state in real stores, and what came of it."""

import asyncio
import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np
from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import SiteIndex, unit_vector, unit_vectors
from maillage.kernel.office import Office
from maillage.kernel.sites import Site
from maillage.kernel.times import HOUR_S
from maillage.services.compute.follow.break_first import BreakFirst
from maillage.services.compute.follow.doors import Doors
from maillage.services.compute.follow.handover import Handover
from maillage.services.compute.follow.journey import Journeys
from maillage.services.compute.follow.office_ground import OfficeGround
from maillage.services.compute.follow.policy import Rules
from maillage.services.compute.follow.ports import Mover, SessionRecords
from maillage.services.compute.follow.report import FollowReport, Goals, Interruption, Outcome
from maillage.services.compute.follow.sessions import Sessions
from maillage.services.compute.follow.state import StatesOfStores, TrackedValues
from maillage.services.compute.follow.stores import Stores
from maillage.services.compute.follow.tracks import Track
from maillage.services.compute.follow.watched import SessionCode, WatchedMover

NEEDS = {"cpu": 500, "memory": 500}
"""What a session leases, in thousandths: half a vCPU and half a GiB."""
TENANT = "fleet"
SWEEP_S = 60
REPORTS_A_STEP = 500
"""Reports between two signs of progress."""

Way = Literal["make-before-break", "break-before-make"]
Progress = Callable[[int], None]
"""Told of reports that were replayed."""


class Stage(NamedTuple):
    """A chain to play on. ``set_clock`` moves its time (seconds UTC), ``values`` is the key-value store of a site."""

    office: Office
    set_clock: Callable[[int], None]
    records: SessionRecords
    values: Callable[[str], TrackedValues]


OpenStage = Callable[[Sequence[Site], int], AbstractAsyncContextManager[Stage]]
"""A fresh chain of these sites, whose time begins at an instant."""


class Contender(NamedTuple):
    """A way to follow, and the rules that it goes by."""

    name: str
    way: Way
    rules: Rules


PREDICT_TO_COMPARE_S = 30


def contenders(rules: Rules, compare: bool) -> list[Contender]:
    """The baseline, which is always at the nearest store, then following by these rules; ``compare`` adds the same
    with prediction where the rules have none, and without where they have some."""
    nearest = Rules(rules.bound_km, 0.0, 0, 0, math.inf, rules.silence_s)
    every = [
        Contender("baseline", "break-before-make", nearest),
        Contender("follow", "make-before-break", rules),
    ]
    if compare:
        name, predict_s = ("without prediction", 0) if rules.predict_s else ("with prediction", PREDICT_TO_COMPARE_S)
        every.append(Contender(name, "make-before-break", replace(rules, predict_s=predict_s)))
    return every


async def replay(
    rules: Rules,
    tracks: Sequence[Track],
    sites: Sequence[Site],
    open_stage: OpenStage,
    state_bytes: int,
    compare: bool,
    told: Progress,
) -> FollowReport:
    """Let each contender follow the tracks over a chain of its own, one after another."""
    start = min(track.t[0] for track in tracks)
    outcomes: list[Outcome] = []
    for contender in contenders(rules, compare):
        async with open_stage(sites, start) as stage:
            outcome, journeys = await play(contender, tracks, sites, stage, state_bytes, told)
            outcomes.append(outcome)
    return FollowReport(
        devices=len(tracks),
        pieces=journeys.pieces,
        reports=sum(len(track.t) for track in tracks),
        device_hours=round(journeys.device_s / HOUR_S, 2),
        stores=len(sites),
        bound_km=rules.bound_km,
        silence_s=rules.silence_s,
        state_bytes=state_bytes,
        nobody_within=round(journeys.nobody_within_s / journeys.device_s, 5),
        km_to_nearest=round(journeys.nearest_km_s / journeys.device_s, 3),
        outcomes=outcomes,
        goals=Goals.of(outcomes[1], outcomes[0]),
    )


def sites_near(sites: Sequence[Site], tracks: Sequence[Track], within_km: float) -> list[Site]:
    """The sites that lie within a distance of some point of some track. Invalid where there is none."""
    lat = np.concatenate([np.asarray(track.lat, np.float64) for track in tracks])
    lon = np.concatenate([np.asarray(track.lon, np.float64) for track in tracks])
    places = unit_vectors(np.array([site.lat for site in sites]), np.array([site.lon for site in sites]))
    _, numbers = SiteIndex(lat.tolist(), lon.tolist()).nearest(places, 1, within_km)
    near = [site for site, (number,) in zip(sites, numbers.tolist(), strict=True) if number < len(lat)]
    if not near:
        raise Invalid("within_km", f"none of the {len(sites):,} stores lies within {within_km:g} km of any track")
    return near


async def play(
    contender: Contender, tracks: Sequence[Track], sites: Sequence[Site], stage: Stage, state_bytes: int, told: Progress
) -> tuple[Outcome, Journeys]:
    """Let one contender follow all tracks, all at once, as they went."""
    began = perf_counter()
    stores, doors = Stores(sites), Doors()
    code = SessionCode(stage.values, state_bytes)
    ground = OfficeGround(stage.office, TENANT, NEEDS, StatesOfStores(stage.values), doors, code.stored_bytes_max)
    inner: Mover
    if contender.way == "make-before-break":
        inner = Handover(ground, stage.records)
    else:
        inner = BreakFirst(ground, stage.records)
    mover = WatchedMover(inner, doors, code)
    sessions = Sessions(lambda _: contender.rules, lambda _: stores, ground, stage.records, mover)
    journeys = Journeys(contender.rules, stores)
    swept_at = t = 0
    for number, (t, device, lat, lon) in enumerate(_in_order(tracks)):
        stage.set_clock(t)
        if t - swept_at >= SWEEP_S:
            await sessions.sweep(t)
            swept_at = t
        session = await sessions.report(device, t, lat, lon)
        journeys.note(device, t, unit_vector(lat, lon), session)
        if number % REPORTS_A_STEP == REPORTS_A_STEP - 1:
            told(REPORTS_A_STEP)
            await asyncio.sleep(0)
    for track in tracks:
        await sessions.end(track.id)
    left_over = await stage.office.read(lambda view: sum(lease.is_active for lease in view.ledger.leases.values()))
    return _outcome(contender, journeys, mover, left_over, perf_counter() - began), journeys


def _in_order(tracks: Sequence[Track]) -> Iterator[tuple[int, str, float, float]]:
    """All reports in the order of time."""

    def reports(track: Track) -> Iterator[tuple[int, str, float, float]]:
        for t, lat, lon in zip(track.t, track.lat, track.lon, strict=True):
            yield t, track.id, lat, lon

    return heapq.merge(*(reports(track) for track in tracks))


def _outcome(
    contender: Contender, journeys: Journeys, mover: WatchedMover, left_over: int, elapsed_s: float
) -> Outcome:
    counts, device_s, rules = mover.counts, journeys.device_s, contender.rules
    with_lease_s = device_s - journeys.without_lease_s
    return Outcome(
        name=contender.name,
        way=contender.way,
        hysteresis_km=rules.hysteresis_km,
        dwell_s=rules.dwell_s,
        predict_s=rules.predict_s,
        migrations=journeys.moves,
        migrations_per_device_hour=round(journeys.moves * HOUR_S / device_s, 4),
        returns_within_120_s=journeys.returns,
        returns_within_600_s=journeys.late_returns,
        share_beyond_bound=round(journeys.beyond_s / device_s, 5),
        share_without_lease=round((journeys.without_lease_s + counts.bare_s) / device_s, 9),
        km_to_session=round(journeys.km_s / with_lease_s, 3) if with_lease_s else None,
        interruption=Interruption.of(mover.interruptions_s),
        bytes_moved=counts.bytes_moved,
        reservations=counts.reservations,
        reservations_wasted=counts.wasted,
        no_room=counts.no_room,
        moves_failed=counts.failed,
        writes_lost=mover.writes_lost,
        leases_left_over=left_over,
        reports_disbelieved=counts.disbelieved,
        elapsed_s=round(elapsed_s, 1),
    )
