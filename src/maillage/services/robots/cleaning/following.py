"""A run under way: seen through to its end, called back in time, and counted once it is over."""

import asyncio
import logging
import re
from itertools import pairwise

from maillage.kernel.errors import Category, Invalid, NotFound, Refusal
from maillage.services.robots.cleaning.driven import driven, switched_on
from maillage.services.robots.cleaning.evidence import Evidence
from maillage.services.robots.cleaning.grounds import dock_of
from maillage.services.robots.cleaning.measuring import measured, run_evidence
from maillage.services.robots.cleaning.model import Cleaning, Reason, Run
from maillage.services.robots.cleaning.planning import machine_of, way_home
from maillage.services.robots.cleaning.ports import Unit
from maillage.services.robots.cleaning.stepping import Stepping
from maillage.services.robots.cleaning.steps import after_run, changed, why_ended, with_assists, with_run
from maillage.services.robots.cleaning.units import BATTERY_LOW
from maillage.services.robots.model import Mission, Progress

log = logging.getLogger(__name__)

EXTEND_S = 300
"""How long before a robot would be called back its lease is tried to be made longer, by as much each time."""
HOME_TRIES_S = 120
"""How long a robot that will not be sent home is asked again: one that has just stopped may need a moment."""
_WATER = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?l of water left")
"""In the result of startCleaning and stopCleaning: VDA 5050 has no word for water."""


