"""A client that keeps asking while its session is moved, and so finds out how long nobody answered."""

import asyncio
import contextlib
from collections.abc import Callable
from time import perf_counter

from maillage.kernel.leases import site_of
from maillage.services.compute.errors import NoInstance
from maillage.services.compute.follow.doors import Doors
from maillage.services.compute.follow.ports import Counts, Mover, Session
from maillage.services.compute.follow.state import TrackedValues

VALUE_BYTES = 4096
COUNTER = "requests"
WRITTEN = 8
"""Values that requests write, in turn."""
PATIENCE_S = 60.0


class SessionCode:
    """What a session does: a request counts itself and writes a value, so that state that was left behind shows."""

    def __init__(self, values: Callable[[str], TrackedValues], state_bytes: int) -> None:
        self._values = values
        self._count = -(-state_bytes // VALUE_BYTES)
        self.stored_bytes_max = 2 * state_bytes + 16 * VALUE_BYTES

    def begin(self, lease: str) -> None:
        """Write the state that a session of some age has."""
        values = self._values(site_of(lease))
        for number in range(self._count):
            values.put(lease, f"value-{number}", number.to_bytes(4, "big") * (VALUE_BYTES // 4), self.stored_bytes_max)
        values.put(lease, COUNTER, b"0", self.stored_bytes_max)

    def answer(self, lease: str) -> int:
        """Serve a request; how many it has served in all its life."""
        values = self._values(site_of(lease))
        served = int(values.get(lease, COUNTER) or b"0") + 1
        value = served.to_bytes(8, "big") * (VALUE_BYTES // 8)
        values.put(lease, f"value-{served % WRITTEN}", value, self.stored_bytes_max)
        values.put(lease, COUNTER, str(served).encode(), self.stored_bytes_max)
        return served


class Asker:
    """Asks one session, each time as soon as it was answered, until it is stopped."""

    def __init__(self, doors: Doors, device: str, code: SessionCode) -> None:
        self._doors = doors
        self._device = device
        self._code = code
        self._lease = ""
        self._served = 0
        self._stopping = False
        self._began = asyncio.Event()
        self._moved = asyncio.Event()
        self.answers_lost = 0
        self.interruption_s = 0.0
        """From the last answer at one lease until the first at another."""
        self._task = asyncio.get_running_loop().create_task(self._ask())

    async def began(self) -> None:
        """Returns once it was answered."""
        await self._until(self._began)

    async def moved(self) -> None:
        """Returns once another lease has answered than before."""
        await self._until(self._moved)

    async def stop(self) -> None:
        """Returns when the last answer is there."""
        self._stopping = True
        with contextlib.suppress(NoInstance):
            await self._task

    async def _until(self, event: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({waiting, self._task}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not event.is_set():
            await asyncio.wait_for(asyncio.shield(self._task), 0)

    async def _ask(self) -> None:
        last_at = 0.0
        while not self._stopping:
            async with self._doors.enter(self._device) as lease:
                served = await asyncio.to_thread(self._code.answer, lease)
            now = perf_counter()
            if self._lease and served != self._served + 1:
                self.answers_lost += 1
            if self._lease not in ("", lease):
                self.interruption_s = now - last_at
                self._moved.set()
            self._lease, self._served, last_at = lease, served, now
            self._began.set()


class WatchedMover:
    """Another mover, with a client that asks through each move. ``interruptions_s`` has one entry a move."""

    def __init__(self, inner: Mover, doors: Doors, code: SessionCode) -> None:
        self._inner = inner
        self._doors = doors
        self._code = code
        self._aged: set[str] = set()
        self.interruptions_s: list[float] = []
        self.writes_lost = 0
        """Requests whose writes the next answer did not know of."""

    @property
    def counts(self) -> Counts:
        return self._inner.counts

    async def move(self, session: Session, sites: list[str], t: int) -> Session:
        if not session.lease:
            return await self._inner.move(session, sites, t)
        if session.id not in self._aged:
            self._aged.add(session.id)
            await asyncio.to_thread(self._code.begin, session.lease)
        asker = Asker(self._doors, session.device, self._code)
        try:
            await asker.began()
            after = await self._inner.move(session, sites, t)
            if after.lease not in ("", session.lease):
                await asker.moved()
                self.interruptions_s.append(asker.interruption_s)
        finally:
            await asker.stop()
        self.writes_lost += asker.answers_lost
        return after

    async def settle(self, session: Session) -> Session:
        return await self._inner.settle(session)
