"""Make before break: reserve the next, copy the state while the former serves, freeze, send the rest, switch, release.

The session's record is what decides. What is about to be asked for is entered as owed before it is asked, and the one
write that makes the next store the session's own also makes the former one owed. A crash between any two steps thus
leaves a record that says which lease counts and what has to go back; ``settle`` does that, however often.

The copy in rounds is the pre-copy of live migration (Clark et al., Live Migration of Virtual Machines, NSDI 2005).
"""

import logging

from msgspec.structs import replace

from maillage.kernel.errors import Category, Refusal
from maillage.services.compute.follow.ports import Counts, Ground, Owed, Session, SessionRecords

log = logging.getLogger(__name__)

TRIES = 3
"""Sites asked at most in one go: further ones are hardly better than staying, and there will be another report."""
ROUNDS = 5
"""Copies at most before the freeze: a session that writes faster than it is copied would never come to an end."""
LITTLE_BYTES = 64 * 1024
"""When a round had no more to send than this, the rest is sent under the freeze."""
SURE = frozenset({Category.REFUSED, Category.MISSING, Category.INVALID, Category.MALFORMED, Category.FORBIDDEN})
"""Refusals after which it is certain that nothing was done; after all others it may have been."""


class Handover:
    """Moves sessions over a ground; keeps no state of its own but ``counts``."""

    def __init__(self, ground: Ground, records: SessionRecords) -> None:
        self._ground = ground
        self._records = records
        self.counts = Counts()

    async def move(self, session: Session, sites: list[str], t: int) -> Session:
        unsettled = {owed.site for owed in session.owed}  # they don't answer, and may have a lease for it already
        able = [site for site in sites if site not in unsettled and self._ground.takes(site)]
        for site in able[:TRIES]:
            session, lease = await self._reserve(session, site)
            if not lease:
                continue
            moved = await self._hand_over(session, site, lease, t)
            if moved is not None:
                return await self.settle(moved)
            self.counts.failed += 1
            self.counts.wasted += 1
            return await self.settle(session)
        return session

    async def settle(self, session: Session) -> Session:
        left = []
        for owed in session.owed:
            try:
                await self._give_back(session.device, owed)
            except Exception as fault:
                log.warning("%s can't be given back at %s yet: %s", owed.lease or owed.key, owed.site, fault)
                left.append(owed)
        if len(left) == len(session.owed):
            return session
        settled = replace(session, owed=tuple(left))
        try:
            await self._records.put(settled)
        except Exception as fault:  # giving it back twice is the same as once
            log.warning("it can't be recorded yet what %s gave back: %s", session.device, fault)
            return session
        return settled

    async def _reserve(self, session: Session, site: str) -> tuple[Session, str]:
        """A lease at the site, owed as long as the session does not live there; "" where there is none to be had."""
        owed = Owed(site, f"{session.id}.{session.turn}")
        asking = replace(session, turn=session.turn + 1, owed=(*session.owed, owed))
        await self._records.put(asking)
        try:
            lease = await self._ground.reserve(session.device, site, owed.key)
        except Exception as fault:
            self.counts.no_room += 1
            if isinstance(fault, Refusal) and fault.category in SURE:
                asking = replace(asking, owed=session.owed)
                await self._records.put(asking)
            else:
                log.warning("%s did not say whether it has room for %s: %s", site, session.device, fault)
            return asking, ""
        self.counts.reservations += 1
        reserved = replace(asking, owed=(*session.owed, Owed(site, owed.key, lease)))
        await self._records.put(reserved)  # before any state lies there, or nobody would know where to look for it
        return reserved, lease

    async def _hand_over(self, session: Session, site: str, lease: str, t: int) -> Session | None:
        """The session at its next site; None where a step failed, and it is where it was."""
        ground, device, former = self._ground, session.device, session.lease
        others = tuple(owed for owed in session.owed if owed.lease != lease)
        left = (Owed(session.site, "", former),) if former else ()
        moved = replace(session, site=site, lease=lease, since=t, owed=(*others, *left))
        try:
            if former:
                await self._copy_ahead(device, former, lease)
            await ground.keep(device, lease)
            if former:
                await ground.freeze(device)
                self.counts.bytes_moved += await ground.copy(device, former, lease)
            await self._records.put(moved)
        except Exception as fault:
            log.warning("%s stays at %s, since %s failed it: %s", device, session.site or "no store", site, fault)
            ground.thaw(device)
            return None
        except BaseException:  # stopped midway: the record says what is owed
            ground.thaw(device)
            raise
        ground.switch(device, lease)
        if former:
            self.counts.moves += 1
        return moved

    async def _copy_ahead(self, device: str, former: str, lease: str) -> None:
        for _ in range(ROUNDS):
            sent = await self._ground.copy(device, former, lease)
            self.counts.bytes_moved += sent
            if sent <= LITTLE_BYTES:
                return

    async def _give_back(self, device: str, owed: Owed) -> None:
        try:
            lease = owed.lease or await self._ground.reserve(device, owed.site, owed.key)
        except Refusal as refusal:
            if refusal.category in SURE:
                return  # it was never granted, or is over by now
            raise
        try:
            await self._ground.release(device, lease)
        except Refusal as refusal:
            if refusal.category not in SURE:
                raise
        await self._ground.forget(device, lease)
