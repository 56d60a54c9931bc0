"""Sessions that follow their devices: ``report`` is the one way in, whoever carries the reports."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from maillage.kernel.errors import Invalid
from maillage.kernel.sites import check_position
from maillage.services.compute.follow.handover import TRIES
from maillage.services.compute.follow.motion import Motion
from maillage.services.compute.follow.policy import Rules, choose
from maillage.services.compute.follow.ports import Ground, Mover, Owed, Session, SessionRecords
from maillage.services.compute.follow.stores import Stores

log = logging.getLogger(__name__)

DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""Device ids become parts of keys and topics."""
T_MAX = 253_402_300_799
"""The last second of the year 9999."""


def check_device(device: str) -> None:
    """Invalid where it can't be a device's id."""
    if not DEVICE.fullmatch(device):
        raise Invalid("device", f"{device[:40]!r}: an id is 1 to 64 of A-Z, a-z, 0-9 and . _ : -, no blanks")


def check_instant(t: int) -> None:
    """Invalid where it can't be the instant of a report."""
    if not 0 <= t <= T_MAX:
        raise Invalid("t", f"{t} lies outside the years 1970 to 9999; it is in seconds UTC")


class Report(NamedTuple):
    """A device was at a place (degrees) at ``t`` (seconds UTC by its own clock)."""

    t: int
    lat: float
    lon: float


class _Device:
    """What is known of a device in this process; reports of one device are taken one by one."""

    def __init__(self, rules: Rules, awaited_from: int | None = None) -> None:
        self.motion = Motion(rules, awaited_from)
        self.turn = asyncio.Lock()
        self.rests_until = 0


class Sessions:
    """``rules`` are those of a device, ``stores`` the ones that a device's session may live at. ``recover`` first,
    where the records may hold sessions of a process before."""

    def __init__(
        self,
        rules: Callable[[str], Rules],
        stores: Callable[[str], Stores],
        ground: Ground,
        records: SessionRecords,
        mover: Mover,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._rules = rules
        self._stores = stores
        self._ground = ground
        self._records = records
        self._mover = mover
        self._new_id = new_id
        self._devices: dict[str, _Device] = {}

    def session(self, device: str) -> Session | None:
        """A device's session as it stands."""
        return self._records.get(device)

    def is_silent(self, device: str, now: int) -> bool:
        """Whether a device that has a session was not heard of for so long that it has none any more."""
        known = self._devices.get(device)
        return known is not None and known.motion.is_silent(now)

    async def begin(self, device: str, report: Report, sites: Sequence[str]) -> Session:
        """Begin a session at one of these sites, the first that has room; without a lease where none has."""
        _check(device, [report])
        known = self._known(device)
        async with known.turn:
            known.motion.take(*report, report.t)
            session = self._records.get(device) or Session(device, self._new_id())
            return await self._moved(session, sites, report.t)

    async def report(self, device: str, t: int, lat: float, lon: float) -> Session | None:
        """A device was at a place at ``t`` (seconds UTC): begin its session, or move it if that is due.

        Returns the session, or None where there is none yet (its first report can't be later than now). Reports that
        a newer one overtook change nothing. Invalid for what is no device, instant or place.
        """
        return await self.reports(device, [Report(t, lat, lon)], t)

    async def reports(self, device: str, reports: Sequence[Report], came_at: int) -> Session | None:
        """The same for several reports that came at once, the oldest first: what is due is decided for the last."""
        _check(device, reports)
        known = self._known(device)
        counts, rules = self._mover.counts, self._rules(device)
        async with known.turn:
            counts.reports += len(reports)
            session = self._records.get(device)
            if session is not None and known.motion.is_silent(came_at):
                session = await self._end(session)
            places = [known.motion.take(*report, came_at) for report in reports if not known.motion.is_late(report.t)]
            counts.late += len(reports) - len(places)
            counts.disbelieved += places.count(None)
            if not places:
                return session
            if session is None:
                session = Session(device, self._new_id())
            elif session.owed:
                session = await self._mover.settle(session)
            place = places[-1]
            if place is None or came_at < known.rests_until:
                return session
            sites = choose(rules, self._stores(device), place, session.site, came_at - session.since)
            if not sites:
                return session
            moved = await self._mover.move(session, sites, came_at)
            if moved.lease == session.lease:
                known.rests_until = came_at + rules.rest_s
            return moved

    async def vacate(self, device: str, t: int) -> Session | None:
        """The store wants its place back, or has it already: move the session in the same way to the nearest other that
        has room, or else to another place at that store, should it have one."""
        known = self._devices.get(device)
        if known is None:
            return self._records.get(device)
        async with known.turn:
            session, stores = self._records.get(device), self._stores(device)
            if session is None or not session.lease:
                return session
            place = known.motion.place or stores.place_of(session.site)
            if place is None:
                return session
            sites = [site for site in choose(self._rules(device), stores, place, "", 0) if site != session.site]
            return await self._moved(session, [*sites, session.site], t)

    async def end(self, device: str) -> None:
        """End a device's session and give back all that it has. Does nothing where it has none."""
        known = self._known(device)
        async with known.turn:
            session = self._records.get(device)
            if session is None or await self._end(session) is None:
                self._devices.pop(device, None)

    async def sweep(self, now: int) -> None:
        """End sessions whose devices went silent, and try again to give back what is owed. To be called now and
        then."""
        for session in list(self._records.all()):
            try:
                if session.device not in self._devices or self.is_silent(session.device, now):
                    await self.end(session.device)
                elif session.owed:
                    await self._settle(session.device)
            except Exception as fault:  # the others are not to wait for it
                log.warning("the session of %s can't be put in order yet: %s", session.device, fault)

    async def recover(self, now: int) -> None:
        """Take up the sessions of a process that is no more: route to where each lives, give back what it left over.
        Devices that don't report again within the silence lose their session."""
        for session in list(self._records.all()):
            await self.take_up(session, now)

    async def take_up(self, session: Session, now: int) -> None:
        """The same for one."""
        self._devices[session.device] = _Device(self._rules(session.device), awaited_from=now)
        if session.lease:
            self._ground.switch(session.device, session.lease)
        await self._settle(session.device)

    def let_go(self, device: str) -> None:
        """Another process looks after a device's session from now on."""
        self._devices.pop(device, None)

    def _known(self, device: str) -> _Device:
        known = self._devices.get(device)
        if known is None:
            known = self._devices[device] = _Device(self._rules(device))
        return known

    async def _moved(self, session: Session, sites: Sequence[str], t: int) -> Session:
        """Wherever it finds room, however many have to be asked: it can't stay."""
        for first in range(0, len(sites), TRIES):
            moved = await self._mover.move(session, list(sites[first : first + TRIES]), t)
            if moved.lease != session.lease:
                return moved
            session = moved
        return session

    async def _settle(self, device: str) -> None:
        async with self._known(device).turn:
            session = self._records.get(device)
            if session is not None:
                await self._mover.settle(session)

    async def _end(self, session: Session) -> Session | None:
        """None once nothing is left; else what is still owed, under the same id, so that its keys stay known."""
        if session.lease:
            owed = (*session.owed, Owed(session.site, "", session.lease))
            session = replace(session, site="", lease="", since=0, owed=owed)
            await self._records.put(session)
            self._ground.close(session.device)
        session = await self._mover.settle(session)
        if session.owed:
            return session
        await self._records.drop(session.device)
        return None


def _check(device: str, reports: Sequence[Report]) -> None:
    check_device(device)
    for t, lat, lon in reports:
        check_instant(t)
        check_position(lat, lon)
