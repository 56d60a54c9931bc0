"""Sessions and their plans in memory, over records that keep them: whoever keeps a session has it here, and reads
without waiting."""

from collections.abc import Iterable

from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan
from maillage.services.compute.live.ports import Kept, LiveRecords


class KeptSessions:
    """``follow.ports.SessionRecords``, where a device is the id of a plan: those that ``keeper`` keeps. ``load``
    first."""

    def __init__(self, records: LiveRecords, keeper: str) -> None:
        self._records = records
        self._keeper = keeper
        self._plans: dict[str, Plan] = {}
        self._sessions: dict[str, Session] = {}
        self._of_device: dict[tuple[str, str], str] = {}

    async def load(self) -> None:
        """What a process before this one left."""
        for kept in await to_the_end(self._records.all):
            if kept.keeper == self._keeper:
                self.enter(kept)

    async def every(self) -> list[Kept]:
        """Also those that others keep, as the records have them; the oldest first."""
        return await to_the_end(self._records.all)

    async def find(self, plan_id: str) -> Kept | None:
        """The same for one."""
        return await to_the_end(self._records.find, plan_id)

    async def take_over(self, kept: Kept) -> bool:
        """Keep from now on what another kept; False where somebody else does already."""
        if not await to_the_end(self._records.take_over, kept.plan.id, kept.keeper):
            return False
        found = await self.find(kept.plan.id)  # it may have taken a last step
        if found is None:
            return False
        self.enter(found)
        return True

    def let_go(self, plan_id: str) -> None:
        """Another keeps it by now."""
        self._sessions.pop(plan_id, None)
        self._leave(plan_id)

    async def add(self, plan: Plan) -> None:
        """AlreadyExists where the device has a session of the app, NotFound where there is no such version."""
        other = self._of_device.get((plan.app, plan.device))
        if other is not None:
            raise AlreadyExists(f"{plan.device} has a session of {plan.app} already: {other}", session=other)
        await to_the_end(self._records.add, plan)
        self._enter(plan)

    def begin(self, plan_id: str) -> None:
        """A plan has a session from now on, without a place as yet."""
        self._sessions[plan_id] = Session(plan_id, plan_id)

    def plan(self, plan_id: str) -> Plan | None:
        return self._plans.get(plan_id)

    def plans(self) -> list[Plan]:
        """The oldest first."""
        return sorted(self._plans.values(), key=lambda plan: (plan.created_at, plan.id))

    def leases(self) -> set[str]:
        """Those that sessions have, or have yet to give back."""
        sessions = list(self._sessions.values())
        return {session.lease for session in sessions} | {owed.lease for each in sessions for owed in each.owed}

    async def put(self, session: Session) -> None:
        """NotFound where it was dropped meanwhile, or another keeps it by now."""
        if not await to_the_end(self._records.put, session):
            raise NotFound(f"there is no session {session.device} any more")
        self._sessions[session.device] = session

    def get(self, device: str) -> Session | None:
        return self._sessions.get(device)

    async def drop(self, device: str) -> None:
        await to_the_end(self._records.drop, device)
        self._sessions.pop(device, None)
        self._leave(device)

    def all(self) -> Iterable[Session]:
        return list(self._sessions.values())

    def enter(self, kept: Kept) -> None:
        """Have what the records have of a session that is kept here."""
        plan = kept.plan
        self._enter(plan)
        self._sessions[plan.id] = kept.session or Session(plan.id, plan.id)

    def _leave(self, plan_id: str) -> None:
        plan = self._plans.pop(plan_id, None)
        if plan is not None:
            del self._of_device[plan.app, plan.device]

    def _enter(self, plan: Plan) -> None:
        self._plans[plan.id] = plan
        self._of_device[plan.app, plan.device] = plan.id
