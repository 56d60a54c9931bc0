"""Between runs: a cleaning gets a robot, a way over what is left, and a lease, in this order, and is sent off."""

import asyncio
from typing import NamedTuple

import msgspec

from maillage.kernel.errors import Category, Invalid, Refusal
from maillage.services.robots.cleaning.grounds import ReadFloor, dock_of
from maillage.services.robots.cleaning.leasing import Held
from maillage.services.robots.cleaning.model import Cleaning, Reason, Run
from maillage.services.robots.cleaning.planning import Machine, Way, cleaning_way, estimated_s, home_time_s, machine_of
from maillage.services.robots.cleaning.ports import Unit
from maillage.services.robots.cleaning.slots import Slot
from maillage.services.robots.cleaning.stepping import Means, Stepping
from maillage.services.robots.cleaning.steps import RETRY_S, changed, ended, over, waiting, with_run
from maillage.services.robots.cleaning.units import choose
from maillage.services.robots.model import Mission, Pose

MARGIN = 1.15
"""What a lease is longer than its run is planned: people stand in the way, and robots wait."""
SPARE_S = 120
_TELLING: frozenset[Reason] = frozenset(("robot_lost", "robot_failed", "taken_over", "battery"))
"""Reasons of the last run that say more than that no robot is fit now."""
LEAST_S = 600
"""A run is not begun for less time than that, unless all that is left takes less."""


PLANS_AT_ONCE = 2
"""Windows of many stores open at the same minute, and planning takes a processor."""


class Fit(NamedTuple):
    """A robot that can be sent, and its machine; ``dock`` is where it is to end."""

    unit: Unit
    machine: Machine
    dock: Pose | None


def lease_s(way_s: int, home_s: int) -> int:
    """How long a robot is leased for a way of so many seconds."""
    return round(MARGIN * way_s) + home_s + SPARE_S


def tag_of(cleaning: Cleaning, number: int) -> str:
    """The purpose of a run's mission, by which it is known again."""
    return f"cleaning {cleaning.id} run {number}"


