"""Live sessions: what a tenant asks of them, and what keeps them going in between."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from random import SystemRandom
from typing import Any, TypeVar

from maillage.kernel.errors import NoCapacity, NotFound, Refusal, SiteUnreachable
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock, Committed
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.follow.doors import Visit
from maillage.services.compute.follow.handover import Handover
from maillage.services.compute.follow.policy import CANDIDATES, Rules
from maillage.services.compute.follow.ports import Session, States
from maillage.services.compute.follow.sessions import Report, Sessions
from maillage.services.compute.follow.stores import Stores
from maillage.services.compute.hosting.ports import Hosts, LogsOfInstances
from maillage.services.compute.limits import limits_of, require_memory
from maillage.services.compute.live.documents import (
    NewSession,
    PositionsDocument,
    SessionDocument,
    ask_for,
    page_of,
    plan_of,
    reports_of,
    session_document,
)
from maillage.services.compute.live.ground import LiveGround
from maillage.services.compute.live.hands import Hands
from maillage.services.compute.live.keepers import Keepers
from maillage.services.compute.live.kept import KeptSessions
from maillage.services.compute.live.leftovers import Leftovers
from maillage.services.compute.live.model import SESSION, Plan
from maillage.services.compute.live.ports import LiveRecords
from maillage.services.compute.live.reach import StoresByKinds
from maillage.services.compute.live.uprooted import Uprooted
from maillage.services.compute.model import Instance, InstanceStatus, Settings
from maillage.services.compute.settings_documents import settings_of

log = logging.getLogger(__name__)

T = TypeVar("T")
SWEEP_S = 60.0
STOP_WITHIN_S = 5.0
"""How long a move under way may still take when the process ends; the next one clears up after it."""


class LiveSessions:
    """All sessions of a chain; where several hubs serve it, those that this one keeps (``keepers``), and a look at the
    others. ``sees`` is the tenant whose sessions the caller may see, None for
    somebody who may see those of all; another's is NotFound. ``host`` has to be started first, and is stopped last;
    ``listen`` has to hear what the chain commits; ``states`` is told of all that code keeps."""

    def __init__(
        self,
        records: LiveRecords,
        catalogue: Catalogue,
        office: Office,
        host: Hosts,
        states: States,
        logs: LogsOfInstances,
        clock: Clock,
        chance: Callable[[], float] | None = None,
        keepers: Keepers | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._office = office
        self._host = host
        self._clock = clock
        self._kept = KeptSessions(records, keepers.own if keepers is not None else "")
        self._stores = StoresByKinds(office)
        self._ground = LiveGround(office, host, states, self._kept.plan, logs, clock)
        mover = Handover(self._ground, self._kept)
        self._sessions = Sessions(self._rules, self._reachable, self._ground, self._kept, mover)
        self._last: dict[str, Report] = {}
        self._uprooted = Uprooted(
            office, self._sessions, self._ground, clock, self._undisturbed, chance or SystemRandom().random
        )
        self._hands = Hands(keepers, self._kept, self._sessions, self._ground, self._uprooted, self._undisturbed, clock)
        self._leftovers = Leftovers(states, office, host, self._kept.leases, clock)
        self._work: set[asyncio.Task[Any]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Take up the sessions of a process before this one."""
        await self._kept.load()
        self._unsubscribe = self._host.subscribe(self._heard)
        await self._sessions.recover(self._clock.now())
        for session in self._kept.all():
            if session.lease:
                self._uprooted.look_after(session.device)
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        self._leftovers.start()

    async def stop(self) -> None:
        """Leave them as they are; what is under way has a moment to end."""
        self._unsubscribe()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._leftovers.stop()
        await self._uprooted.stop()
        if self._work:
            _, left = await asyncio.wait(self._work, timeout=STOP_WITHIN_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def listen(self, committed: Committed) -> None:
        """Hear what was committed: stores come and change, and leases end under sessions."""
        self._stores.listen(committed)
        self._uprooted.listen(committed)

    # -- asking ------------------------------------------------------------------------------------------------------

    async def create(self, document: NewSession, sees: str | None) -> SessionDocument:
        """Begin a session at the nearest store within the bound that has room; returns once it is served there.

        Invalid, NotFound, AlreadyExists for what can't be; NoCapacity and other refusals of leases where no store
        takes it, CodeFault where the app does not come up. A refusal leaves nothing behind.
        """
        app = await self._catalogue.app(document.app, sees)
        version = await self._catalogue.version(app.id, sees, document.version)
        settings = settings_of(document, Settings())
        ask = ask_for(document, self._office.glance().policy)
        require_memory(version, limits_of(ask.needs, settings, version.kind))
        now = self._clock.now()
        plan = plan_of(document, ask, f"{SESSION}{secrets.token_hex(12)}", app.tenant, version, settings, now)
        offered = self._office.offers(ask)
        if not offered.offers:
            told = "no store within the bound can take it; passed_over counts why"
            raise NoCapacity(told, reasons=[], passed_over=offered.passed_over)
        await self._kept.add(plan)
        first = Report(now, document.position.lat, document.position.lon)
        await self._undisturbed(self._begin(plan, first, [offer.site for offer in offered.offers[:CANDIDATES]]))
        return self._document(plan)

    async def report(self, session_id: str, document: PositionsDocument, sees: str | None) -> SessionDocument:
        """Its device was at these places; returns once the session is where it should be, as far as that can be.
        NotFound where the session ended, be it since its device was silent for too long."""
        await self._hands.bring_here(session_id, sees)
        plan, now = self._found(session_id, sees), self._clock.now()
        reports = reports_of(document, now, plan.silence_s)
        if self._sessions.is_silent(plan.id, now):
            await self._undisturbed(self._sessions.end(plan.id))
            raise NotFound(f"the session {plan.id} ended: its device was silent for more than {plan.silence_s} s")
        self._last[plan.id] = reports[-1]
        await self._undisturbed(self._sessions.reports(plan.id, reports, now))
        return self.here(session_id, sees)

    async def end(self, session_id: str, sees: str | None) -> Plan:
        """End it, and give back what it has. SiteUnreachable where that can't be done now: then it is tried again."""
        await self._hands.bring_here(session_id, sees)
        plan = self._found(session_id, sees)
        await self._undisturbed(self._sessions.end(plan.id))
        left = self._kept.get(plan.id)
        if left is not None and left.owed:
            raise SiteUnreachable(
                f"{left.owed[0].site} can't take the session's lease back now; end it again", asked=True
            )
        self._forget_ended()
        return plan

    # -- looking -----------------------------------------------------------------------------------------------------

    async def get(self, session_id: str, sees: str | None) -> SessionDocument:
        """Also one that another hub keeps, as far as that is known here."""
        if self._hands.is_here(session_id):
            return self.here(session_id, sees)
        kept = await self._hands.elsewhere(session_id, sees)
        return self._told(kept.plan, kept.session)

    def here(self, session_id: str, sees: str | None) -> SessionDocument:
        """One that is kept here."""
        return self._document(self._found(session_id, sees))

    async def some(
        self, sees: str | None, app: str | None, after: str | None, limit: int
    ) -> tuple[list[SessionDocument], str | None]:
        """The oldest first, those behind the one with the id ``after``, at most ``limit``; and the id to go on from."""
        every = {kept.plan.id: kept for kept in await self._hands.every()}
        plans = [kept.plan for kept in every.values() if sees in (None, kept.plan.tenant)]
        found, following = page_of([plan for plan in plans if app in (None, plan.app)], after, limit)
        return [self._told(plan, every[plan.id].session) for plan in found], following

    # -- calls -------------------------------------------------------------------------------------------------------

    def home(self, session_id: str, app_id: str) -> Instance | None:
        """The instance that a session of an app lives at; None where there is no such session, or it has no place."""
        plan = self._kept.plan(session_id)
        return self._ground.home(session_id) if plan is not None and plan.app == app_id else None

    async def come_in(self, session_id: str) -> Visit:
        """Begin a request of a session; waits while the session is on the move, NoInstance where it ended."""
        return await self._ground.come_in(session_id)

    async def bring_called(self, session_id: str, app_id: str) -> None:
        """SessionElsewhere where another hub keeps a session of an app that somebody calls."""
        await self._hands.bring_called(session_id, app_id)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _heard(self, status: InstanceStatus) -> None:
        """A store may know nothing of an instance that it should run."""
        device = self._ground.device_at(status.id)
        if device is not None and self._host.status(status.id) is None:
            self._uprooted.look_after(device)

    async def _begin(self, plan: Plan, first: Report, sites: list[str]) -> None:
        why: Exception
        self._kept.begin(plan.id)
        try:
            session = await self._sessions.begin(plan.id, first, sites)
            if session.lease:
                self._last[plan.id] = first
                return
            why = self._ground.refusals.get(plan.id) or NoCapacity("no store took the session", reasons=[])
        except Exception as fault:
            why = fault
        try:
            await self._sessions.end(plan.id)
        except Exception as fault:
            log.warning("what is left of session %s is cleared up later: %s", plan.id, fault)
        self._ground.refusals.pop(plan.id, None)
        raise why

    async def _undisturbed(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it to the end, whether or not its caller waits."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not isinstance(fault, Refusal):
            log.error("a session's step failed: %s: %s", type(fault).__name__, fault)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._hands.look()
                await self._undisturbed(self._sessions.sweep(self._clock.now()))
            except Exception:
                log.exception("sessions could not be swept; trying again")
            self._forget_ended()

    def _forget_ended(self) -> None:
        for plan_id in [plan_id for plan_id in self._last if self._kept.plan(plan_id) is None]:
            del self._last[plan_id]

    def _found(self, session_id: str, sees: str | None) -> Plan:
        plan = self._kept.plan(session_id)
        if plan is None or sees not in (None, plan.tenant):
            raise NotFound(f"there is no session {session_id[:64]!r}")
        return plan

    def _document(self, plan: Plan) -> SessionDocument:
        return self._told(plan, self._kept.get(plan.id))

    def _told(self, plan: Plan, session: Session | None) -> SessionDocument:
        status = self._host.status(session.lease) if session is not None and session.lease else None
        site = self._office.glance().ledger.sites.get(session.site) if session is not None else None
        return session_document(plan, session, status, self._last.get(plan.id), site)

    def _rules(self, plan_id: str) -> Rules:
        plan = self._kept.plan(plan_id)
        return Rules() if plan is None else plan.rules

    def _reachable(self, plan_id: str) -> Stores:
        plan = self._kept.plan(plan_id)
        return self._stores.of(()) if plan is None else self._stores.of(plan.needs)
