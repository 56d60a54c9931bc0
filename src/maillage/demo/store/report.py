"""What the store that looks after itself has to tell, as data."""

from collections import Counter

import msgspec

from maillage.kernel.events import Noted, decode_events
from maillage.kernel.ports import Journal
from maillage.kernel.times import format_time, parse_time
from maillage.services.robots.cleaning.documents import CleaningDocument
from maillage.services.robots.cleaning.evidence_documents import EvidenceDocument
from maillage.services.robots.cleaning.floor_documents import FloorDocument
from maillage.services.sensing.coldchain.documents import AlarmDocument
from maillage.services.sensing.coldchain.haccp.checking import Verdict


class FreezerReport(msgspec.Struct, frozen=True):
    """A freezer whose compressor stopped, and the alarm that came of it. ``failed_after_min`` is how long the alarm
    came after the failure, by the rule ``rule``; ``food_c`` how warm the food really was then, at its warmest, and
    ``highest_c`` the air. ``log_entries`` is how long the store's HACCP log is, ``log_ok`` whether it is whole."""

    unit: str
    device: str
    readings: int
    began_at: str
    failed_at: str
    alarm: str
    alarms: int
    rule: str | None
    level: str
    text: str
    raised_at: str
    raised_after_min: int
    acknowledged_at: str
    acknowledged_by: str
    action_at: str
    action_by: str
    disposition: str
    repaired_at: str
    recovered_at: str
    cleared_at: str
    verified_at: str
    verified_by: str
    highest_c: float
    food_c: float
    exposure_min: float | None
    log_entries: int
    log_ok: bool


class CleaningReport(msgspec.Struct, frozen=True):
    """A floor that was cleaned, and the proof of it. ``share`` is ``cleaned_m2`` of ``reachable_m2``; ``minutes`` are
    those under way."""

    cleaning: str
    robot: str
    floor: str
    state: str
    floor_m2: float
    reachable_m2: float
    cleaned_m2: float
    share: float
    target: float
    minutes: float
    path_m: float
    m2_per_h: float | None
    water_l: float | None
    battery_percent: float | None
    gaps: int
    lease: str
    started_at: str
    ended_at: str


class StoreReport(msgspec.Struct, frozen=True):
    """``notices`` counts what the store told, by topic, the first told first; ``messages`` is what the broker took."""

    site: str
    name: str
    freezer: FreezerReport
    cleaning: CleaningReport
    notices: dict[str, int]
    messages: int


def freezer_report(
    alarm: AlarmDocument,
    alarms: int,
    temperatures: list[float],
    food_c: float,
    times: tuple[int, int, int],
    log: Verdict,
) -> FreezerReport:
    """Of an alarm that was seen through to its end; ``times`` are when all began, when the
    compressor stopped and when it ran again."""
    began_at, failed_at, mended_at = times
    seen, action, vouched = alarm.acknowledged, alarm.action, alarm.verified
    assert seen and action and vouched and alarm.recovered_at and alarm.cleared_at, f"{alarm.id} is {alarm.state}"
    return FreezerReport(
        unit=alarm.unit,
        device=alarm.device or "",
        readings=len(temperatures),
        began_at=format_time(began_at),
        failed_at=format_time(failed_at),
        alarm=alarm.id,
        alarms=alarms,
        rule=alarm.rule,
        level=alarm.level,
        text=alarm.text,
        raised_at=alarm.raised_at,
        raised_after_min=(parse_time(alarm.raised_at, "raised_at") - failed_at) // 60,
        acknowledged_at=seen.at,
        acknowledged_by=seen.by,
        action_at=action.at,
        action_by=action.by,
        disposition=action.disposition,
        repaired_at=format_time(mended_at),
        recovered_at=alarm.recovered_at,
        cleared_at=alarm.cleared_at,
        verified_at=vouched.at,
        verified_by=f"{vouched.by}, {vouched.role}",
        highest_c=max(temperatures),
        food_c=round(food_c, 1),
        exposure_min=alarm.exposure_min,
        log_entries=log.last,
        log_ok=log.ok,
    )


def cleaning_report(cleaning: CleaningDocument, evidence: EvidenceDocument, floor: FloorDocument) -> CleaningReport:
    """Of a cleaning that ended."""
    figures = evidence.figures
    return CleaningReport(
        cleaning=cleaning.id,
        robot=cleaning.robot or evidence.runs[-1].robot,
        floor=cleaning.floor,
        state=cleaning.state,
        floor_m2=floor.area_m2,
        reachable_m2=figures.reachable_m2,
        cleaned_m2=figures.cleaned_m2,
        share=figures.share,
        target=figures.target,
        minutes=round(figures.duration_s / 60, 1),
        path_m=figures.path_m,
        m2_per_h=figures.productivity_m2_per_h,
        water_l=figures.water_l,
        battery_percent=figures.battery_used,
        gaps=figures.gaps,
        lease=evidence.runs[-1].lease,
        started_at=cleaning.started_at or "",
        ended_at=cleaning.ended_at or "",
    )


def told(journal: Journal, site: str, since: int) -> dict[str, int]:
    """How many notices of which topic a site told from an event on, in the order in which each was first told."""
    found: Counter[str] = Counter()
    for batch in journal.read(since):
        if b'"noted"' in batch.body:
            events = decode_events(batch.body)
            found.update(event.topic for event in events if isinstance(event, Noted) and event.site == site)
    return dict(found)
