"""Schedules as they come in and go out."""

from typing import Annotated

import msgspec
from msgspec import Meta

from maillage.kernel.documents import ShortText
from maillage.kernel.times import format_time
from maillage.services.robots.cleaning.documents import OrderDocument, check_id, order_document, order_of
from maillage.services.robots.cleaning.model import Schedule
from maillage.services.robots.cleaning.windows import EVERY_DAYS_MAX, WeeklyWindows, Window, WindowsDocument


class NewSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a floor is to be cleaned; see ``model.Schedule``. Times are local to the store."""

    floor: ShortText
    windows: Annotated[
        dict[ShortText, list[tuple[str, str]]], Meta(examples=[{"mon": [["21:30", "06:30"]]}], max_length=7)
    ]
    robot: ShortText | None = None
    every_days: Annotated[int, Meta(ge=1, le=EVERY_DAYS_MAX)] = 1
    carry_windows: Annotated[int, Meta(ge=0, le=14)] = 2
    on: bool = True
    order: OrderDocument = OrderDocument()


class ComingDocument(msgspec.Struct, frozen=True):
    """A window in which a cleaning begins, and the lease that was made ahead for it; null where there was no room."""

    start: str
    end: str
    lease: str | None
    leased_from: str | None
    leased_until: str | None


class ScheduleDocument(msgspec.Struct, frozen=True):
    """A schedule, and the windows of the next days in which it begins anew."""

    id: str
    site: str
    floor: str
    robot: str | None
    windows: WindowsDocument
    every_days: int
    carry_windows: int
    on: bool
    order: OrderDocument
    last: str | None
    coming: list[ComingDocument]


def schedule_of(site: str, schedule_id: str, document: NewSchedule, now: int, former: Schedule | None) -> Schedule:
    """The schedule that a document means; what a former one has begun counts on."""
    check_id(schedule_id, "schedule")
    WeeklyWindows(document.windows)
    return Schedule(
        id=schedule_id,
        site=site,
        floor=document.floor,
        windows=document.windows,
        created_at=now if former is None else former.created_at,
        robot=document.robot or "",
        order=order_of(document.order),
        every_days=document.every_days,
        carry_windows=document.carry_windows,
        on=document.on,
        last="" if former is None else former.last,
        leases=0 if former is None else former.leases,
    )


def schedule_document(schedule: Schedule, coming: list[Window]) -> ScheduleDocument:
    """As it goes out, with the windows in which it begins anew."""
    ahead = {each.window: each for each in schedule.ahead}
    return ScheduleDocument(
        schedule.id,
        schedule.site,
        schedule.floor,
        schedule.robot or None,
        schedule.windows,
        schedule.every_days,
        schedule.carry_windows,
        schedule.on,
        order_document(schedule.order),
        schedule.last or None,
        [
            ComingDocument(
                format_time(window.start),
                format_time(window.end),
                None if (each := ahead.get(window.start)) is None else each.lease,
                None if each is None else format_time(each.start),
                None if each is None else format_time(each.end),
            )
            for window in coming
        ],
    )
