"""Sessions whose lease ends under them: each is moved as soon as a store has room for it, with its state.

A lease that is reclaimed with notice leaves time to do so before its instance stops. Otherwise nobody serves the
session until it has a place; what it kept stays where it was until then.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from maillage.kernel.events import Ended, Reclaimed, Released, Voided
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock, Committed
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.follow.sessions import Sessions
from maillage.services.compute.hosting.backoff import delay_s
from maillage.services.compute.hosting.tenure import tenures
from maillage.services.compute.live.ground import LiveGround

log = logging.getLogger(__name__)

ToTheEnd = Callable[[Coroutine[Any, Any, Session | None]], Awaitable[Session | None]]


class Uprooted:
    """Use on one event loop. ``to_the_end`` does work that is not to be broken off midway; ``chance`` gives numbers of
    0 to 1, for the jitter of delays."""

    def __init__(
        self,
        office: Office,
        sessions: Sessions,
        ground: LiveGround,
        clock: Clock,
        to_the_end: ToTheEnd,
        chance: Callable[[], float],
    ) -> None:
        self._office = office
        self._to_the_end = to_the_end
        self._sessions = sessions
        self._ground = ground
        self._clock = clock
        self._chance = chance
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def listen(self, committed: Committed) -> None:
        """Hear what was committed."""
        for event in committed.events:
            if isinstance(event, Ended | Released | Reclaimed | Voided) and event.lease is not None:
                device = self._ground.device_at(event.lease)
                if device is not None:
                    self.look_after(device)

    def look_after(self, device: str) -> None:
        """See to it that a session stands on a lease, with an instance on it."""
        if device in self._tasks:
            self._again.add(device)
            return
        task = self._tasks[device] = asyncio.get_running_loop().create_task(self._look_after(device))
        task.add_done_callback(lambda _: self._done(device))

    async def stop(self) -> None:
        """Leave them as they are."""
        self._again.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, device: str) -> None:
        del self._tasks[device]
        if device in self._again:
            self._again.discard(device)
            self.look_after(device)

    async def _look_after(self, device: str) -> None:
        failures = 0
        while not await self._is_well(device):
            failures += 1
            await asyncio.sleep(delay_s(failures, self._chance()))

    async def _is_well(self, device: str) -> bool:
        """Whether there is nothing to do for it any more, once what could be done was."""
        try:
            if await self._stands(device):
                await self._ground.restore(device)
                return True
            moved = await self._to_the_end(self._sessions.vacate(device, self._clock.now()))
            if moved is None or not moved.lease:
                return True
            well = await self._stands(device)
        except Exception as fault:
            log.warning("session %s could not be looked after yet: %s", device, fault)
            return False
        if not well:
            refusal = self._ground.refusals.get(device)
            told = "" if refusal is None else f": {refusal.detail}"
            self._ground.note(moved.lease, f"session {device} finds no other place yet{told}")
        return well

    async def _stands(self, device: str) -> bool:
        """Whether its lease goes on, or it has none to lose."""
        session = self._sessions.session(device)
        if session is None or not session.lease:
            return True
        lease = session.lease
        known = await self._office.read(lambda view: tenures(view, [lease]))
        tenure = known.get(lease)
        return tenure is not None and tenure.is_live(self._clock.now()) and not tenure.noticed
