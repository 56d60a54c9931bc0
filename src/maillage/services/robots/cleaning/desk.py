"""What the faces may ask of cleaning, in documents."""

import asyncio
import secrets

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.times import format_time
from maillage.services.robots.cleaning.documents import (
    CleaningDocument,
    GiveWayDocument,
    GiveWayWanted,
    NewCleaning,
    ResumeDocument,
    cleaning_document,
    order_of,
    until_of,
    window_of,
)
from maillage.services.robots.cleaning.errors import CleaningState
from maillage.services.robots.cleaning.evidence import Evidence
from maillage.services.robots.cleaning.evidence_documents import EvidenceDocument, evidence_document
from maillage.services.robots.cleaning.floor_desk import FloorDesk
from maillage.services.robots.cleaning.model import Cleaning
from maillage.services.robots.cleaning.picture import SIDE_PX, png_of
from maillage.services.robots.cleaning.schedule_desk import ScheduleDesk, check_robot, require_robots
from maillage.services.robots.cleaning.service import Cleanings
from maillage.services.robots.cleaning.steps import changed, ended


class CleaningDesk:
    """``cleanings`` looks after the sites of this process."""

    def __init__(self, cleanings: Cleanings, office: Office, clock: Clock) -> None:
        self.cleanings = cleanings
        self.floors = FloorDesk(cleanings, office, clock)
        self.schedules = ScheduleDesk(cleanings, office, clock, self.cancel)
        self._book = cleanings.book
        self._office = office
        self._clock = clock

    # -- cleanings -----------------------------------------------------------------------------------------------------

    async def create(self, document: NewCleaning) -> CleaningDocument:
        """Have a floor cleaned, from when its window opens on. NotFound without site or floor; Invalid for a window
        that is none, a robot that the site does not have, or a site without capacity of the kind."""
        now = self._clock.now()
        await require_robots(self._office, document.site)
        self._book.floor(document.site, document.floor)
        check_robot(self.cleanings.units, document.site, document.robot)
        window = window_of(document.window, now)
        cleaning = Cleaning(
            id=f"cl_{secrets.token_hex(6)}",
            site=document.site,
            floor=document.floor,
            order=order_of(document.order),
            windows=(window,),
            created_at=now,
            robot=document.robot or "",
        )
        await self._book.put(cleaning)
        if window[0] <= now:
            self.cleanings.stir()
        return self._document(cleaning)

    async def get(self, cleaning_id: str) -> CleaningDocument:
        """NotFound without it."""
        return self._document(await self._book.cleaning(cleaning_id))

    async def some(
        self, site: str | None, floor: str | None, state: str | None, before: str | None, limit: int
    ) -> tuple[list[CleaningDocument], str | None]:
        """The newest first, and the id to go on from."""
        found = await self._book.some(site, floor, state, before, limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        return [self._document(cleaning) for cleaning in found[:limit]], following

    async def pause(self, cleaning_id: str) -> CleaningDocument:
        """Have its robot stop where it is, or begin no run until it is resumed. CleaningState once it has ended or
        while its robot was called back; refusals of the robot's mission come through."""
        async with self.cleanings.lock(cleaning_id):
            cleaning = await self._going_on(cleaning_id)
            run = cleaning.run
            if run is None:
                cleaning = await self._book.put(
                    changed(cleaning, state="paused", reason="operator", paused_by="operator", detail="")
                )
                await self.cleanings.teller.tell(cleaning, "paused")
            elif run.phase == "cleaning":
                cleaning = await self.cleanings.follower.pause(cleaning, run)
            else:
                raise CleaningState(
                    f"{run.robot} was called back ({run.why or 'it is about to leave'}); there is nothing to pause",
                    state=cleaning.state,
                )
        return self._document(cleaning)

    async def resume(self, cleaning_id: str, document: ResumeDocument) -> CleaningDocument:
        """Go on with one that is paused, or with what one that ended left, for some hours. CleaningState where there is
        nothing to go on with."""
        now = self._clock.now()
        async with self.cleanings.lock(cleaning_id):
            cleaning = await self._book.cleaning(cleaning_id)
            run = cleaning.run
            if cleaning.state in ("partly", "failed"):
                until = until_of(document.until, now)
                self._book.floor(cleaning.site, cleaning.floor)
                cleaning = changed(
                    cleaning,
                    state="waiting",
                    reason="window",
                    windows=(*cleaning.windows, (now, until)),
                    idle_runs=0,
                    not_before=0,
                    ended_at=None,
                )
                cleaning = await self._book.put(cleaning)
            elif document.until is not None:
                raise Invalid("until", "goes with a cleaning that ended with something left; this one has its windows")
            elif cleaning.state == "paused" and run is not None and run.phase == "cleaning":
                cleaning = await self.cleanings.follower.resume(cleaning, run)
            elif cleaning.state == "paused":
                cleaning = await self._book.put(changed(cleaning, state="waiting", reason="window", paused_by=""))
            else:
                raise CleaningState(f"it is {cleaning.state}: there is nothing to resume", state=cleaning.state)
        self.cleanings.stir()
        return self._document(cleaning)

    async def cancel(self, cleaning_id: str) -> CleaningDocument:
        """Call it off: its robot goes to its dock, and the rest is left. Twice is the same as once; CleaningState where
        it has ended otherwise."""
        async with self.cleanings.lock(cleaning_id):
            cleaning = await self._book.cleaning(cleaning_id)
            if cleaning.state == "cancelled":
                return self._document(cleaning)
            if cleaning.ended:
                raise CleaningState(f"it is {cleaning.state} already", state=cleaning.state)
            if cleaning.run is None:
                cleaning = ended(cleaning, self._clock.now(), "cancelled", "operator")
                await self._book.put(cleaning)
                await self.cleanings.teller.tell(cleaning, "cancelled")
            else:
                cleaning = await self._book.put(changed(cleaning, cancelled=True))
        self.cleanings.stir()
        return self._document(cleaning)

    async def evidence(self, cleaning_id: str) -> EvidenceDocument:
        """What was cleaned, also while it goes on. NotFound while nothing was driven yet."""
        cleaning, found = await self._evidence(cleaning_id)
        return await asyncio.to_thread(evidence_document, cleaning, found)

    async def picture(self, cleaning_id: str, side_px: int = SIDE_PX) -> bytes:
        """The same as a PNG."""
        _, found = await self._evidence(cleaning_id)
        return await asyncio.to_thread(png_of, found, side_px)

    # -- giving way ----------------------------------------------------------------------------------------------------

    async def give_way(self, site: str, document: GiveWayWanted) -> GiveWayDocument:
        """Call all robots of a site that clean to their docks, and send none until then. What they leave is gone on
        with afterwards, as far as its windows allow."""
        await self._office.get_site(site)
        now = self._clock.now()
        until = 0 if document.until is None else until_of(document.until, now)
        await self._book.give_way(site, until)
        called = [each.id for each in self._book.of_site(site) if until and each.run is not None]
        for cleaning in self._book.of_site(site):
            if not until and cleaning.run is None and cleaning.reason == "gave_way":
                async with self.cleanings.lock(cleaning.id):
                    known = self._book.open.get(cleaning.id)
                    if known is not None and known.run is None:
                        await self._book.put(changed(known, not_before=0))
        await self.cleanings.roll()
        self.cleanings.stir()
        return GiveWayDocument(site, format_time(until) if until else None, called)

    async def gives_way(self, site: str) -> GiveWayDocument:
        """Whether it does now."""
        await self._office.get_site(site)
        until = self._book.gives_way_until(site, self._clock.now())
        return GiveWayDocument(site, None if until is None else format_time(until), [])

    # -- how -----------------------------------------------------------------------------------------------------------

    async def _going_on(self, cleaning_id: str) -> Cleaning:
        cleaning = await self._book.cleaning(cleaning_id)
        if cleaning.ended:
            raise CleaningState(f"it is {cleaning.state} already", state=cleaning.state)
        return cleaning

    async def _evidence(self, cleaning_id: str) -> tuple[Cleaning, Evidence]:
        cleaning = await self._book.cleaning(cleaning_id)
        found = await self.cleanings.follower.live_evidence(cleaning)
        if found is None:
            raise NotFound(f"nothing was driven for {cleaning_id} yet; it is {cleaning.state}")
        return cleaning, found

    def _document(self, cleaning: Cleaning) -> CleaningDocument:
        return cleaning_document(cleaning, self.cleanings.reached(cleaning))
