"""Schedules: cleanings begin with their windows, and robots are leased for them some days ahead.

What is leased ahead is as much as a cleaning takes, not the whole window: the rest of a robot's night can be sold. What
nobody needs any more is given back.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from hashlib import blake2b
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import msgspec

from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.sites import zone_info
from maillage.kernel.times import DAY_S
from maillage.services.robots.cleaning.beginning import LEAST_S
from maillage.services.robots.cleaning.book import Book
from maillage.services.robots.cleaning.leasing import Leasing
from maillage.services.robots.cleaning.model import Ahead, Cleaning, Schedule
from maillage.services.robots.cleaning.slots import Slot
from maillage.services.robots.cleaning.windows import WeeklyWindows, Window

AHEAD_S = 7 * DAY_S
"""How far ahead robots are leased."""
Needed = Callable[[Schedule, float | None], Awaitable[int | None]]
"""How long a robot is needed for a schedule's floor, in seconds; with the square metres that are left of it, for those
alone. None where that can't be told."""


class Roller:
    """``roll`` does all that is due; one at a time."""

    def __init__(self, book: Book, leasing: Leasing, office: Office, needed_s: Needed, clock: Clock) -> None:
        self._book = book
        self._leasing = leasing
        self._office = office
        self._needed_s = needed_s
        self._clock = clock

    async def roll(self, only: Schedule | None = None) -> None:
        """Begin what begins, and have robots leased for what comes."""
        standing = await self._leasing.standing()
        for schedule in [only] if only is not None else list(self._book.schedules.values()):
            zone = self._zone(schedule.site)
            if zone is None:
                continue
            known = self._book.schedules.get((schedule.site, schedule.id))
            if known is not None:
                known = await self._begun(known, zone)
                await self._leased(known, zone, standing)

    async def give_back_all(self, schedule: Schedule) -> Schedule:
        """Of a schedule that is to go, or whose floor or robot changed."""
        for ahead in schedule.ahead:
            await self._give_back(ahead)
        return await self._book.put_schedule(msgspec.structs.replace(schedule, ahead=()))

    def coming(self, schedule: Schedule) -> list[Window]:
        """The windows within the next days in which it begins anew."""
        zone = self._zone(schedule.site)
        return [] if zone is None or not schedule.on else list(self._beginnings(schedule, zone))

    # -- how -----------------------------------------------------------------------------------------------------------

    def _zone(self, site: str) -> ZoneInfo | None:
        found = self._office.glance().ledger.sites.get(site)
        return None if found is None else zone_info(found.tz)

    def _beginnings(self, schedule: Schedule, zone: ZoneInfo) -> Iterator[Window]:
        now = self._clock.now()
        last = date.fromisoformat(schedule.last) if schedule.last else None
        found = WeeklyWindows(schedule.windows).beginnings(now, zone, schedule.every_days, last)
        return takewhile(lambda window: window.start <= now + AHEAD_S, found)

    def _of(self, schedule: Schedule) -> Cleaning | None:
        """Its cleaning that has not ended."""
        return next((each for each in self._book.of_site(schedule.site) if each.schedule == schedule.id), None)

    async def _begun(self, schedule: Schedule, zone: ZoneInfo) -> Schedule:
        """With the cleaning that begins in the window that is open now, if one does. One that still goes on takes its
        place: floor that was cleaned last night is not begun with again tonight before the rest was."""
        now = self._clock.now()
        window = next(self._beginnings(schedule, zone), None)
        if not schedule.on or window is None or window.start > now:
            return schedule
        name = _id_of(schedule, window)
        if self._of(schedule) is None and not await self._book.knows(name):
            following = islice(WeeklyWindows(schedule.windows).after(now, zone), 1 + schedule.carry_windows)
            await self._book.put(
                Cleaning(
                    id=name,
                    site=schedule.site,
                    floor=schedule.floor,
                    order=schedule.order,
                    windows=tuple((each.start, each.end) for each in following),
                    created_at=now,
                    robot=schedule.robot,
                    schedule=schedule.id,
                    occurrence=window.day.isoformat(),
                )
            )
        return await self._book.put_schedule(msgspec.structs.replace(schedule, last=window.day.isoformat()))

    async def _leased(self, schedule: Schedule, zone: ZoneInfo, standing: set[str]) -> None:
        """Leases for the windows to come; those that are not wanted any more go first, so that there is room."""
        now = self._clock.now()
        wanted = await self._wanted(schedule, zone, now) if schedule.on else {}
        kept: list[Ahead] = []
        for ahead in schedule.ahead:
            window = wanted.get(ahead.window)
            if ahead.lease not in standing or ahead.end <= now:
                continue
            if window is None or ahead.start < window[0]:
                await self._give_back(ahead)
            else:
                kept.append(ahead)
        short: list[int] = []
        asked = schedule.leases
        for start, (first, end, wanted_s) in wanted.items():
            if any(ahead.window == start for ahead in kept):
                continue
            slot = await self._leasing.slot(schedule.site, max(first, now), end, wanted_s, min(LEAST_S, wanted_s))
            held = None
            if slot is not None:
                asked += 1
                held = await self._leasing.take(schedule.site, Slot(*slot), _key_of(schedule, start, asked))
            if held is None:
                short.append(start)
            else:
                kept.append(Ahead(start, held.start, held.end, held.lease))
        under_way = self._book.leases_of_runs()  # as of now: a run may have begun meanwhile
        kept = sorted((ahead for ahead in kept if ahead.lease not in under_way), key=lambda ahead: ahead.window)
        after = msgspec.structs.replace(schedule, ahead=tuple(kept), short=tuple(short), leases=asked)
        if after != schedule:
            await self._book.put_schedule(after)

    async def _give_back(self, ahead: Ahead) -> None:
        if ahead.lease not in self._book.leases_of_runs():
            await self._leasing.give_back(ahead.lease)

    async def _wanted(self, schedule: Schedule, zone: ZoneInfo, now: int) -> dict[int, tuple[int, int, int]]:
        """(first instant, end, how long) by the beginning of the window: of those that begin anew, and of the next one
        of a cleaning that goes on."""
        blocked = self._book.gives_way_until(schedule.site, now) or 0
        found: dict[int, tuple[int, int, int]] = {}
        whole_s = await self._needed_s(schedule, None)
        if whole_s is not None:
            for window in self._beginnings(schedule, zone):
                if window.start > now:
                    found[window.start] = (max(window.start, blocked), window.end, whole_s)
        going_on = self._of(schedule)
        if going_on is not None:
            run = going_on.run
            left_s = await self._needed_s(schedule, going_on.left_m2)
            coming = [(start, end) for start, end in going_on.windows if end > now]
            if left_s is not None and coming and run is None:
                start, end = coming[0]
                found[start] = (max(start, blocked), end, left_s)
        return {start: each for start, each in found.items() if each[0] + min(LEAST_S, each[2]) <= each[1]}


def _id_of(schedule: Schedule, window: Window) -> str:
    """Of the cleaning that begins in a window: the same however often it is asked for."""
    told = f"{schedule.site}\n{schedule.id}\n{schedule.created_at}\n{window.start}"
    return f"cl_{blake2b(told.encode(), digest_size=6).hexdigest()}"


def _key_of(schedule: Schedule, window: int, number: int) -> str:
    return f"{schedule.site}/{schedule.id}/{schedule.created_at}/{window}/{number}"