class Beginner(Stepping):
    """``begin`` is for a cleaning without a run under way, ``take_up`` for one that a process before this one left with
    a lease and perhaps without a mission."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._planning = asyncio.Semaphore(PLANS_AT_ONCE)

    async def begin(self, cleaning: Cleaning) -> None:
        """The next run, if it can begin now; else why not is kept."""
        now = self._clock.now()
        if cleaning.cancelled:
            await self._end(ended(cleaning, now, "cancelled", "operator"))
            return
        window = cleaning.window_at(now)
        if window is None:
            await self._outside(cleaning, now)
            return
        if cleaning.paused_by == "operator" or now < cleaning.not_before:
            return
        until = self._book.gives_way_until(cleaning.site, now)
        if until is not None:
            await self._wait(cleaning, "gave_way", "the shop needs its robots", until)
            return
        floor = self._grounds.get(cleaning.site, cleaning.floor)
        if floor is None:
            await self._end(over(cleaning, now, "no_plan", f"the floor {cleaning.floor} is no more"))
            return
        fit = self._fit(cleaning, floor)
        if isinstance(fit, str):
            await self._wait(cleaning, cleaning.reason if cleaning.reason in _TELLING else "no_robot", fit)
            return
        await self._begin_with(cleaning, floor, fit, window, now)

    async def take_up(self, cleaning: Cleaning, run: Run) -> None:
        """Go on with a run whose mission may or may not have been begun."""
        mission = self._missions.of_robot(run.robot)
        if mission is not None and mission.purpose == tag_of(cleaning, run.number):
            await self._sent(cleaning, mission)
            return
        await self._drop(cleaning, "no_robot", "begun anew after a restart", 0)

    # -- steps ---------------------------------------------------------------------------------------------------------

    async def _outside(self, cleaning: Cleaning, now: int) -> None:
        """No window is open."""
        following = cleaning.next_window(now)
        if following is None:
            reason: Reason = "window_over" if cleaning.reason in ("", "window") else cleaning.reason
            await self._end(over(cleaning, now, reason, cleaning.detail or "its last window is over"))
        elif cleaning.state == "waiting" and cleaning.not_before < following[0]:
            await self._book.put(changed(cleaning, not_before=following[0]))

    def _fit(self, cleaning: Cleaning, floor: ReadFloor) -> Fit | str:
        choice = choose(self._units.units(cleaning.site), cleaning.robot, floor.map_id)
        if choice.unit is None:
            return choice.why
        try:
            machine = machine_of(choice.unit.robot)
        except Invalid as refusal:
            return refusal.detail
        return Fit(choice.unit, machine, dock_of(floor, choice.unit.robot, choice.unit.pose))

    async def _begin_with(
        self, cleaning: Cleaning, floor: ReadFloor, fit: Fit, window: tuple[int, int], now: int
    ) -> None:
        held, put_off = await self._ahead(cleaning, window, now)
        if put_off is not None:
            await self._wait(cleaning, "no_lease", "the robots are leased to others until then", put_off)
            return
        home_s = home_time_s(floor.floor, fit.machine, fit.dock)
        left_m2 = floor.floor.area.area if cleaning.left_m2 is None else cleaning.left_m2
        guess_s = lease_s(estimated_s(left_m2, fit.machine, 0), home_s)
        if now + min(LEAST_S, guess_s) > window[1]:
            await self._wait(cleaning, "window", "too little is left of the window to begin", window[1])
            return
        # Before anything is planned, which takes longer than to look.
        if held is None and not await self._has_room(cleaning, now, window[1], guess_s):
            return
        evidence = await self._book.evidence(cleaning.id)
        try:
            async with self._planning:
                way = await asyncio.to_thread(
                    cleaning_way,
                    floor.floor,
                    floor.map_id,
                    fit.machine,
                    cleaning.order,
                    fit.unit.robot.facts,
                    fit.unit.pose,
                    fit.dock,
                    None if evidence is None else evidence.covered,
                )
        except Invalid as refusal:
            await self._wait(cleaning, "no_plan", refusal.detail, now + RETRY_S)
            return
        now = self._clock.now()  # a large floor takes a while
        if way is None:
            await self._end(ended(cleaning, now, "done"))
            return
        wanted_s = lease_s(way.time_s, way.home_s)
        cleaning = await self._book.put(changed(cleaning, leases=cleaning.leases + 1))
        if held is None:
            held = await self._lease(cleaning, now, window[1], wanted_s)
        elif held.end < (end := min(now + wanted_s, window[1])) and await self._leasing.extend(held.lease, end):
            held = Held(held.lease, held.start, end)
        if held is None:
            await self._wait(cleaning, "no_lease", "the robots of the site are leased to others", now + RETRY_S)
            return
        await self._send(cleaning, fit, way, held, window, now)

    async def _has_room(self, cleaning: Cleaning, now: int, end: int, wanted_s: int) -> bool:
        slot = await self._leasing.slot(cleaning.site, now, end, wanted_s, min(LEAST_S, wanted_s))
        if slot is not None and slot.start <= now:
            return True
        if slot is None:
            told, again = "the robots of the site are leased to others for the rest of the window", now + RETRY_S
        else:
            told, again = "the robots of the site are leased to others until then", min(slot.start, now + 10 * RETRY_S)
        await self._wait(cleaning, "no_lease", told, again)
        return False

    async def _lease(self, cleaning: Cleaning, now: int, end: int, wanted_s: int) -> Held | None:
        slot = await self._leasing.slot(cleaning.site, now, end, wanted_s, min(LEAST_S, wanted_s))
        if slot is None or slot.start > now:
            return None
        return await self._leasing.take(cleaning.site, Slot(now, slot.end), f"{cleaning.id}/{cleaning.leases}")

    async def _ahead(self, cleaning: Cleaning, window: tuple[int, int], now: int) -> tuple[Held | None, int | None]:
        """The lease that was made ahead for this window, if it has begun; else when it will."""
        schedule = self._book.schedules.get((cleaning.site, cleaning.schedule))
        ahead = None if schedule is None else next((each for each in schedule.ahead if each.window == window[0]), None)
        if ahead is None or ahead.end <= now or ahead.lease not in await self._leasing.standing():
            return None, None
        if ahead.start > now:
            return None, ahead.start
        return Held(ahead.lease, ahead.start, ahead.end), None

    async def _send(
        self, cleaning: Cleaning, fit: Fit, way: Way, held: Held, window: tuple[int, int], now: int
    ) -> None:
        robot = fit.unit.robot
        run = Run(
            number=1 + (cleaning.runs[-1].number if cleaning.runs else 0),
            robot=robot.id,
            lease=held.lease,
            lease_end=held.end,
            stop_at=min(held.end, window[1]) - way.home_s,
            home_s=way.home_s,
            width_m=fit.machine.width_m,
            radius_m=fit.machine.radius_m,
            planned_m=round(way.length_m, 1),
            planned_s=way.time_s,
            spans=way.spans,
            started_at=now,
            battery=(fit.unit.battery, None),
        )
        cleaning = await self._book.put(changed(cleaning, runs=(*cleaning.runs, run)))
        await self._forget_ahead(cleaning, held.lease)
        if held.lease not in await self._leasing.standing():  # given back while the way was planned
            await self._drop(cleaning, "no_lease", "its lease was given back meanwhile", 0)
            return
        try:
            mission = await self._missions.start(robot.id, way.path, tag_of(cleaning, run.number))
        except Refusal as refusal:
            lasting = refusal.category is Category.INVALID
            await self._drop(cleaning, "refused" if lasting else "no_robot", refusal.detail, RETRY_S)
            return
        await self._sent(cleaning, mission)

    async def _sent(self, cleaning: Cleaning, mission: Mission) -> None:
        now = self._clock.now()
        cleaning = with_run(cleaning, phase="cleaning", mission=mission.id, order_id=mission.order_id)
        first = cleaning.started_at if cleaning.started_at is not None else now
        cleaning = changed(cleaning, state="running", reason="", detail="", paused_by="", started_at=first)
        await self._book.put(cleaning)
        run = cleaning.runs[-1]
        await self._teller.tell(cleaning, "started", run=run.number, planned_m=run.planned_m, planned_s=run.planned_s)

    async def _drop(self, cleaning: Cleaning, reason: Reason, detail: str, wait_s: int) -> None:
        """The run did not come to anything: forget it, and give its lease back."""
        await self._leasing.give_back(cleaning.runs[-1].lease)
        await self._wait(changed(cleaning, runs=cleaning.runs[:-1]), reason, detail, self._clock.now() + wait_s)

    async def _forget_ahead(self, cleaning: Cleaning, lease: str) -> None:
        schedule = self._book.schedules.get((cleaning.site, cleaning.schedule))
        if schedule is not None and any(ahead.lease == lease for ahead in schedule.ahead):
            left = tuple(ahead for ahead in schedule.ahead if ahead.lease != lease)
            await self._book.put_schedule(msgspec.structs.replace(schedule, ahead=left))

    async def _wait(self, cleaning: Cleaning, reason: Reason, detail: str, not_before: int = 0) -> None:
        """Kept and told only where it is news."""
        after = waiting(cleaning, reason, detail[:500], not_before)
        if after == self._book.open.get(cleaning.id):
            return
        news = (cleaning.state, cleaning.reason) != (after.state, after.reason)
        await self._book.put(after)
        if news:
            await self._teller.tell(after, "waiting")

    async def _end(self, cleaning: Cleaning) -> None:
        await self._book.put(cleaning)
        await self._teller.tell(cleaning, cleaning.state)
