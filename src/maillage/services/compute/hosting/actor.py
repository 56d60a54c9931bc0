"""One instance: a task that has it run as it was last told to, and ends it when its lease says so.

It goes starting, ready, unhealthy, backing-off, starting again, or by its policy stopped or failed; and from any of
them stopping, then stopped, when its lease is over or nobody wants it any more.
"""

import asyncio
import logging
from collections.abc import Callable

from maillage.kernel.errors import NotFound, Refusal
from maillage.kernel.times import format_time
from maillage.kernel.waiting import signalled
from maillage.services.compute.errors import CodeFault, NoInstance
from maillage.services.compute.hosting.backoff import Tries
from maillage.services.compute.hosting.health import problem_of
from maillage.services.compute.hosting.place import Place, Rooms, brought_up, can_stand_beside, left, other_name
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.hosting.report import Report
from maillage.services.compute.hosting.tenure import Tenure
from maillage.services.compute.model import Instance, InstanceState, InstanceStatus, Settled
from maillage.services.compute.ports import Inbound, Outbound

log = logging.getLogger(__name__)

RELOOK_S = 60.0
"""An instant on the calendar is waited for in steps, since the clock may be set meanwhile."""
HAIR_S = 0.001
"""Timers of a loop may be a hair early; what is due would not be yet."""
OURS_WAIT_S = 5.0
"""After a fault of ours, which the code did not bring about, that long until the next try."""


