"""Sessions and their plans in memory, over records that keep them: one process has them all, and reads without
waiting."""

from collections.abc import Iterable

from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan
from maillage.services.compute.live.ports import LiveRecords


class KeptSessions:
    """``follow.ports.SessionRecords``, where a device is the id of a plan. ``load`` first."""

    def __init__(self, records: LiveRecords) -> None:
        self._records = records
        self._plans: dict[str, Plan] = {}
        self._sessions: dict[str, Session] = {}
        self._of_device: dict[tuple[str, str], str] = {}

    async def load(self) -> None:
        """What a process before this one left."""
        for plan, session in await to_the_end(self._records.all):
            self._enter(plan)
            self._sessions[plan.id] = session or Session(plan.id, plan.id)

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

    async def put(self, session: Session) -> None:
        """NotFound where it was dropped meanwhile."""
        if not await to_the_end(self._records.put, session):
            raise NotFound(f"there is no session {session.device} any more")
        self._sessions[session.device] = session

    def get(self, device: str) -> Session | None:
        return self._sessions.get(device)

    async def drop(self, device: str) -> None:
        await to_the_end(self._records.drop, device)
        self._sessions.pop(device, None)
        plan = self._plans.pop(device, None)
        if plan is not None:
            del self._of_device[plan.app, plan.device]

    def all(self) -> Iterable[Session]:
        return list(self._sessions.values())

    def _enter(self, plan: Plan) -> None:
        self._plans[plan.id] = plan
        self._of_device[plan.app, plan.device] = plan.id