class Follower(Stepping):
    """``look`` takes the next step of a cleaning whose run is under way."""

    async def look(self, cleaning: Cleaning, run: Run) -> None:
        """See how its mission does."""
        unit = self._units.unit(run.robot)
        assists = with_assists(run.assists, unit, self._clock.now())
        if assists != run.assists:
            cleaning = await self._book.put(with_run(cleaning, assists=assists))
            run = cleaning.runs[-1]
        if run.phase == "homing":
            await self._homing(cleaning, run)
            return
        progress = await self._progress(run.mission)
        if progress is None or progress.ended:
            await self._arrived(cleaning, run, unit, progress)
        elif run.phase == "cleaning":
            await self._cleaning(cleaning, run, unit, progress)

    async def pause(self, cleaning: Cleaning, run: Run) -> Cleaning:
        """Have the robot stop where it is; refusals of missions come through."""
        await self._missions.pause(run.home or run.mission)
        cleaning = await self._book.put(
            changed(cleaning, state="paused", reason="operator", paused_by="operator", detail="")
        )
        await self._teller.tell(cleaning, "paused")
        return cleaning

    async def resume(self, cleaning: Cleaning, run: Run) -> Cleaning:
        """Have it go on."""
        await self._missions.resume(run.home or run.mission)
        return await self._book.put(changed(cleaning, state="running", reason="", paused_by="", detail=""))

    async def live_evidence(self, cleaning: Cleaning) -> Evidence | None:
        """The evidence with what is known of the run under way; None where nothing was driven yet."""
        run = cleaning.run
        kept = await self._book.evidence(cleaning.id)
        if run is None or not run.mission:
            return kept
        return await self._measured(cleaning, run, kept)

    # -- steps ---------------------------------------------------------------------------------------------------------

    async def _cleaning(self, cleaning: Cleaning, run: Run, unit: Unit | None, progress: Progress) -> None:
        why = await self._why_leave(cleaning, run, unit)
        if why:
            await self._leave(cleaning, why)
            return
        if progress.state == "paused" and not cleaning.paused_by:
            cause = progress.detail or "; ".join(fault.type for fault in (unit.faults if unit else ()))
            cleaning = changed(cleaning, state="paused", reason="robot", paused_by="robot", detail=cause)
            await self._teller.tell(await self._book.put(cleaning), "paused")
        elif progress.state == "running" and cleaning.paused_by:
            await self._book.put(changed(cleaning, state="running", reason="", paused_by="", detail=""))

    async def _why_leave(self, cleaning: Cleaning, run: Run, unit: Unit | None) -> Reason:
        """Why the robot is to be called back now, or nothing. Its lease is made longer where that is enough."""
        now = self._clock.now()
        if cleaning.cancelled:
            return "operator"
        if self._book.gives_way_until(cleaning.site, now) is not None:
            return "gave_way"
        if unit is not None and unit.in_touch and unit.battery is not None and unit.battery <= BATTERY_LOW:
            return "battery"
        window = cleaning.window_at(now)
        closes = now if window is None else window[1]
        if now >= closes - run.home_s:
            return "window_over"
        if now >= run.stop_at - EXTEND_S and run.lease_end < closes:
            end = min(max(run.lease_end, now) + 2 * EXTEND_S, closes)
            if await self._leasing.extend(run.lease, end):
                run = (await self._book.put(with_run(cleaning, lease_end=end, stop_at=end - run.home_s))).runs[-1]
        return "lease_over" if now >= run.stop_at else ""

    async def _leave(self, cleaning: Cleaning, why: Reason) -> None:
        stood = cleaning.paused_by == "operator"
        cleaning = with_run(cleaning, phase="leaving", why=why, unpause=stood)
        cleaning = await self._book.put(changed(cleaning, state="running", reason=why, paused_by=""))
        await self._missions.cancel(cleaning.runs[-1].mission)

    async def _arrived(self, cleaning: Cleaning, run: Run, unit: Unit | None, progress: Progress | None) -> None:
        """The mission that cleans is over: through, called off, failed or lost."""
        if progress is None:
            await self._over(cleaning, "robot_failed", "its mission is not known any more")
            return
        if progress.state == "finished":
            await self._over(cleaning, "", "")
            return
        why = why_ended(progress)
        if run.why and progress.state == "cancelled":
            why = run.why
        elif why == "operator":  # somebody called the robot's mission off: they will say when it may go on
            cleaning = changed(cleaning, paused_by="operator")
        now, detail = self._clock.now(), progress.detail[:300]
        if run.left_at is None:
            cleaning = await self._book.put(with_run(cleaning, phase="leaving", why=why, detail=detail, left_at=now))
        if why in ("robot_lost", "taken_over") or unit is None or not await self._go_home(cleaning, unit, now):
            await self._over(cleaning, why, detail)

    async def _go_home(self, cleaning: Cleaning, unit: Unit, now: int) -> bool:
        """Whether the robot is on its way to its dock, or may be in a moment."""
        floor, run = self._grounds.get(cleaning.site, cleaning.floor), cleaning.runs[-1]
        pose = unit.pose
        if floor is None or pose is None or pose.map_id != floor.map_id:
            return False
        try:
            dock = dock_of(floor, unit.robot, pose)
            machine, facts = machine_of(unit.robot), unit.robot.facts
            path = await asyncio.to_thread(way_home, floor.floor, floor.map_id, machine, facts, pose, dock)
            mission = await self._missions.start(run.robot, path, f"cleaning {cleaning.id} home {run.number}")
        except Refusal as refusal:
            if refusal.category is Category.REFUSED and now - (run.left_at or now) < HOME_TRIES_S:
                return True
            log.warning("cleaning %s: %s stays where it is: %s", cleaning.id, run.robot, refusal.detail)
            return False
        await self._book.put(with_run(cleaning, phase="homing", home=mission.id))
        return True

    async def _homing(self, cleaning: Cleaning, run: Run) -> None:
        progress = await self._progress(run.home)
        if progress is None or progress.ended:
            await self._over(cleaning, run.why, run.detail)
        elif progress.state == "paused" and run.unpause:  # we had it paused, and it does not forget that with its order
            await self._book.put(with_run(cleaning, unpause=False))
            await self._missions.resume(run.home)

    async def _over(self, cleaning: Cleaning, why: Reason, detail: str) -> None:
        """Count what was cleaned, give the lease back, and see what becomes of the cleaning."""
        now, run = self._clock.now(), cleaning.runs[-1]
        unit = self._units.unit(run.robot)
        evidence = await self._measured(cleaning, run, await self._book.evidence(cleaning.id))
        counted = evidence is not None and any(each.number == run.number for each in evidence.runs)
        found = evidence.runs[-1] if evidence is not None and counted else None
        gained_share = 0.0 if evidence is None or found is None else found.gained_m2 / max(evidence.reachable_m2, 1e-9)
        cleaning = with_run(
            cleaning,
            phase="over",
            why=why,
            detail=detail,
            ended_at=now,
            battery=(run.battery[0], None if unit is None or not unit.in_touch else unit.battery),
            water_l=await self._water_l(run),
            gained_m2=0.0 if found is None else found.gained_m2,
        )
        if evidence is not None:
            cleaning = changed(
                cleaning,
                share=evidence.share,
                cleaned_m2=evidence.covered_m2,
                left_m2=evidence.missed_m2,
            )
            await self._book.put_evidence(evidence)
        await self._leasing.give_back(run.lease)
        cleaning = await self._book.put(after_run(cleaning, cleaning.runs[-1], gained_share, now))
        await self._teller.tell(cleaning, cleaning.state if cleaning.ended else "paused", run=run.number)

    # -- how -----------------------------------------------------------------------------------------------------------

    async def _measured(self, cleaning: Cleaning, run: Run, kept: Evidence | None) -> Evidence | None:
        """The evidence with this run's; None where the floor or the mission is no more, and there was none before."""
        ground = self._grounds.ground(cleaning.site, cleaning.floor, self._units.unit(run.robot))
        found = await self._found(run.mission)
        if ground is None or found is None:
            return kept
        mission, progress = found
        robot = self._units.unit(run.robot)
        track = await self._missions.track(run.mission)
        speed_mps = None if robot is None else robot.robot.speed_mps
        former = () if kept is None else tuple(each for each in kept.runs if each.number != run.number)

        def measure() -> Evidence:
            seen = driven(track, mission.path, switched_on(run.spans, progress), speed_mps)
            this = run_evidence(run, seen)
            return measured(cleaning, ground, (*former, this), self._clock.now())

        try:
            return await asyncio.to_thread(measure)
        except Invalid as refusal:  # the floor is another one now, in which the robot has no place
            log.warning("run %d of cleaning %s can't be measured: %s", run.number, cleaning.id, refusal.detail)
            return kept

    async def _progress(self, mission_id: str) -> Progress | None:
        known = self._missions.progress(mission_id)
        if known is not None:
            return known
        found = await self._found(mission_id)
        return None if found is None else found[1]

    async def _found(self, mission_id: str) -> tuple[Mission, Progress] | None:
        try:
            return await self._missions.find(mission_id)
        except NotFound:
            return None

    async def _water_l(self, run: Run) -> float | None:
        """Water used, where the robot says at least twice how much is left; a tank that was filled up counts for
        nothing."""
        progress = await self._progress(run.mission)
        results = [each.result for each in (() if progress is None else progress.actions)]
        if run.home:
            home = await self._progress(run.home)
            results += [each.result for each in (() if home is None else home.actions)]
        left = [float(found[1]) for result in results if (found := _WATER.search(result))]
        if len(left) < 2:
            return None
        return round(sum(max(a - b, 0.0) for a, b in pairwise(left)), 1)
