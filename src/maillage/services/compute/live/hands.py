"""Sessions that go from one hub's hands into another's: what a hub does about those that it does not keep."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from maillage.kernel.errors import NotFound
from maillage.kernel.ports import Clock
from maillage.services.compute.errors import SessionElsewhere
from maillage.services.compute.follow.sessions import Sessions
from maillage.services.compute.live.ground import LiveGround
from maillage.services.compute.live.keepers import GONE_AFTER_S, Keepers
from maillage.services.compute.live.kept import KeptSessions
from maillage.services.compute.live.model import SESSION
from maillage.services.compute.live.ports import Kept
from maillage.services.compute.live.uprooted import Uprooted

log = logging.getLogger(__name__)


class Hands:
    """``keepers`` None: there is one process, and nothing to do. ``to_the_end`` does work that is not to be broken off
    midway."""

    def __init__(
        self,
        keepers: Keepers | None,
        kept: KeptSessions,
        sessions: Sessions,
        ground: LiveGround,
        uprooted: Uprooted,
        to_the_end: Callable[[Coroutine[Any, Any, None]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._keepers = keepers
        self._kept = kept
        self._sessions = sessions
        self._ground = ground
        self._uprooted = uprooted
        self._to_the_end = to_the_end
        self._clock = clock

    def is_here(self, session_id: str) -> bool:
        """Whether there is nothing to find out about it from the records."""
        return self._keepers is None or self._kept.plan(session_id) is not None

    async def every(self) -> list[Kept]:
        """All sessions, whoever keeps them; the oldest first."""
        if self._keepers is not None:
            return await self._kept.every()
        return [Kept(plan, self._kept.get(plan.id), "") for plan in self._kept.plans()]

    async def elsewhere(self, session_id: str, sees: str | None) -> Kept:
        """One that another hub keeps; NotFound where there is none that may be seen."""
        kept = await self._kept.find(session_id)
        if kept is None or sees not in (None, kept.plan.tenant):
            raise NotFound(f"there is no session {session_id[:64]!r}")
        return kept

    async def bring_here(self, session_id: str, sees: str | None) -> None:
        """SessionElsewhere where another hub keeps it; one whose hub is gone is kept here from now on."""
        if not self.is_here(session_id):
            await self._take_over(await self.elsewhere(session_id, sees))

    async def bring_called(self, session_id: str, app_id: str) -> None:
        """The same for a session of an app that somebody calls, where there is such a one."""
        if self.is_here(session_id) or not session_id.startswith(SESSION):
            return
        kept = await self._kept.find(session_id)
        if kept is not None and kept.plan.app == app_id:
            await self._take_over(kept)

    async def look(self) -> None:
        """Let go what another hub took over, and take over what no hub keeps any more. To be called now and then."""
        if self._keepers is None:
            return
        own = {plan.id for plan in self._kept.plans()}
        every = await self._kept.every()
        for plan_id in own - {kept.plan.id for kept in every if kept.keeper == self._keepers.own}:
            log.warning("another hub keeps session %s by now, or it ended there", plan_id)
            self._kept.let_go(plan_id)
            self._sessions.let_go(plan_id)
            self._ground.let_go(plan_id)
        for kept in every:
            if self._keepers.is_gone(kept.keeper):
                await self._take_over(kept)

    async def _take_over(self, kept: Kept) -> None:
        plan_id, keepers = kept.plan.id, self._keepers
        if keepers is None or not keepers.is_gone(kept.keeper):
            raise SessionElsewhere(
                f"the session {plan_id} is kept by hub {kept.keeper}: ask that one; where it is gone, another takes "
                f"the session over after {GONE_AFTER_S:g} s",
                hub=kept.keeper,
            )
        if not await self._kept.take_over(kept):
            return
        log.warning("hub %s is gone, and session %s is kept here from now on", kept.keeper, plan_id)
        session = self._kept.get(plan_id)
        if session is not None:
            await self._to_the_end(self._sessions.take_up(session, self._clock.now()))
            self._uprooted.look_after(plan_id)
