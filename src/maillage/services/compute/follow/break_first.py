"""Break before make, to compare with: stop, give the lease back, ask for the next, copy everything, go on."""

from time import perf_counter

from msgspec.structs import replace

from maillage.kernel.errors import Refusal
from maillage.services.compute.follow.ports import Counts, Ground, Session, SessionRecords


class BreakFirst:
    """What moving comes to without a plan. It survives no crash and no refusal: it is for replays only."""

    def __init__(self, ground: Ground, records: SessionRecords) -> None:
        self._ground = ground
        self._records = records
        self.counts = Counts()

    async def move(self, session: Session, sites: list[str], t: int) -> Session:
        ground, device, former = self._ground, session.device, session.lease
        if former:
            await ground.freeze(device)
            await ground.release(device, former)
        released_at = perf_counter()
        for site in sites:
            session = replace(session, turn=session.turn + 1)
            try:
                lease = await ground.reserve(device, site, f"{session.id}.{session.turn}")
            except Refusal:
                self.counts.no_room += 1
                continue
            self.counts.reservations += 1
            await ground.keep(device, lease)
            session = replace(session, site=site, lease=lease, since=t)
            if former:
                self.counts.bare_s += perf_counter() - released_at
                self.counts.bytes_moved += await ground.copy(device, former, lease)
                self.counts.moves += 1
            ground.switch(device, lease)
            break
        else:
            session = replace(session, site="", lease="", since=t)
            ground.close(device)
        if former:
            await ground.forget(device, former)
        await self._records.put(session)
        return session

    async def settle(self, session: Session) -> Session:
        left = session.owed
        for owed in left:
            await self._ground.release(session.device, owed.lease)
            await self._ground.forget(session.device, owed.lease)
        session = replace(session, owed=())
        await self._records.put(session)
        return session
