"""Cleanings as they come in and go out, and giving way."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from maillage.kernel.documents import ShortText, TimeText
from maillage.kernel.errors import Invalid
from maillage.kernel.sites import SITE_ID
from maillage.kernel.times import DAY_S, PAST_TOLERANCE_S, format_time, parse_time
from maillage.services.robots.cleaning.evidence import Area
from maillage.services.robots.cleaning.model import TARGET, Cleaning, CleaningState, Order, Reason, Run

WINDOW_S = 12 * 3_600
"""How long a cleaning that is asked for without an end may take."""
WINDOW_MAX_S = 7 * DAY_S
AHEAD_MAX_S = 366 * DAY_S
Share = Annotated[float, Meta(gt=0, le=1)]


class OrderDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done; what is left out is as it says here. ``area`` is GeoJSON (Polygon or MultiPolygon) in metres
    on the floor's map: the part of it that is meant, null for all of it."""

    target: Share = TARGET
    mode: ShortText = "scrub"
    brush: ShortText = "medium"
    water: ShortText = "medium"
    area: dict[str, Any] | None = None


class WindowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when to when; without a start from now on, without an end for twelve hours."""

    start: TimeText | None = None
    end: TimeText | None = None


class NewCleaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Have a floor cleaned: by any robot that cleans, unless one is named."""

    site: ShortText
    floor: ShortText
    robot: ShortText | None = None
    window: WindowDocument = WindowDocument()
    order: OrderDocument = OrderDocument()


class ResumeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For one that ended with something left: until when it may go on."""

    until: TimeText | None = None


class AssistDocument(msgspec.Struct, frozen=True):
    """Somebody had to come. ``resolved_s`` is how long it took, null while it is open or where that is not known."""

    run: int
    robot: str
    cause: str
    detail: str
    at: str
    resolved_s: int | None


class RunDocument(msgspec.Struct, frozen=True):
    """A go of a robot. ``why`` says why it ended before its path did."""

    number: int
    robot: str
    state: str
    why: Reason
    detail: str
    lease: str
    mission: str
    order_id: str
    started_at: str
    ended_at: str | None
    planned_m: float
    planned_s: int
    gained_m2: float
    battery_start: float | None
    battery_end: float | None
    water_l: float | None


class CleaningDocument(msgspec.Struct, frozen=True):
    """A cleaning. ``share`` of the reachable floor is clean as of the last run that is over, ``left_m2`` is not, null
    where that is not known yet. ``reached`` of ``waypoints`` is how far the run under way is, null without one."""

    id: str
    site: str
    floor: str
    robot: str | None
    schedule: str | None
    state: CleaningState
    reason: Reason
    detail: str
    windows: list[tuple[str, str]]
    order: OrderDocument
    share: float
    cleaned_m2: float
    left_m2: float | None
    reached: int | None
    waypoints: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    runs: list[RunDocument]


class GiveWayWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when the shop needs its robots; null takes that back."""

    until: TimeText | None


class GiveWayDocument(msgspec.Struct, frozen=True):
    """``cleanings`` are those whose robots were called back."""

    site: str
    until: str | None
    cleanings: list[str]


def check_id(name: str, field: str) -> None:
    """Invalid for what is no id of a floor or a schedule: they go into addresses."""
    if not SITE_ID.fullmatch(name):
        raise Invalid(field, f"{name[:40]!r}: an id is 1 to 64 of A-Z, a-z, 0-9, _ and -, no dots or blanks")


def order_of(document: OrderDocument) -> Order:
    """The order that a document means. Invalid for an empty word, or an area that is none."""
    for name in ("mode", "brush", "water"):
        if not getattr(document, name).strip():
            raise Invalid(f"order.{name}", "is empty; leave it out for the usual")
    return Order(
        area=None if document.area is None else _area(document.area),
        target=document.target,
        mode=document.mode,
        brush=document.brush,
        water=document.water,
    )


def window_of(document: WindowDocument, now: int) -> tuple[int, int]:
    """``[start, end)``; Invalid where that is over, too long or too far off."""
    start = now if document.start is None else parse_time(document.start, "window.start")
    if start < now - PAST_TOLERANCE_S:
        raise Invalid("window.start", f"{document.start} is past; it is {format_time(now)}, or leave it out for now")
    start = max(start, now)
    end = start + WINDOW_S if document.end is None else parse_time(document.end, "window.end")
    if end <= start:
        raise Invalid("window.end", f"{format_time(end)} is not after the start, {format_time(start)}")
    if end - start > WINDOW_MAX_S:
        raise Invalid("window.end", "a window lasts seven days at most; put a schedule for more")
    if start > now + AHEAD_MAX_S:
        raise Invalid("window.start", "lies more than a year ahead")
    return start, end


def until_of(text: str | None, now: int, field: str = "until") -> int:
    """An instant to come, at most some days off."""
    until = now + WINDOW_S if text is None else parse_time(text, field)
    if not now < until <= now + WINDOW_MAX_S:
        raise Invalid(field, f"{format_time(until)} is not within the next seven days; it is {format_time(now)}")
    return until


def cleaning_document(cleaning: Cleaning, reached: tuple[int, int] | None) -> CleaningDocument:
    """As it goes out; ``reached`` is how many waypoints of how many the run under way has behind it."""
    return CleaningDocument(
        cleaning.id,
        cleaning.site,
        cleaning.floor,
        cleaning.robot or None,
        cleaning.schedule or None,
        cleaning.state,
        cleaning.reason,
        cleaning.detail,
        [(format_time(start), format_time(end)) for start, end in cleaning.windows],
        order_document(cleaning.order),
        cleaning.share,
        cleaning.cleaned_m2,
        cleaning.left_m2,
        None if reached is None else reached[0],
        None if reached is None else reached[1],
        format_time(cleaning.created_at),
        _time(cleaning.started_at),
        _time(cleaning.ended_at),
        [run_document(run) for run in cleaning.runs],
    )


def run_document(run: Run) -> RunDocument:
    """As it goes out."""
    return RunDocument(
        run.number,
        run.robot,
        run.phase,
        run.why,
        run.detail,
        run.lease,
        run.mission,
        run.order_id,
        format_time(run.started_at),
        _time(run.ended_at),
        run.planned_m,
        run.planned_s,
        run.gained_m2,
        run.battery[0],
        run.battery[1],
        run.water_l,
    )


def assist_documents(cleaning: Cleaning) -> list[AssistDocument]:
    """Of all its runs."""
    return [
        AssistDocument(
            run.number,
            run.robot,
            each.cause,
            each.detail,
            format_time(each.at),
            None if each.resolved_at is None else each.resolved_at - each.at,
        )
        for run in cleaning.runs
        for each in run.assists
    ]


def order_document(order: Order) -> OrderDocument:
    """As it goes out."""
    area = None if order.area is None else {"type": "MultiPolygon", "coordinates": order.area}
    return OrderDocument(order.target, order.mode, order.brush, order.water, area)


def _area(area: dict[str, Any]) -> Area:
    from maillage.services.robots.cleaning.measuring import area_of
    from maillage.services.robots.coverage.geojson import read_geojson

    try:
        found = area_of(read_geojson(msgspec.json.encode(area)).area)
    except Invalid as refusal:
        raise Invalid("order.area", refusal.detail.removeprefix("floor: ")) from None
    if not found:
        raise Invalid("order.area", "is empty: there is not a square centimetre in it")
    return found


def _time(second: int | None) -> str | None:
    return None if second is None else format_time(second)
