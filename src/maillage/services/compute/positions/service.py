"""Positions by MQTT, on their way from the line to the sessions."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from maillage.devices.admission import Admission
from maillage.devices.line import DeviceLine, Message
from maillage.kernel.errors import NotFound, Refusal
from maillage.kernel.ports import Clock
from maillage.kernel.times import format_time
from maillage.services.compute.follow.sessions import Report
from maillage.services.compute.live.documents import PositionDocument, PositionsDocument
from maillage.services.compute.positions.clients import SessionClients
from maillage.services.compute.positions.counts import Counts
from maillage.services.compute.positions.ports import Followed
from maillage.services.compute.positions.topics import EVERY, session_at
from maillage.services.compute.positions.waiting import Came, Waiting

log = logging.getLogger(__name__)
APART_S = 0.5
"""How long after one report of a session the next begins at the earliest. A first one goes at once; positions are told
apart by the second, so that a device that says more loses nothing."""
SWEEP_S = 5.0


class Positions:
    """``start`` it once the sessions of a former process are known, and stop it before they stop. Each session has its
    own turn: one whose move takes long holds up nobody else, and at most one report of a session is under way."""

    def __init__(self, line: DeviceLine, admission: Admission, sessions: Followed, clock: Clock) -> None:
        self._line = line
        self._sessions = sessions
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._end: Callable[[], None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.clients = SessionClients(admission, sessions)
        self.counts = Counts()

    async def start(self) -> None:
        """Listen, and end the clients of sessions that ended meanwhile."""
        self._end = self._line.subscribe(EVERY, self._take)
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """Listen no more. What is under way goes on in the sessions' own hands; what waits is forgotten, for the
        devices say where they are again."""
        if self._end is None or self._sweeping is None:
            return
        self._end()
        self._end = None
        tasks = [self._sweeping, *self._work]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._waiting.clear()

    def of(self, session_id: str) -> Counts:
        """What was heard for a session; all zero for one of which nothing was."""
        waiting = self._waiting.get(session_id)
        return Counts() if waiting is None else waiting.counts

    # -- how ---------------------------------------------------------------------------------------------------------

    async def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            session = session_at(message.topic)
            self.counts.messages += 1
            self.counts.heard_at = at = message.at_ms // 1_000
            waiting = None if session is None else self._of_session(session)
            if session is None or waiting is None:
                self.counts.unknown += 1
                continue
            waiting.counts.messages += 1
            waiting.counts.heard_at = at
            waiting.put(Came(message.payload, at, message.retained), (waiting.counts, self.counts))
            if not waiting.works:
                waiting.works = True
                self._spawn(self._bring(session, waiting))

    def _of_session(self, session: str) -> Waiting | None:
        waiting = self._waiting.get(session)
        if waiting is None:
            try:
                found = self._sessions.here(session, None)
            except NotFound:
                return None
            waiting = self._waiting[session] = Waiting(found.silence_s)
        return waiting

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _bring(self, session: str, waiting: Waiting) -> None:
        """All that came for a session, until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while len(waiting):
                await asyncio.sleep(max(0.0, waiting.rests_until - loop.time()))
                reports = waiting.take(self._clock.now(), (waiting.counts, self.counts))
                if reports and not await self._report(session, waiting, reports):
                    return
                waiting.rests_until = loop.time() + APART_S
        finally:
            waiting.works = False

    async def _report(self, session: str, waiting: Waiting, reports: list[Report]) -> bool:
        """False where there is no such session any more."""
        positions = [PositionDocument(report.lat, report.lon, format_time(report.t)) for report in reports]
        try:
            await self._sessions.report(session, PositionsDocument(positions), None)
        except NotFound:
            self._waiting.pop(session, None)
            await self._end_client(session)
            return False
        except Exception as fault:
            if not isinstance(fault, Refusal):
                log.exception("session %s could not take where its device is", session)
            told = fault.detail if isinstance(fault, Refusal) else "something failed at the server"
            for each in (waiting.counts, self.counts):
                each.failed += len(reports)
                each.blame(told, self._clock.now())
        else:
            for each in (waiting.counts, self.counts):
                each.taken += len(reports)
        return True

    async def _end_client(self, session: str) -> None:
        try:
            await self.clients.end(session)
        except Refusal as fault:
            log.warning("the client of session %s is ended later: %s", session, fault)

    async def _sweep(self) -> None:
        """What ended sessions leave."""
        while True:
            try:
                for session in self.clients.every():
                    if not self.clients.is_there(session):
                        await self._end_client(session)
                    await asyncio.sleep(0)  # there may be thousands, and others want their turn
                for session, waiting in list(self._waiting.items()):
                    if not waiting.works and not self.clients.is_there(session):
                        del self._waiting[session]
            except Exception:
                log.exception("what ended sessions leave could not be looked through; trying again")
            await asyncio.sleep(SWEEP_S)