class Actor:
    """Use on one event loop. ``chance`` gives numbers of 0 to 1, for the jitter of delays."""

    def __init__(
        self, instance: Instance, tenure: Tenure, rooms: Rooms, chance: Callable[[], float], changed: StatusListener
    ) -> None:
        self.wanted = instance
        self.tenure = tenure
        self._rooms = rooms
        self._chance = chance
        self._place: Place | None = None
        self._going: list[Place] = []
        self._attempt: asyncio.Task[Place] | None = None
        self._admits = False
        self._stir = asyncio.Event()
        self._told = asyncio.Event()
        self._leaving: tuple[str, float] | None = None
        self._tries = Tries()
        self._misses = 0
        self._probe_at = 0.0
        self._report = Report(rooms, instance, changed)
        self._task = asyncio.get_running_loop().create_task(self._run())

    # -- what others ask of it -----------------------------------------------------------------------------------

    @property
    def status(self) -> InstanceStatus:
        return self._report.status

    @property
    def serving(self) -> Instance | None:
        """What takes requests and is healthy; on its way to something else, that is still as it was."""
        ready = self._admits and self.status.state == "ready"
        return self._place.instance if ready and self._place is not None else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good; then it is of no more use."""
        return self._task.done()

    def put(self, instance: Instance) -> None:
        """Run like this from now on."""
        if instance != self.wanted:
            self.wanted = instance
            self._tries.begin_anew()
            self._say(self.status.state, self.status.detail)
            self._stir.set()
            if self._attempt is not None:
                self._attempt.cancel()  # what it would bring up nobody wants any more

    def tell(self, tenure: Tenure) -> None:
        """Its lease is this now."""
        self.tenure = tenure
        self._told.set()
        if tenure.noticed:
            self._say(self.status.state, f"the lease was reclaimed; the instance leaves by {format_time(tenure.end)}")

    async def stop(self, why: str, grace_s: float) -> None:
        """End it, and return when it has ended."""
        if self._leaving is None:
            self._leaving = (why, grace_s)
            self._told.set()
        await asyncio.shield(self._task)

    async def invoke(self, request: Inbound) -> Outbound:
        """Answer a request; NoInstance where nothing runs at the moment."""
        place = self._place
        while place is not None and self._admits:
            try:
                return await place.runtime.invoke(place.name, request)
            except NotFound:
                if self._place is place:
                    self._admits = place.runs
                    self._stir.set()
                    break
                place = self._place  # another took over between the choice and the call; nothing was read by then
            except CodeFault as fault:
                self._stir.set()
                fault.extra["instance"] = self.wanted.id
                raise
        state = self.status.state
        told = "has just ended" if state == "ready" else f"is {state}"
        raise NoInstance(f"the instance {self.wanted.id} {told}", instance=self.wanted.id, state=state)

    # -- its life ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        life = asyncio.get_running_loop().create_task(self._live())
        try:
            why, grace_s = await self._until_it_leaves()
            self._admits = False
            self._say("stopping", why)
        finally:
            self._admits = False
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
        places = [*self._going] if self._place is None else [self._place, *self._going]
        self._place = None
        await asyncio.gather(*(left(place, grace_s) for place in places))
        self._say("stopped", why)

    async def _until_it_leaves(self) -> tuple[str, float]:
        """Why, and the grace, once it is time."""
        while self._leaving is None:
            self._told.clear()
            grace_s, now = self.wanted.settings.grace_s, self._rooms.clock.now()
            leaves_at = self.tenure.leaves_at(grace_s)
            if not self.tenure.is_live(now) or (leaves_at is not None and leaves_at <= now):
                return self.tenure.why_over, self.tenure.grace_left_s(grace_s, now)
            await signalled(self._told, None if leaves_at is None else min(leaves_at - now, RELOOK_S))
        return self._leaving

    async def _live(self) -> None:
        await self._until_it_begins()
        while True:
            try:
                if self._place is None:
                    await self._begin()
                elif self._place.instance != self.wanted and self._time() >= self._tries.try_at:
                    await self._move(self._place)
                else:
                    await self._watch(self._place)
            except Exception as fault:
                log.exception("instance %s: a fault of ours", self.wanted.id)
                self._say(self.status.state, f"{type(fault).__name__} in the store; trying again")
                await asyncio.sleep(OURS_WAIT_S)

    async def _until_it_begins(self) -> None:
        while (wait_s := self.tenure.start - self._rooms.clock.now()) > 0:
            self._say("starting", "its lease has not begun yet")
            await asyncio.sleep(min(wait_s, RELOOK_S))

    async def _begin(self) -> None:
        """Start where nothing runs, once it is time to."""
        wait_s = self._tries.try_at - self._time()
        if self._tries.given_up or wait_s > 0:
            await self._wait(None if self._tries.given_up else wait_s)
            return
        wanted = self.wanted
        self._say("starting")
        try:
            place = await self._brought_up(wanted, wanted.id)
        except Refusal as refusal:
            self._down(wanted, f"it did not start: {refusal.detail}", well=False)
        else:
            if place is not None:
                self._up(place)

    async def _move(self, former: Place) -> None:
        """Go over to what is wanted now: side by side, so that there is always one that answers, or one after the
        other. The former is left only once the new one is healthy, where they can stand side by side."""
        wanted = self.wanted
        if not can_stand_beside(former.instance, wanted):
            self._admits = False
            self._say("starting", "the former version ends first")
            await left(former, former.instance.settings.grace_s)
            self._place = None
            return
        try:
            place = await self._brought_up(wanted, other_name(former))
        except Refusal as refusal:
            if self.wanted == wanted:
                self._tries.put_off(self._time(), self._chance())
            self._say(self.status.state, f"as before the change, which did not come up: {refusal.detail}")
        else:
            if place is not None:
                self._up(place)
                await self._leave(former, former.instance.settings.grace_s)

    async def _brought_up(self, wanted: Instance, name: str) -> Place | None:
        """As the function of that name; None where something else is wanted meanwhile."""
        self._attempt = asyncio.get_running_loop().create_task(brought_up(self._rooms, wanted, name))
        try:
            return await self._attempt
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self._attempt = None

    async def _leave(self, place: Place, grace_s: float) -> None:
        """End what runs there; if this is broken off, it is still known to be there."""
        self._going.append(place)
        await left(place, grace_s)
        self._going.remove(place)

    async def _watch(self, place: Place) -> None:
        """Look at what runs, now and then, and at once where a request found something wrong."""
        health, now_s = place.instance.settings.health, self._time()
        if not place.runs:
            code = place.runtime.exit_code(place.name)
            said = "" if code is None else f" with exit code {code}"
            await self._lose(place, f"it ended by itself{said}", well=code == 0)
        elif health.path and now_s >= self._probe_at:
            problem = await problem_of(place.runtime, place.name, health)
            self._probe_at = self._time() + health.every_s
            await self._judge(place, problem)
        else:
            due_at = self._probe_at if health.path else now_s + health.every_s
            if place.instance != self.wanted:
                due_at = min(due_at, self._tries.try_at)
            await self._wait(due_at - now_s)

    async def _judge(self, place: Place, problem: str) -> None:
        """Take note of how a health check went."""
        settings = place.instance.settings
        if not problem:
            self._misses = 0
            if self.status.state == "unhealthy":
                self._say("ready")
            return
        self._misses += 1
        if self._misses < settings.health.failures:
            return
        if self.status.state != "unhealthy":
            self._say("unhealthy", problem)
        if settings.restart != "never":
            await self._lose(place, problem, well=False)

    async def _lose(self, place: Place, why: str, well: bool) -> None:
        self._admits = False
        self._place = None
        await self._leave(place, 0.0)
        self._tries.ended(self._time())
        self._down(place.instance, why, well)

    # -- what comes of it ----------------------------------------------------------------------------------------

    def _up(self, place: Place) -> None:
        self._place, self._admits = place, True
        self._tries.came_up(self._time())
        self._misses = 0
        self._probe_at = self._time() + place.instance.settings.health.every_s
        self._say("ready")

    def _down(self, instance: Instance, why: str, well: bool) -> None:
        """Nothing runs any more: start again later, or not."""
        restart = instance.settings.restart
        if self.wanted != instance:  # told otherwise meanwhile, and that may do better
            self._say("backing-off", why)
            return
        if restart == "never" or (restart == "on-failure" and well):
            self._tries.give_up(failed=not well)
            self._say("stopped" if well else "failed", why)
            return
        wait_s = self._tries.put_off(self._time(), self._chance())
        self._say("backing-off", f"{why}; starts again in {wait_s:.0f} s")

    def _say(self, state: InstanceState, detail: str = "") -> None:
        shown = self.wanted if self._place is None else self._place.instance
        there = self._place is not None and self._place.instance == self.wanted
        settled: Settled = "yes" if there else "failed" if self._tries.failed else "no"
        self._report.say(state, detail, shown.digest, max(self._tries.starts - 1, 0), settled)

    async def _wait(self, seconds: float | None) -> None:
        """Until something stirs it, at most so long."""
        await signalled(self._stir, None if seconds is None else max(seconds, HAIR_S))
        self._stir.clear()

    def _time(self) -> float:
        return self._task.get_loop().time()
